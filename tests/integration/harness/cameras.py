"""Cameras and bad networks (tests/support), and what a viewer has of a camera compared with the file that it plays."""

import bisect
import sys
import threading

from harness.places import ROOT
from harness.tools import Tool

SUPPORT = ROOT / "tests/support"
sys.path.append(str(SUPPORT / "camera"))

import recording as recordings  # noqa: E402
from profiles import PROFILES, profile_with  # noqa: E402

__all__ = ["Camera", "Relay", "RecordingShelf", "PROFILES", "match"]


class Camera(Tool):
    """camera.py; `url` is where it is, with its login."""

    def __init__(self, *arguments):
        super().__init__("camera/camera.py", *arguments)
        self.url = self.wait_event("listening", 60)["url"]

    @staticmethod
    def path(program):
        return str(SUPPORT / program)

    def asked(self, method):
        return [e for e in self.events if e["event"] == "request" and e["method"] == method]

    def counters(self):
        return self.ask("counters")

    def calm(self):
        return self.ask("calm")

    def ask(self, command):
        with self.changed:
            since = len(self.events)
        self.command(command)
        return self.wait_event(command, since=since)


class Relay(Tool):
    def __init__(self, target_port, *arguments):
        super().__init__("lossy_relay/relay.py", "--to", f"127.0.0.1:{target_port}", *arguments)
        self.port = self.wait_event("listening")["port"]

    path = staticmethod(Camera.path)
    ask = Camera.ask


class RecordingShelf:
    """Recordings by what is in them: made once, whichever profiles want them."""

    def __init__(self, folder):
        self.folder = folder
        self.lock = threading.Lock()
        self.loaded = {}

    def get(self, name, settings=()):
        """(path, Recording) for a profile; the path is None where it needs none."""
        profile = profile_with(name, settings)
        if profile.video == "vp8":
            return None, None
        key = (profile.video, profile.audio, profile.seconds, profile.audio_rate, profile.gop, profile.bframes,
               profile.slices)
        with self.lock:
            if key not in self.loaded:
                path = self.folder / ("-".join(map(str, key)) + ".mov")
                recordings.make_for(profile, path)
                self.loaded[key] = path, recordings.load(path)
            return self.loaded[key]


class Match:
    """Units that a viewer has seen, each with its place in the file that is played over and over."""

    def __init__(self, kind):
        self.kind = kind
        self.places = []  # (time in the file, time that the viewer was told), in milliseconds
        self.numbers = []  # of units, counted on from round to round
        self.unknown = 0

    def gaps(self):
        """Units that are missing in between."""
        return sum(after - before - 1 for before, after in zip(self.numbers, self.numbers[1:]))

    def drifts(self):
        """By how much the viewer's time is off the file's, unit by unit."""
        return [told - own for own, told in self.places]


def match(stream, recording):
    """{"video": Match, "audio": Match} of an FlvStream."""
    found = {}
    if stream.video.units:
        found["video"] = _match(
            "video", [(tuple(u.nals), u.shown_ms) for u in stream.video.units],
            [(tuple(u.nals), 1000 * u.pts) for u in recording.video.units], 1000 * recording.duration)
    if stream.audio.units and recording.audio.codec == "aac":
        found["audio"] = _match(
            "audio", [(u.data, u.shown_ms) for u in stream.audio.units],
            [(u.data, 1000 * u.pts) for u in recording.audio.units], 1000 * recording.duration)
    elif stream.audio.units:
        found["audio"] = _match_samples(stream, recording)
    return found


def _match(kind, seen, own, duration_ms):
    """By content; units that occur more than once in the file are placed next to the one before."""
    places = {}
    for i, (content, _) in enumerate(own):
        places.setdefault(content, []).append(i)
    result = Match(kind)
    last = -1
    for content, told in seen:
        candidates = places.get(content)
        if candidates is None:
            result.unknown += 1
            continue
        rounds, within = divmod(last + 1, len(own))
        at = bisect.bisect_left(candidates, within)
        number = rounds * len(own) + candidates[at] if at < len(candidates) else \
            (rounds + 1) * len(own) + candidates[0]
        result.numbers.append(number)
        result.places.append((number // len(own) * duration_ms + own[number % len(own)][1], told))
        last = number
    return result


def _match_samples(stream, recording):
    """G.711 has no units of its own: each piece is looked for in all the samples, behind the piece before."""
    samples = b"".join(u.data for u in recording.audio.units)
    per_ms = recording.audio.clock_rate * recording.audio.channels / 1000
    result = Match("audio")
    position = None
    for unit in stream.audio.units:
        around = samples + samples[:len(unit.data)]
        begin = 0 if position is None else position % len(samples)
        at = around.find(unit.data, begin)
        rounds = 0 if position is None else position // len(samples)
        if at < 0:
            at, rounds = around.find(unit.data), rounds + 1
        if at < 0:
            result.unknown += 1
            continue
        start = rounds * len(samples) + at
        missing = 0 if position is None else (start - position) / len(unit.data)
        result.numbers.append((result.numbers[-1] + 1 if result.numbers else 0) + missing)
        result.places.append((start / per_ms, unit.shown_ms))
        position = start + len(unit.data)
    return result
