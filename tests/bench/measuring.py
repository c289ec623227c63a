"""What a bench run is made of: processes to measure, viewers that load them, readings before and after."""

import os
import re
import shutil
import subprocess
import threading
from dataclasses import dataclass, field

from harness.ports import free_port
from harness.processes import Process
from harness.tools import Tool
from harness.waiting import until

TICKS = os.sysconf("SC_CLK_TCK")


def pause(seconds):
    """Measuring windows are the one thing here that is made of time."""
    threading.Event().wait(seconds)


def cpu_seconds(pids):
    """User and system time of all threads of these processes."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def private_bytes(pid):
    """Proportional memory of a process, socket buffers not among it."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
        return 1024 * int(re.search(r"^Pss:\s+(\d+) kB", rollup.read(), re.M).group(1))


def sends_per_second(pids, seconds):
    """System calls that write, counted by strace; None where it cannot attach."""
    if shutil.which("strace") is None:
        return None
    names = "write,writev,sendto,sendmsg,sendmmsg,sendfile"
    argv = ["strace", "-f", "-c", "-qq", "-e", f"trace={names}"]
    for pid in pids:
        argv += ["-p", str(pid)]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as tracer:
        pause(seconds)
        tracer.send_signal(2)
        _, report = tracer.communicate()
    counts = [int(line.split()[3]) for line in report.splitlines()
              if line.split() and line.split()[-1] in names.split(",")]
    return sum(counts) / seconds if counts else None


@dataclass
class Reading:
    """One server, one path, one number of viewers."""
    server: str
    path: str
    viewers: int
    cpu_per_s: float = 0.0       # seconds of CPU a second
    mb_per_s: float = 0.0        # received by the viewers
    p50_ms: float | None = None
    p99_ms: float | None = None
    memory: int = 0              # of the process that serves the viewers
    lost: int = 0                # viewers that got nothing, or not to the end
    cpu_by_process: dict = field(default_factory=dict)

    @property
    def us_per_mb(self):
        return 1e6 * self.cpu_per_s / self.mb_per_s if self.mb_per_s else float("nan")


class Timing:
    def __init__(self, quick):
        self.warm_up = 1.5 if quick else 3
        self.window = 3 if quick else 10
        self.trace = 2 if quick else 4


def sends_per_viewer(url, serving, timing, viewers=20):
    """Few viewers, since tracing slows the server down, and a slow server gathers more into a send."""
    load = Tool("../bench/bench-load", f"--viewers={viewers}", "--parsed=0", url)
    try:
        load.wait_event("ready", timeout=30)
        pause(timing.warm_up)
        sends = sends_per_second([serving], timing.trace)
        return None if sends is None else sends / viewers
    finally:
        load.kill()


def measure(server, path, url, viewers, pids, timing, serving=None):
    """Loads `url` with viewers and reads CPU of `pids` ({name: pid}), bytes and latencies over the window."""
    load = Tool("../bench/bench-load", f"--viewers={viewers}", f"--parsed={min(viewers, 3)}", url)
    try:
        load.wait_event("ready", timeout=90)
        pause(timing.warm_up)
        before = _mark(load, 0)
        cpu_before = {name: cpu_seconds([pid]) for name, pid in pids.items()}
        pause(timing.window)
        after = _mark(load, 1)
        cpu_after = {name: cpu_seconds([pid]) for name, pid in pids.items()}
        seconds = (after["ns"] - before["ns"]) / 1e9
        reading = Reading(server, path, viewers, lost=viewers - min(after["open"], after["playing"]))
        reading.cpu_by_process = {n: (cpu_after[n] - cpu_before[n]) / seconds for n in pids}
        reading.cpu_per_s = sum(reading.cpu_by_process.values())
        reading.mb_per_s = (after["bytes"] - before["bytes"]) / 1e6 / seconds
        if after["video_latency"]:
            reading.p50_ms = after["video_latency"]["p50_us"] / 1000
            reading.p99_ms = after["video_latency"]["p99_us"] / 1000
        if serving:
            reading.memory = private_bytes(serving)
        return reading
    finally:
        load.kill()


def _mark(load, number):
    load.command("mark")
    return load.wait_event("mark", timeout=30, count=number + 1)


def first_key_frame_ms(url, probes):
    load = Tool("../bench/bench-load", f"--probes={probes}", url)
    try:
        found = load.wait_event("probes", timeout=25 * probes)["first_key"]
        return found["p50_us"] / 1000 if found else None
    finally:
        load.kill()


class Floor:
    """The program that only writes a ready buffer."""

    def __init__(self, size, rate):
        self.name = f"floor, {size / 1000:.1f} kB × {rate}/s"
        self.child = subprocess.Popen(
            [Tool.path("../bench/bench-floor"), f"--bytes={size}", f"--rate={rate}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = f"tcp://127.0.0.1:{int(self.child.stdout.readline())}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.communicate("stop\n", timeout=10)

    def measure(self, viewers, timing):
        return measure(self.name, "TCP", self.url, viewers, {"floor": self.child.pid}, timing)


NGINX_CONFIG = """
load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 10000; }}
rtmp {{ server {{ listen 127.0.0.1:{port}; application live {{ live on; }} }} }}
"""


class NginxRtmp:
    """Debian's nginx-rtmp, every setting of its RTMP module at its default."""

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        config = folder / "nginx.conf"
        config.write_text(NGINX_CONFIG.format(folder=folder, port=self.port))
        self.process = Process("nginx", ["nginx", "-e", folder / "error.log", "-c", config], folder)

    @staticmethod
    def installed():
        return shutil.which("nginx") and os.path.exists("/usr/lib/nginx/modules/ngx_rtmp_module.so")

    def __enter__(self):
        self.process.start()
        until(self.worker, 10, "nginx has a worker")
        return self

    def __exit__(self, *_):
        self.process.terminate()

    def worker(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as children:
            pids = children.read().split()
        return int(pids[0]) if pids else None

    def url(self, stream):
        return f"rtmp://127.0.0.1:{self.port}/{stream}"
