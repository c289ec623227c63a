#!/usr/bin/env python3
"""Soak: a whole cluster under publishers and viewers that come and go, and does anything pile up?

Starts control plane, router, two rtmp- and two http-gateways on loopback, and keeps so many publishers and viewers on
them for so long. They come and go all the time, by RTMP, HTTP-FLV and WS-FLV: some say goodbye, some are cut without a word,
fall silent, stop reading, publish a name in use, ask for a stream that does not exist; some are kicked and banned, and
configuration is applied. A few streams and their viewers are left alone throughout. In the end:

  - every process is the one that was started, ends with 0 on SIGTERM and without a sanitizer's report;
  - the memory of each is flat (from 30 minutes up: the last third's median against the middle third's), and no file
    stays open that was not before the first client;
  - no session and no stream is left in the tables;
  - no viewer of a stream that was left alone missed a frame; no viewer at all saw one damaged, doubled or out of order.

Exit code 0 if all of that holds, 1 if not, with a line for each thing that does not.
"""

import argparse
import os
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter

PROGRAMS = ["millrace-control-plane", "millrace-router", "millrace-rtmp-gateway", "millrace-http-gateway", "millrace"]
TOOLS = ["stream-source", "stream-check"]
# With its defaults ASan keeps 256 MB of freed memory in quarantine and gives free pages back every 5 s: RSS would tell
# of that. Leaks are looked for at the end of each process.
ASAN_OPTIONS = ("detect_leaks=1:quarantine_size_mb=1:thread_local_quarantine_size_kb=16"
                ":allocator_release_to_os_interval_ms=500:malloc_context_size=12")
STEADY, STEADY_RUN = 6, 1
HEAVY = "load/heavy"
AT_ONCE = 5            # peers that are opened in one step, of each kind
STEP_S, SAMPLE_S, CONFIG_S = 0.25, 10, 20
FLAT_FROM_MINUTES = 30  # the router remembers ended streams for ten: the middle third begins behind that
CONFIG = """
defaults: {{wait_timeout: 3s, grace: 4s, publish_idle_timeout: 4s, slow_viewer_timeout: 5s, viewer_backlog: 512KiB}}
applications:
  strict: {{publish_policy: reject, flush: {flush}ms}}
  churn: {{catch_up: {catch_up}}}
  steady: {{grace: 15s}}
metrics: {{per_stream: true, per_stream_limit: {per_stream}}}
"""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--publishers", type=int, default=100, help="at any time")
    parser.add_argument("--viewers", type=int, default=100, help="at any time")
    parser.add_argument("--stallers", type=int, default=4, help="of the viewers, who stop reading a heavy stream")
    parser.add_argument("--admin-every", type=float, default=3, metavar="SECONDS", help="between two kicks or bans")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("build/asan/bin"),
                        help="folder of the programs, %(default)s; stream-source and stream-check in ../tests")
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR", help="logs stay there")
    return parser.parse_args()


def copied(folder, source):
    """The programs, aside: a build meanwhile does not disturb them."""
    for sub, names in (("bin", PROGRAMS), ("tests", TOOLS)):
        (folder / sub).mkdir(parents=True)
        for name in names:
            shutil.copy2(source.parent / sub / name, folder / sub / name)
    return folder / "bin"


class Soak:
    def __init__(self, options, folder):
        from gauges import Gauges
        from harness.cluster import Cluster
        from harness.tools import Source, Viewers
        import peers
        self.options = options
        self.dice = random.Random(options.seed)
        self.cluster = Cluster(folder / "cluster", self.config()).start()
        self.gauges = Gauges(self.cluster)
        self.source = Source(self.cluster.rtmp("steady/s"), profile="thrifty", streams=STEADY,
                             run=STEADY_RUN).wait_publishing()
        self.heavy = Source(self.cluster.rtmp(HEAVY, 1), profile="heavy", run=1000).wait_publishing()
        steady = [getattr(self.cluster, kind)(f"steady/s{i}", (i + shift) % 2)
                  for i in range(STEADY) for shift, kind in enumerate(("rtmp", "flv", "ws"))]
        self.watchers = Viewers(*steady).wait_playing()
        self.publishers = peers.Publishers(self.cluster, self.dice, max(0, options.publishers - STEADY - 1))
        self.viewers = peers.Viewers(self.cluster, self.dice,
                                     max(0, options.viewers - len(steady) - options.stallers), self.publishers.streams)
        self.stallers = peers.Stallers(self.cluster, self.dice, options.stallers, HEAVY)
        self.crowds = [self.publishers, self.viewers, self.stallers]
        self.tools = [self.source, self.heavy, self.watchers] + [crowd.tool for crowd in self.crowds]
        self.gauges.others = [tool.child.pid for tool in self.tools]
        self.done = Counter()
        self.problems = []

    def config(self):
        return CONFIG.format(flush=self.dice.choice([0, 100, 350]), per_stream=self.dice.choice([20, 100]),
                             catch_up=self.dice.choice(["pace", "jump"]))

    # --- while it runs ---

    def run(self):
        began = time.monotonic()
        end = began + self.options.minutes * 60
        next_sample = next_admin = next_config = began
        pause = threading.Event()
        while (now := time.monotonic()) < end:
            for crowd in self.crowds:
                crowd.step(AT_ONCE)
            if now >= next_sample:
                next_sample += SAMPLE_S
                self.sample(now - began)
            if now >= next_admin:
                next_admin += self.options.admin_every
                self.administer()
            if now >= next_config:
                next_config += CONFIG_S
                self.apply()
            broken = self.gauges.restarted() + [
                f"{tool.arguments} has ended" for tool in self.tools if tool.child.poll() is not None]
            if broken:
                self.problems += broken
                return
            pause.wait(STEP_S)

    def sample(self, elapsed):
        self.gauges.sample()
        servers, clients = self.gauges.cores()
        for node in self.cluster.nodes.values():
            node.metrics()
        alive = [len(crowd.alive) for crowd in self.crowds]
        made = sum(crowd.opened for crowd in self.crowds)
        print(f"{elapsed / 60:5.1f} min: {alive[0]}+{STEADY + 1} publishers, "
              f"{alive[1] + alive[2]}+{self.watchers.count} viewers, {made} made; "
              f"{servers:.2f}+{clients:.2f} cores; {self.gauges.line()}", flush=True)

    def administer(self):
        from harness.admin import admin_pb, config_pb
        admin = self.cluster.admin
        self.cluster.admin.streams()
        action = self.dice.choice(["kick session", "kick stream", "kick stream and ban it", "ban stream"])
        if action == "kick session":
            rows = [s for s in admin.sessions() if s.stream.startswith(("churn/", "strict/", "load/")) and s.role != 1]
            if rows:
                self.call(action, "KickSession",
                          admin_pb.KickSessionRequest(id=self.dice.choice(rows).id, reason="soak"))
            return
        streams = self.publishers.streams()
        if not streams:
            return
        name = self.dice.choice(streams)
        if action == "ban stream":
            ban = self.call(action, "AddBan", admin_pb.AddBanRequest(
                kind=config_pb.BAN_STREAM, value=name, reason="soak", duration_ms=60_000))
            if ban:
                self.call("lift ban", "RemoveBan", admin_pb.RemoveBanRequest(id=ban.id))
        else:
            self.call(action, "KickStream", admin_pb.KickStreamRequest(
                name=name, reason="soak", ban_ms=2000 if action.endswith("it") else 0))

    def call(self, what, method, request):
        import grpc
        try:
            answer = self.cluster.admin.call(method, request)
        except grpc.RpcError as error:
            if "did not answer within a second" in error.details():
                self.done[f"{what}, answered late"] += 1
            elif error.code() != grpc.StatusCode.NOT_FOUND:  # what it was about has gone meanwhile
                self.problems.append(f"{what}: {error.code()}: {error.details()}")
            return None
        self.done[what] += 1
        return answer

    def apply(self):
        from harness.admin import admin_pb
        self.call("apply configuration", "ApplyConfig", admin_pb.ApplyConfigRequest(yaml=self.config(), name="soak"))

    # --- the end ---

    def finish(self):
        for crowd in self.crowds:
            crowd.wanted = 0
            with crowd.lock:
                for life in crowd.alive.values():
                    life.ends_at = 0
                    life.how = "stop" if crowd is self.publishers else "close"
            crowd.step(0)
        self.await_empty(self.crowds_are_gone, 30,
                         lambda: f"{[len(c.alive) for c in self.crowds]} peers have not ended")
        written = [self.source.stop(), self.heavy.stop()]
        self.judge_steady(self.watchers.wait_end(), written)
        self.await_empty(lambda: not self.cluster.admin.sessions(), 30,
                         lambda: f"sessions are left: {self.cluster.admin.sessions()[:5]}")
        self.await_empty(lambda: not self.cluster.admin.streams(), 30,
                         lambda: f"streams are left: {list(self.cluster.admin.streams())[:5]}")
        self.await_empty(lambda: self.cluster.metric("millrace_sessions") == 0
                         and self.cluster.metric("millrace_streams") == 0, 15,
                         "gauges of sessions or streams are not 0")
        self.await_empty(lambda: not self.gauges.files_left(), 30, lambda: "; ".join(self.gauges.files_left()))
        self.sessions = self.cluster.metric("millrace_sessions_total")
        self.ends = Counter()
        for node in self.cluster.nodes.values():
            for labels, value in node.metrics().rows("millrace_session_ends_total"):
                self.ends[f"{labels['role']}: {labels['reason']}"] += int(value)
        for crowd in (self.publishers, self.viewers, self.stallers):
            crowd.tool.command("quit")
            crowd.tool.stop()
        self.problems += self.gauges.restarted()
        if self.options.minutes >= FLAT_FROM_MINUTES:
            self.problems += self.gauges.growth()
        self.problems += self.cluster.stop()

    def crowds_are_gone(self):
        return not any(crowd.alive for crowd in self.crowds)

    def await_empty(self, condition, timeout, what):
        from harness.waiting import until
        try:
            until(condition, timeout, what, interval=0.5)
        except AssertionError as error:
            self.problems.append(str(error))

    def judge_steady(self, end, written):
        from harness.verdict import assert_flawless, assert_saw_the_end
        try:
            assert_flawless(end)
            assert_saw_the_end(end, written)
        except AssertionError as error:
            self.problems.append(f"a stream that was left alone: {error}")
        for crowd in (self.viewers, self.stallers):
            self.problems += [f"a viewer saw {wrong}: {report}" for wrong, report in crowd.flawed[:10]]
        self.steady_frames = sum(row["frames"] for row in end["viewers"])

    def report(self):
        print("\n" + self.gauges.table())
        made = Counter()
        for crowd in self.crowds:
            made += crowd.counts
        print(f"\n{self.sessions:.0f} sessions, {self.publishers.fresh} names used once; "
              f"{self.steady_frames} frames at viewers of streams that were left alone, "
              f"{self.viewers.frames + self.stallers.frames} at the others")
        for title, counts in (("peers and what they saw", made), ("admin calls", self.done), ("ends", self.ends)):
            print(f"{title}: " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items())))

    def kill(self):
        for tool in self.tools:
            tool.kill()
        self.cluster.kill()


def main():
    options = arguments()
    folder = options.keep or pathlib.Path(tempfile.mkdtemp(prefix="millrace-soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["MILLRACE_BIN"] = str(copied(folder / "build", options.bin.resolve()))
    os.environ.pop("MILLRACE_TOOLS", None)
    os.environ["ASAN_OPTIONS"] = ASAN_OPTIONS
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
    soak = Soak(options, folder)
    try:
        soak.run()
        soak.finish()
        soak.report()
        if soak.problems:
            print("\n".join("FAILED: " + problem for problem in soak.problems) + f"\nlogs are in {folder}")
        else:
            print("passed")
    finally:
        soak.kill()
    if not soak.problems and not options.keep:
        shutil.rmtree(folder)
    return bool(soak.problems)


if __name__ == "__main__":
    sys.exit(main())
