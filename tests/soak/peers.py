"""Publishers and viewers that come and go: each a line to one of the C++ tools, each with a life and an end of its own."""

import json
import threading
import time
from collections import Counter

from harness.tools import Tool

NEVER = ("doubled", "reordered", "damaged", "foreign", "dts_backwards", "before_header", "starts_without_key")
FRESH_NAMES = 0.3      # of the publishers' names have never been used before
TAKEN_NAMES = 0.1      # … are in use
NO_SUCH_STREAM = 0.08  # of the viewers ask for one
NAMES = 150
PAUSE_S = 6            # how long a publisher is silent, or a viewer stalls, before it goes on
LONG_STALL_S = 25      # … or stalls until the server has closed it


class SteeredTool(Tool):
    """A tool whose events go to a function, on its reader's thread, and are not kept."""

    def __init__(self, on_event, program, **flags):
        self.on_event = on_event
        super().__init__(program, "--steered", *(f"--{k}={v}" for k, v in flags.items()))

    def _read(self):
        for line in self.child.stdout:
            event = json.loads(line)
            if event["event"] in ("end", "snapshot"):
                with self.changed:
                    self.events = [event]
                    self.changed.notify_all()
            else:
                self.on_event(event)
        with self.changed:
            self.ended = True
            self.changed.notify_all()


class Life:
    def __init__(self, kind, stream, ends_at, how):
        self.kind, self.stream, self.ends_at, self.how = kind, stream, ends_at, how


class Crowd:
    """As many peers as are wanted; a peer is known by the number of its command."""

    def __init__(self, dice, wanted, tool):
        self.dice, self.wanted, self.tool = dice, wanted, tool
        self.alive = {}
        self.opened = 0
        self.counts = Counter()
        self.lock = threading.Lock()

    def lifetime(self):
        return time.monotonic() + min(90.0, 1.0 + self.dice.expovariate(1 / 18))

    def open(self, command, life):
        with self.lock:
            self.alive[self.opened] = life
            self.opened += 1
            self.counts[life.kind] += 1
        self.tool.command(command)

    def due(self):
        now = time.monotonic()
        with self.lock:
            return [(index, life) for index, life in self.alive.items() if life.ends_at <= now]

    def missing(self, at_once):
        """How many to open now: in a burst no more than `at_once`."""
        return min(at_once, self.wanted - len(self.alive))

    def gone(self, index, how):
        with self.lock:
            if self.alive.pop(index, None):
                self.counts[how] += 1

    def streams(self):
        with self.lock:
            return [life.stream for life in self.alive.values()]


class Publishers(Crowd):
    def __init__(self, cluster, dice, wanted):
        super().__init__(dice, wanted, SteeredTool(self.on_event, "stream-source", profile="thrifty", run=10_000))
        self.cluster = cluster
        self.fresh = 0

    def name(self):
        taken = self.streams()
        if taken and self.dice.random() < TAKEN_NAMES:
            return self.dice.choice(taken)
        if self.dice.random() < FRESH_NAMES:
            self.fresh += 1
            return f"{self.dice.choice(['churn', 'strict'])}/fresh/{self.fresh}"
        return f"{self.dice.choice(['churn', 'strict'])}/s{self.dice.randrange(NAMES)}"

    def step(self, at_once):
        for index, life in self.due():
            if life.how == "pause":
                self.tool.command(f"pause {index}")
                life.how, life.ends_at = "cut", time.monotonic() + PAUSE_S
                continue
            self.tool.command(f"{life.how} {index}")
            life.how, life.ends_at = "cut", time.monotonic() + 10
        for _ in range(self.missing(at_once)):
            how = self.dice.choices(["stop", "cut", "pause"], [50, 40, 10])[0]
            gateway = self.dice.randrange(2)
            stream = self.name()
            self.open(f"publish {self.cluster.rtmp(stream, gateway)}", Life("rtmp publisher", stream, self.lifetime(), how))

    def on_event(self, event):
        if event["event"] == "status" and event["level"] == "error":
            self.counts[event["code"]] += 1
        elif event["event"] == "closed":
            self.gone(event["stream"], "publisher closed: " + event["how"])


class Viewers(Crowd):
    """`flawed` holds what no viewer may see, whatever happens to its stream."""

    def __init__(self, cluster, dice, wanted, streams):
        super().__init__(dice, wanted, SteeredTool(self.on_event, "stream-check"))
        self.cluster, self.published = cluster, streams
        self.frames = 0
        self.flawed = []

    def target(self):
        published = self.published()
        if not published or self.dice.random() < NO_SUCH_STREAM:
            return f"churn/nowhere/{self.dice.randrange(1 << 30)}"
        return self.dice.choice(published)

    def step(self, at_once):
        for index, life in self.due():
            self.tool.command(f"close {index}")
            life.ends_at += 10
        for _ in range(self.missing(at_once)):
            kind = self.dice.choice(["rtmp", "flv", "ws"])
            stream = self.target()
            url = getattr(self.cluster, kind)(stream, self.dice.randrange(2))
            self.open(f"open {url}", Life(f"{kind} viewer", stream, self.lifetime(), "close"))

    def on_event(self, event):
        if event["event"] == "gone":
            report = event["report"]
            self.frames += report["frames"]
            wrong = {name: report[name] for name in NEVER if report[name]}
            if wrong or report["ended"].startswith("protocol"):
                self.flawed.append((wrong, report))
            self.gone(event["viewer"], "viewer closed: " + (report["ended"] or "by itself"))
        elif event["event"] == "response" and event["status"] not in (101, 200):
            self.counts[f"HTTP {event['status']}"] += 1
        elif event["event"] == "status" and event["level"] == "error":
            self.counts[event["code"]] += 1


class Stallers(Viewers):
    """Viewers of one heavy stream with small buffers, who stop reading; some read again, some until they are closed."""

    def __init__(self, cluster, dice, wanted, stream):
        self.stream = stream
        Crowd.__init__(self, dice, wanted,
                       SteeredTool(self.on_event, "stream-check", receive_buffer=65536))
        self.cluster, self.frames, self.flawed = cluster, 0, []

    def step(self, at_once):
        for index, life in self.due():
            self.tool.command(f"{life.how} {index}")
            stalls = life.how == "stall"
            life.how = "resume" if stalls and self.dice.random() < 0.4 else "close"
            life.ends_at = time.monotonic() + (LONG_STALL_S if stalls and life.how == "close" else PAUSE_S)
        for _ in range(self.missing(at_once)):
            kind = self.dice.choice(["rtmp", "flv", "ws"])
            url = getattr(self.cluster, kind)(self.stream, self.dice.randrange(2))
            self.open(f"open {url}", Life(f"{kind} staller", self.stream, time.monotonic() + 2, "stall"))
