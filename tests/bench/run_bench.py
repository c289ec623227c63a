#!/usr/bin/python3
"""One run, one table: the floor, nginx-rtmp and Millrace side by side on this machine.

    tests/bench/run_bench.py [--build build/bench] [--quick] [--only PART,…] [--readme]
                             [--viewers 1,300,1000]

Parts: floor, nginx, chain, prompt, thrifty, growth, idle. --readme writes the table into README.md.
"""

import argparse
import datetime
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PARTS = ("floor", "nginx", "chain", "prompt", "thrifty", "growth", "idle")
REPEATS = 3
FLOORS = {"audio": (3900, 68), "video": (10700, 25), "merged": (64000, 4)}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", default=ROOT / "build/bench", type=pathlib.Path)
    parser.add_argument("--quick", action="store_true", help="short windows: for the inner loop")
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--viewers", default="1,300,1000", help="one, some and many")
    parser.add_argument("--readme", action="store_true")
    options = parser.parse_args()
    options.parts = options.only.split(",")
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"unknown parts: {unknown}")
    return options


OPTIONS = arguments() if __name__ == "__main__" else None
if OPTIONS:
    os.environ["MILLRACE_BIN"] = str(OPTIONS.build / "bin")
    os.environ["MILLRACE_TOOLS"] = str(OPTIONS.build / "tests")
sys.path[:0] = [str(ROOT / "tests/integration"), str(HERE)]

from harness.cluster import Cluster  # noqa: E402
from harness.tools import Source  # noqa: E402
from harness.waiting import until  # noqa: E402
from measuring import (Floor, NginxRtmp, Timing, cpu_seconds, first_key_frame_ms, measure,  # noqa: E402
                       pause, private_bytes, sends_per_viewer)
from report import Report  # noqa: E402


class Rate:
    """How fast `read()` rises from here to per_second()."""

    def __init__(self, read):
        self.read, self.since, self.start = read, time.monotonic(), read()

    def per_second(self):
        return (self.read() - self.start) / (time.monotonic() - self.since)


class Run:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.timing = Timing(options.quick)
        self.counts = tuple(int(n) for n in options.viewers.split(","))
        self.report = Report(*self.counts)

    def note(self, text):
        print(text, file=sys.stderr, flush=True)

    def add(self, reading):
        self.report.add(reading)
        latency = "" if reading.p99_ms is None else f", p50 {reading.p50_ms:.1f} p99 {reading.p99_ms:.1f} ms"
        lost = f", {reading.lost} viewers lost" if reading.lost else ""
        self.note(f"  {reading.server}, {reading.path}, {reading.viewers}: {reading.us_per_mb:.0f} us/MB, "
                  f"{1000 * reading.cpu_per_s:.1f} ms/s{latency}{lost}")
        return reading

    def floor(self):
        for key, (size, rate) in FLOORS.items():
            with Floor(size, rate) as floor:
                for viewers in self.counts[1:]:
                    self.report.floors[key, viewers] = self.add(floor.measure(viewers, self.timing))

    def nginx(self):
        if not NginxRtmp.installed():
            self.note("  nginx with libnginx-mod-rtmp is not installed: left out")
            return
        with NginxRtmp(self.folder / "nginx") as nginx:
            worker = nginx.worker()
            source = Source(nginx.url("live/bench"), profile="bench").wait_publishing()
            pause(self.timing.warm_up)
            before = cpu_seconds([worker])
            pause(self.timing.window)
            self.report.reading_rtmp = (cpu_seconds([worker]) - before) / self.timing.window
            for viewers in self.counts:
                reading, source = self.measure("nginx-rtmp", "RTMP", nginx.url("live/bench"), viewers,
                                               {"nginx": worker}, nginx.url("live/bench"), source,
                                               serving=worker)
                self.add(reading)
            self.report.sends["nginx-rtmp", "RTMP"] = \
                sends_per_viewer(nginx.url("live/bench"), worker, self.timing)
            self.report.first_key["nginx-rtmp", "RTMP"] = \
                first_key_frame_ms(nginx.url("live/bench"), 5)
            source.stop()

    def chain(self):
        program = self.options.build / "bench/bare_bus_chain"
        if not program.exists():
            self.note("  bare_bus_chain is not built: left out")
            return
        for rate in (68, 25):
            costs = []
            for _ in range(REPEATS):
                out = subprocess.run([program, f"--messages_per_second={rate}",
                                      f"--seconds={self.timing.window / 2:g}"],
                                     capture_output=True, text=True, timeout=120, check=True).stdout
                self.note("  " + out.strip())
                costs.append(float(out.split("cpu_ms_per_s=")[1].split()[0]) / 1000)
            self.report.chain[rate] = min(costs)

    def measure(self, server, path, url, viewers, pids, source_url, source, serving=None):
        """The reading, and the source that publishes after it.

        What one viewer costs is the least of several readings, each with a publisher of its own: on a virtual machine
        that is nearly idle, the wake-ups of one stream can lock into a phase that costs ten times more. The bare bus
        chain does so too.
        """
        readings = []
        for _ in range(REPEATS if viewers == 1 else 1):
            if viewers == 1:
                source.stop()
                source = Source(source_url, profile="bench").wait_publishing()
            readings.append(measure(server, path, url, viewers, pids, self.timing, serving=serving))
            if viewers == 1:
                self.note(f"  (one viewer: {1000 * readings[-1].cpu_per_s:.1f} ms/s, "
                          f"p99 {readings[-1].p99_ms or 0:.1f} ms)")
        return min(readings, key=lambda reading: reading.cpu_per_s), source

    def cluster(self, name, config):
        cluster = Cluster(self.folder / name, config, rtmp=2, http=1)
        return cluster.start()

    def millrace(self, name, config):
        """rtmp0 takes the stream; rtmp1 and http0 serve it, one at a time."""
        cluster = self.cluster(name, config)
        try:
            source = Source(cluster.rtmp("live/bench"), profile="bench").wait_publishing()
            for path, url, serving in (("RTMP", cluster.rtmp("live/bench", 1), "rtmp1"),
                                       ("HTTP-FLV", cluster.flv("live/bench"), "http0")):
                pids = {n: cluster[n].process.pid for n in ("rtmp0", "router", serving)}
                until(lambda n=serving: cluster[n].metrics().sum("millrace_sessions") == 0, 10, "no viewers")
                self.report.first_key[f"Millrace, {name}", path] = \
                    first_key_frame_ms(url, 10 if self.options.quick else 50)
                for viewers in self.counts:
                    messages = Rate(lambda: cluster["router"].metrics().sum(
                        "millrace_bus_messages_total", direction="in"))
                    reading, source = self.measure(f"Millrace, {name}", path, url, viewers, pids,
                                                   cluster.rtmp("live/bench"), source,
                                                   serving=pids[serving])
                    self.add(reading)
                    self.report.bus_rate[name] = messages.per_second()
                self.report.sends[f"Millrace, {name}", path] = \
                    sends_per_viewer(url, pids[serving], self.timing)
            end = source.stop()
            self.note(f"  source wrote {end['streams']}")
        finally:
            for problem in cluster.stop():
                self.note("  " + problem)
            cluster.kill()

    def prompt(self):
        self.millrace("prompt", "")

    def thrifty(self):
        self.millrace("thrifty", "defaults:\n  flush: 350ms\n")

    def growth(self):
        """One gateway, a 300 kbit/s stream, 500 viewers and then 5,000, against the floor."""
        some = self.counts[1] * 5 // 3
        counts = (some, 4 * some) if self.options.quick else (some, 10 * some)
        floors = {}
        with Floor(1500, 25) as floor:
            for viewers in counts:
                floors[viewers] = self.add(floor.measure(viewers, self.timing))
        cluster = self.cluster("growth", "")
        try:
            source = Source(cluster.rtmp("live/small"), profile="small").wait_publishing()
            for path, url, serving in (("RTMP", cluster.rtmp("live/small", 1), "rtmp1"),
                                       ("HTTP-FLV", cluster.flv("live/small"), "http0")):
                for viewers in counts:
                    reading = self.add(measure("Millrace, 300 kbit/s", path, url, viewers,
                                               {serving: cluster[serving].process.pid}, self.timing,
                                               serving=cluster[serving].process.pid))
                    self.report.growth[path, viewers] = reading.cpu_per_s / floors[viewers].cpu_per_s
            source.stop()
        finally:
            cluster.stop()
            cluster.kill()

    def idle(self):
        """What 2,000 registered streams that send nothing cost the router."""
        cluster = self.cluster("idle", "defaults:\n  publish_idle_timeout: 1h\n")
        try:
            router = cluster["router"].process.pid
            memory = private_bytes(router)
            source = Source(cluster.rtmp("idle/s"), streams=2000, silent=True)
            source.wait_publishing(timeout=90)
            pause(self.timing.warm_up)
            before = cpu_seconds([router])
            pause(2 * self.timing.window)
            self.report.idle = {
                "streams": cluster["router"].metrics().sum("millrace_streams", state="live"),
                "cpu": (cpu_seconds([router]) - before) / (2 * self.timing.window),
                "memory": private_bytes(router) - memory,
                "cache": cluster["router"].metrics().sum("millrace_cache_bytes"),
            }
            self.note(f"  {self.report.idle}")
            source.kill()
        finally:
            cluster.stop()
            cluster.kill()


def machine():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as info:
        model = next((l.split(":")[1].strip() for l in info if l.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} × {model}, Linux {platform.release()}"


def main(options):
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder:
        run = Run(options, pathlib.Path(folder))
        for part in PARTS:
            if part in options.parts:
                run.note(f"{part}:")
                getattr(run, part)()
    heading = f"{datetime.date.today().isoformat()}, {machine()}" + (", --quick" if options.quick else "")
    text = f"{heading}\n\n{run.report.table()}\n\n{run.report.targets()}"
    print(text)
    if options.readme:
        readme = HERE / "README.md"
        begin, _, rest = readme.read_text().partition("<!-- last run -->\n")
        _, mark, tail = rest.partition("<!-- end -->\n")
        readme.write_text(f"{begin}<!-- last run -->\n{text}\n{mark}{tail}")
    return 0


if __name__ == "__main__":
    sys.exit(main(OPTIONS))
