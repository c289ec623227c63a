"""The admin API: over gRPC, with messages generated here and now, and through the command line."""

import importlib
import json
import pathlib
import subprocess
import sys
import tempfile

import grpc

from harness.places import BIN, ROOT


def _generated():
    """millrace.v1's Python modules, made by protoc from the proto files of the tree."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-protos-"))
    protos = [f"millrace/v1/{name}.proto" for name in ("config", "node", "admin")]
    subprocess.run(["protoc", f"-I{ROOT}/proto", f"--python_out={folder}", *protos], check=True,
                   cwd=ROOT)
    sys.path.insert(0, str(folder))
    return {name: importlib.import_module(f"millrace.v1.{name}_pb2")
            for name in ("config", "node", "admin")}


_PROTOS = _generated()
admin_pb, node_pb, config_pb = _PROTOS["admin"], _PROTOS["node"], _PROTOS["config"]


class Admin:
    def __init__(self, address, folder):
        self.address = address
        self.folder = folder
        self.channel = grpc.insecure_channel(
            address, options=[("grpc.max_reconnect_backoff_ms", 500)])

    def call(self, method, request, timeout=10):
        """One unary call of AdminService; the answer's type follows from the service description."""
        descriptor = admin_pb.DESCRIPTOR.services_by_name["AdminService"].methods_by_name[method]
        answer = getattr(admin_pb, descriptor.output_type.name, None) \
            or getattr(node_pb, descriptor.output_type.name, None) \
            or getattr(config_pb, descriptor.output_type.name)
        stub = self.channel.unary_unary(f"/millrace.v1.AdminService/{method}",
                                        request_serializer=type(request).SerializeToString,
                                        response_deserializer=answer.FromString)
        try:
            return stub(request, timeout=timeout, wait_for_ready=True)
        except grpc.RpcError as error:
            # The connection to a control plane that has just been restarted breaks under one call.
            if error.code() != grpc.StatusCode.UNAVAILABLE:
                raise
            return stub(request, timeout=timeout, wait_for_ready=True)

    def watch(self, prefix="", timeout=60):
        stub = self.channel.unary_stream(
            "/millrace.v1.AdminService/WatchStreams",
            request_serializer=admin_pb.WatchStreamsRequest.SerializeToString,
            response_deserializer=admin_pb.StreamEvent.FromString)
        return stub(admin_pb.WatchStreamsRequest(prefix=prefix), timeout=timeout)

    def streams(self, prefix=""):
        answer = self.call("ListStreams", admin_pb.ListStreamsRequest(prefix=prefix, page_size=1000))
        return {stream.name: stream for stream in answer.streams}

    def sessions(self, **filters):
        answer = self.call("ListSessions", admin_pb.ListSessionsRequest(page_size=1000, **filters))
        return list(answer.sessions)

    def nodes(self):
        return list(self.call("ListNodes", admin_pb.ListNodesRequest(page_size=1000)).nodes)

    def cli(self, *arguments, check=True, env=None):
        """Runs `millrace`; returns the finished process."""
        result = subprocess.run([BIN / "millrace", f"--server={self.address}", *arguments],
                                capture_output=True, text=True, timeout=30, cwd=self.folder, env=env)
        if check:
            assert result.returncode == 0, (arguments, result.returncode, result.stdout, result.stderr)
        return result

    def cli_json(self, *arguments):
        return json.loads(self.cli(*arguments, "--json").stdout)
