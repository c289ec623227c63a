"""The C++ tools (synthetic publisher, checking viewers), driven by lines in and JSON lines out."""

import json
import subprocess
import threading
import time

from harness.places import TOOLS
from harness.processes import DIES_WITH_PARENT


class Tool:
    def __init__(self, program, *arguments):
        self.arguments = [self.path(program), *map(str, arguments)]
        self.child = subprocess.Popen(DIES_WITH_PARENT + self.arguments, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True, bufsize=1)
        self.events = []
        self.changed = threading.Condition()
        self.ended = False
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    @staticmethod
    def path(program):
        return str(TOOLS / program)

    def _read(self):
        for line in self.child.stdout:
            with self.changed:
                self.events.append(json.loads(line))
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def command(self, line):
        try:
            self.child.stdin.write(line + "\n")
            self.child.stdin.flush()
        except BrokenPipeError:
            pass

    def wait_event(self, event, timeout=20, since=0, count=1, **fields):
        """The `count`-th event of that name with these fields behind the first `since` events."""
        def found():
            matches = [e for e in self.events[since:] if e["event"] == event
                       and all(e.get(k) == v for k, v in fields.items())]
            return matches[count - 1] if len(matches) >= count else None

        with self.changed:
            deadline = time.monotonic() + timeout
            while not (match := found()):
                left = deadline - time.monotonic()
                if left <= 0 or self.ended:
                    raise AssertionError(
                        f"no {event} {fields} from {self.arguments[1:]}; events: {self.events[-12:]}")
                self.changed.wait(left)
            return match

    def snapshot(self, timeout=10):
        """The tool's report as of now (or its last, once it has ended)."""
        return self._ask("snapshot", timeout)

    def _ask(self, command, timeout=10):
        """The answer to `command`: its event. Once the tool has ended: its last event."""
        with self.changed:
            since = len(self.events)
        self.command(command)
        with self.changed:
            deadline = time.monotonic() + timeout
            while True:
                for event in self.events[since:]:
                    if event["event"] == command:
                        return event
                if self.events and self.events[-1]["event"] == "end":
                    return self.events[-1]
                left = deadline - time.monotonic()
                if left <= 0 or self.ended:
                    raise AssertionError(f"no {command} from {self.arguments}")
                self.changed.wait(left)

    def wait_end(self, timeout=30):
        """Waits until the tool has ended by itself; returns its last report."""
        try:
            self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"{self.arguments} did not end; events: {self.events[-5:]}") from None
        self.reader.join(5)
        assert self.child.returncode == 0, (self.arguments, self.child.returncode)
        assert self.events and self.events[-1]["event"] == "end", self.events[-5:]
        return self.events[-1]

    def stop(self, timeout=30):
        self.command("stop")
        return self.wait_end(timeout)

    def kill(self):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()


class Source(Tool):
    """A publisher (or several); `url` is RTMP."""

    def __init__(self, url, **flags):
        super().__init__("stream-source", f"--url={url}", *(f"--{k}={v}" for k, v in flags.items()))
        self.count = flags.get("streams", 1)

    def wait_publishing(self, timeout=20):
        self.wait_event("publishing", timeout, count=self.count)
        return self

    def cut(self):
        """Closes the connection without a word."""
        self.command("cut")
        return self.wait_end()


class Viewers(Tool):
    """Checking viewers. Each target is a URL, or "URL*COUNT"."""

    def __init__(self, *targets, **flags):
        super().__init__("stream-check", *(f"--{k}={v}" for k, v in flags.items()), *targets)
        self.count = sum(int(t.rpartition("*")[2]) if "*" in t else 1 for t in targets)

    def wait_playing(self, timeout=20):
        self.wait_event("playing", timeout, count=self.count)
        return self

    def latency(self):
        """From writing to arrival, of all video frames since it was last asked: p50_us, p99_us, max_us,
        count; None where there was none."""
        return self._ask("latency")["latency"]

    def wait_frames(self, more, timeout=30, viewers=None):
        """Waits until each (chosen) viewer has seen `more` frames beyond what it has now."""
        from harness.waiting import until

        def frames():
            rows = self.snapshot()["viewers"]
            return [rows[i]["frames"] for i in (viewers if viewers is not None else range(len(rows)))]

        before = frames()
        until(lambda: all(now >= then + more for now, then in zip(frames(), before)), timeout,
              lambda: f"{more} more frames for every viewer: before {before}, now {frames()}",
              interval=0.2)
