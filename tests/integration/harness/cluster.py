"""A whole cluster of real processes on loopback."""

import os

from harness.admin import Admin
from harness.http import request
from harness.places import BIN
from harness.ports import free_port
from harness.processes import Process
from harness.scrape import scrape
from harness.waiting import until

CONTROL_PLANE, ROUTER = "control-plane", "router"


class Node:
    """One process of the cluster and its ports."""

    def __init__(self, name, program, folder, flags, metrics_port, port):
        argv = [BIN / program, *flags, "--drain=1s", "--log-format=text", "--log-level=info"]
        options = "abort_on_error=0:handle_abort=1:print_stacktrace=1"
        if more := os.environ.get("ASAN_OPTIONS"):
            options += ":" + more
        env = {"ASAN_OPTIONS": options, "UBSAN_OPTIONS": "print_stacktrace=1",
               "TSAN_OPTIONS": "ignore_noninstrumented_modules=1"}
        self.process = Process(name, argv, folder, env)
        self.name = name
        self.metrics_port = metrics_port
        self.port = port

    def ready(self):
        if not self.process.alive():
            raise AssertionError(f"{self.name} ended with {self.process.child.returncode}:\n"
                                 + self.process.log()[-4000:])
        try:
            return request(self.metrics_port, "/readyz", timeout=2).status == 200
        except OSError:
            return False

    def wait_ready(self, timeout=30):
        until(self.ready, timeout, lambda: f"{self.name} is ready\n" + self.process.log()[-4000:])

    def start(self):
        self.process.start()
        return self

    def restart(self):
        """Starts it again, on the same ports and state, and waits until it is ready."""
        self.process.start()
        self.wait_ready()

    def metrics(self):
        return scrape(self.metrics_port)


class Cluster:
    def __init__(self, folder, config="", rtmp=2, http=2):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.config_path = folder / "millrace.yaml"
        self.config_path.write_text(config)
        self.grpc_port, self.http_port = free_port(), free_port()
        self.nodes = {}
        self._add(CONTROL_PLANE, "millrace-control-plane",
                  [f"--listen=127.0.0.1:{self.grpc_port}", f"--http=127.0.0.1:{self.http_port}",
                   f"--config={self.config_path}", f"--store={folder}/store.sqlite"],
                  self.grpc_port, metrics_port=self.http_port)
        bus = free_port()
        self._add_node(ROUTER, "millrace-router",
                       [f"--listen=tcp://127.0.0.1:{bus}", f"--advertise=tcp://127.0.0.1:{bus}"], bus)
        for kind, count in (("rtmp", rtmp), ("http", http)):
            for i in range(count):
                port, secure = free_port(), free_port()
                self._add_node(f"{kind}{i}", f"millrace-{kind}-gateway",
                               [f"--listen=127.0.0.1:{port}", f"--{kind}s-listen=127.0.0.1:{secure}"], port)
                self[f"{kind}{i}"].secure_port = secure
        self.admin = Admin(f"127.0.0.1:{self.grpc_port}", folder)

    def _add(self, name, program, flags, port, metrics_port):
        self.nodes[name] = Node(name, program, self.folder, flags, metrics_port, port)

    def _add_node(self, name, program, flags, port):
        state = self.folder / f"state-{name}"
        state.mkdir(exist_ok=True)
        metrics_port = free_port()
        self._add(name, program,
                  [f"--control-plane=127.0.0.1:{self.grpc_port}", f"--node={name}",
                   f"--state-dir={state}", f"--metrics=127.0.0.1:{metrics_port}", *flags],
                  port, metrics_port)

    def __getitem__(self, name):
        return self.nodes[name]

    def start(self):
        for node in self.nodes.values():
            node.start()
        for node in self.nodes.values():
            node.wait_ready()
        until(lambda: len(self.admin.nodes()) >= len(self.nodes) - 1, 15,
              "the control plane lists every node")
        return self

    def rtmp(self, stream, gateway=0):
        return f"rtmp://127.0.0.1:{self[f'rtmp{gateway}'].port}/{stream}"

    def flv(self, stream, gateway=0, query=""):
        return f"http://127.0.0.1:{self[f'http{gateway}'].port}/{stream}.flv{query}"

    def ws(self, stream, gateway=0, query=""):
        return "ws" + self.flv(stream, gateway, query).removeprefix("http")

    def rtmps(self, stream, gateway=0):
        return f"rtmps://127.0.0.1:{self[f'rtmp{gateway}'].secure_port}/{stream}"

    def https(self, stream, gateway=0, query=""):
        return f"https://127.0.0.1:{self[f'http{gateway}'].secure_port}/{stream}.flv{query}"

    def metric(self, name, **labels):
        """Summed over all processes that answer."""
        total = 0
        for node in self.nodes.values():
            if node.process.alive():
                total += node.metrics().sum(name, **labels)
        return total

    def kill(self):
        for node in self.nodes.values():
            if node.process.alive():
                node.process.kill()

    def stop(self):
        """Ends every process as an operator would; returns what was wrong with any of them."""
        problems = []
        order = sorted(self.nodes, key=lambda n: n in (ROUTER, CONTROL_PLANE))
        for name in order:
            process = self.nodes[name].process
            if process.child is None:
                continue
            try:
                was_alive = process.alive()
                code = process.terminate()
                if not was_alive and code != -9:
                    problems.append(f"{name} had ended by itself with {code}")
                elif was_alive and code != 0:
                    problems.append(f"{name} ended with {code} on SIGTERM")
            except AssertionError as error:
                problems.append(str(error))
            problems += [f"{name}: {line}" for line in process.sanitizer_reports()]
        return problems

    def logs(self, lines=60):
        parts = []
        for name, node in self.nodes.items():
            tail = "\n".join(node.process.log().splitlines()[-lines:])
            parts.append(f"---- {name} ----\n{tail}")
        return "\n".join(parts)


def sanitized():
    """Whether the programs are built with a sanitizer: they are then several times slower and larger."""
    with open(BIN / "millrace-router", "rb") as program:
        return b"__asan_init" in program.read() or "MILLRACE_SANITIZED" in os.environ
