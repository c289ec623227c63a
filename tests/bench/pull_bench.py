#!/usr/bin/python3
"""What it costs to pull cameras: a hundred of 2 Mbit/s at once, over TCP and over UDP.

    tests/bench/pull_bench.py [--build build/bench] [--cameras 100] [--seconds 60] [--transport tcp,udp]

CPU is user + system time of the rtsp-gateway and of the router, a stream, as a part of one core. Nothing may be lost: each
picture that the cameras sent in the window has to be counted by the gateway, and no packet be missing.
"""

import argparse
import os
import pathlib
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TRANSPORTS = {"tcp": 2, "udp": 3}  # v1::PullTransport
UNITS_PER_SECOND = 25 + 48000 / 1024  # pictures and sounds of one camera


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=ROOT / "build/bench", type=pathlib.Path)
    parser.add_argument("--cameras", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--transport", default="tcp,udp")
    return parser.parse_args()


OPTIONS = arguments() if __name__ == "__main__" else None
if OPTIONS:
    os.environ["MILLRACE_BIN"] = str(OPTIONS.build / "bin")
    os.environ["MILLRACE_TOOLS"] = str(OPTIONS.build / "tests")
sys.path[:0] = [str(ROOT / "tests/integration"), str(HERE)]

from harness.admin import admin_pb, node_pb  # noqa: E402
from harness.cluster import Cluster  # noqa: E402
from harness.tools import Tool  # noqa: E402
from harness.waiting import until  # noqa: E402
from measuring import cpu_seconds, pause, private_bytes  # noqa: E402


class Farm(Tool):
    """camera_farm.py"""

    def __init__(self):
        super().__init__("camera_farm.py")
        self.url = self.wait_event("listening", 120)["url"]

    @staticmethod
    def path(program):
        return str(HERE / program)


class Reading:
    def __init__(self, cluster):
        self.at = time.monotonic()
        gateway = cluster["rtsp0"].metrics()
        self.frames = gateway.sum("millrace_ingest_frames_total")
        self.megabytes = gateway.sum("millrace_ingest_bytes_total") / 1e6
        self.lost = gateway.sum("millrace_rtp_lost_packets_total")
        self.cpu = {name: cpu_seconds([cluster[name].process.pid]) for name in ("rtsp0", "router")}


def measure(cluster, farm, transport, options):
    """A line of the table."""
    names = [f"farm/{transport}{i}" for i in range(options.cameras)]
    for name in names:
        pull = node_pb.Pull(stream=name, url=farm.url, transport=TRANSPORTS[transport])
        cluster.admin.call("AddPull", admin_pb.AddPullRequest(pull=pull))
    until(lambda: len(cluster.admin.streams(f"farm/{transport}")) == options.cameras, 120, "every camera is pulled",
          interval=1)
    pause(5)
    before = Reading(cluster)
    pause(options.seconds)
    after = Reading(cluster)
    memory = private_bytes(cluster["rtsp0"].process.pid)
    for name in names:
        cluster.admin.call("RemovePull", admin_pb.RemovePullRequest(stream=name))
    seconds = after.at - before.at
    wanted = UNITS_PER_SECOND * seconds * options.cameras
    cpu = {name: (after.cpu[name] - before.cpu[name]) / seconds for name in before.cpu}
    return (f"| {transport} | {options.cameras} | {8 * (after.megabytes - before.megabytes) / seconds:.0f} | "
            f"{1000 * cpu['rtsp0'] / options.cameras:.2f} | {1000 * cpu['router'] / options.cameras:.2f} | "
            f"{memory / options.cameras / 1024:.0f} | {after.lost - before.lost:.0f} | "
            f"{100 * (after.frames - before.frames) / wanted:.2f} |")


def main(options):
    lines = ["| by | cameras | Mbit/s | gateway, CPU ms/s a stream | router, CPU ms/s a stream | gateway, KiB a stream | "
             "packets lost | frames, % of what was sent |",
             "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder:
        cluster = Cluster(pathlib.Path(folder), rtmp=0, http=0, rtsp=1)
        farm = Farm()
        try:
            cluster.start()
            for transport in options.transport.split(","):
                lines.append(measure(cluster, farm, transport, options))
                print(lines[-1], file=sys.stderr, flush=True)
        finally:
            farm.kill()
            for problem in cluster.stop():
                print(problem, file=sys.stderr)
            cluster.kill()
    print("\n".join(lines))


if __name__ == "__main__":
    main(OPTIONS)
