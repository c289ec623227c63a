"""Players in a real browser, and streams whose picture tells the time."""

import shutil
import time

import pytest

from harness.places import ROOT
from harness.tools import Tool

FOLDER = ROOT / "tests/browser"
SCREENSHOTS = ROOT / "build/test-logs"
RATE = 25  # frames a second of `picture_with_clock`


def require_browser():
    """Skips where there is no Chromium, no Node, or `npm ci` has not been run in tests/browser."""
    for program in ("chromium", "node"):
        if not shutil.which(program):
            pytest.skip(f"there is no {program}")
    if not (FOLDER / "node_modules/playwright-core").exists():
        pytest.skip("tests/browser has no node_modules: tests/run.sh runs npm ci there")


class Browser(Tool):
    """One page with a player for each target, "LIBRARY:URL"; see tests/browser/watch.mjs."""

    def __init__(self, *targets, record=False):
        super().__init__(FOLDER / "watch.mjs", *(["--record"] if record else []), *targets)
        self.count = len(targets)

    @staticmethod
    def path(program):
        return str(program)

    def wait_open(self, timeout=40):
        self.wait_event("open", timeout)
        return self

    def wait_playing(self, timeout=30):
        for player in range(self.count):
            self.wait_event("playing", timeout, player=player)
        return self

    def screenshot(self, name):
        """A picture of the page for people to look at; returns its path."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        with self.changed:
            since = len(self.events)
        self.command(f"screenshot {path}")
        self.wait_event("screenshot", since=since)
        return path


class Clock:
    """Time since now as 16 squares of a picture, a bit each, in steps of 20 ms; page/picture.js reads them."""

    def __init__(self):
        self.epoch = time.time()

    def now_ms(self):
        return (time.time() - self.epoch) * 1000

    def filters(self):
        squares = [f"drawbox=x={16 * bit}:y=0:w=16:h=16:t=fill:color=black,"
                   f"drawbox=x={16 * bit}:y=0:w=16:h=16:t=fill:color=white:"
                   f"enable='mod(floor(t*50/{2 ** bit}),2)'" for bit in range(16)]
        return ",".join([f"setpts=(RTCTIME/1000000-{self.epoch})/TB", *squares, f"setpts=N/{RATE}/TB"])

    def age_ms(self, picture):
        """How long before it was on the screen the picture was made."""
        return picture["seen_at_ms"] - self.epoch * 1000 - picture["clock_ms"]
