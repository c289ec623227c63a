"""A publisher that changes what it sends: viewers get each new configuration once, in order, before what needs it."""

import json

import pytest

from harness.media import run
from harness.raw_rtmp import AUDIO, VIDEO, Peer, connect, flv_tags, message, publish, unpublish
from harness.waiting import until

FRAME_MS = 40
FRAMES = 25  # of a phase; the first is a key frame
AAC = (b"\x12\x10", b"\x11\x90")  # AudioSpecificConfig: 44.1 kHz, 48 kHz
SOUNDS = 20  # of a phase


def fnv(data):
    """As stream-check writes it into a record."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return str(value)


class Picture:
    """A second of video: the configuration and the frames, without their FLV headers; `head(kind, key)` makes those."""

    def __init__(self, codec, config, frames, head):
        self.codec, self.config, self.frames, self.head = codec, config, frames, head
        self.hashes = [fnv(frame) for frame in frames]


def h264(path):
    bodies = [body for kind, _, body in flv_tags(path.read_bytes()) if kind == VIDEO]
    frames = [body[5:] for body in bodies if body[1] == 1]
    return Picture("avc", bodies[0][5:], frames,
                   lambda start, key: bytes([0x17 if key else 0x27, 0 if start else 1, 0, 0, 0]))


def hevc(path):
    """Annex B with delimiters, and one of each parameter set."""
    sets, frames = {}, []
    for nal in path.read_bytes().split(b"\x00\x00\x01")[1:]:
        nal = nal.rstrip(b"\x00")
        kind = nal[0] >> 1 & 0x3F
        if 32 <= kind <= 34:
            sets[kind] = nal
        elif kind == 35:
            frames.append(b"")
        else:
            frames[-1] += len(nal).to_bytes(4, "big") + nal
    profile = sets[33][3:20].replace(b"\x00\x00\x03", b"\x00\x00")[:12]
    config = b"\x01" + profile + bytes([0xF0, 0, 0xFC, 0xFD, 0xF8, 0xF8, 0, 0, 0x0F, 3])
    for kind, nal in sorted(sets.items()):
        config += bytes([0x80 | kind, 0, 1]) + len(nal).to_bytes(2, "big") + nal
    # Enhanced; frames without a composition time.
    return Picture("hevc", config, frames,
                   lambda start, key: bytes([(0x90 if key else 0xA0) | (0 if start else 3)]) + b"hvc1")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")

    def encode(size, name, *encoder):
        run("ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25",
            "-t", "1", *encoder, folder / name)
        return folder / name

    x264 = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "40", "-bf", "0", "-g", "25"]
    x265 = ["-c:v", "libx265", "-preset", "ultrafast", "-crf", "45", "-x265-params",
            "log-level=error:bframes=0:keyint=25:aud=1:repeat-headers=1", "-f", "hevc"]
    return {"large": h264(encode("320x180", "large.flv", *x264)), "small": h264(encode("160x90", "small.flv", *x264)),
            "hevc": hevc(encode("320x180", "h.hevc", *x265))}


class Script:
    """What a publisher sends, phase by phase, and what viewers have to see of it."""

    def __init__(self, pictures):
        self.pictures = pictures
        self.video, self.audio = [], []  # ("start", codec, hash) or ("frame", codec, hash, key)
        self.dts = 0

    def start(self, name, announced=True):
        picture = self.pictures[name]
        if announced:
            self.video.append(("start", picture.codec, fnv(picture.config)))
        return message(VIDEO, picture.head(True, True) + picture.config, self.dts, 1, csid=6)

    def sound_start(self, config, announced=True):
        if announced:
            self.audio.append(("start", "10", fnv(config)))
        return message(AUDIO, b"\xaf\x00" + config, self.dts, 1, csid=4)

    def second(self, name, sound=False):
        """Of pictures, with or without sound."""
        picture = self.pictures[name]
        out = []
        for i in range(FRAMES):
            key = i == 0
            out.append((self.dts + i * FRAME_MS, message(VIDEO, picture.head(False, key) + picture.frames[i],
                                                         self.dts + i * FRAME_MS, 1, csid=6)))
            self.video.append(("frame", picture.codec, picture.hashes[i], key))
        for i in range(SOUNDS if sound else 0):
            body = b"\x21" + self.dts.to_bytes(4, "big") + bytes([i]) * 20
            time = self.dts + i * 1024 * 1000 // 44100
            out.append((time, message(AUDIO, b"\xaf\x01" + body, time, 1, csid=4)))
            self.audio.append(("frame", "10", fnv(body), True))
        self.dts += FRAMES * FRAME_MS
        return b"".join(data for _, data in sorted(out, key=lambda pair: pair[0]))


CODECS = {"7": "avc", "avc1": "avc", "12": "hevc", "hvc1": "hevc"}


def seen_by(record, viewer, kind):
    lines = [line for line in record if line["viewer"] == viewer and line["type"] == kind and line["packet"] != "other"]
    seen = []
    for line in lines:
        codec = CODECS.get(line["codec"], "10" if line["codec"] == "mp4a" else line["codec"])
        seen.append(("start", codec, line["hash"]) if line["packet"] == "start"
                    else ("frame", codec, line["hash"], line["key"]))
    return lines, seen


def assert_times(record, viewer):
    """Of all tags together as they came, media and configuration: never back."""
    for kind in (VIDEO, AUDIO):
        times = [line["ms"] for line in record if line["viewer"] == viewer and line["type"] == kind]
        assert times == sorted(times), (viewer, kind, [(a, b) for a, b in zip(times, times[1:]) if b < a])


def targets(cluster, stream):
    """Each way to play, over either gateway of its kind; what each calls H.264 and HEVC."""
    return {
        cluster.rtmp(stream, 1): ("7", "12"),
        cluster.flv(stream, 0) + "?codec=legacy": ("7", "12"),
        cluster.flv(stream, 1): ("7", "hvc1"),
        cluster.flv(stream, 0) + "?codec=enhanced": ("avc1", "hvc1"),
        cluster.ws(stream, 0): ("7", "hvc1"),
        cluster.ws(stream, 1) + "?codec=legacy": ("7", "12"),
    }


class Play:
    """Viewers of every kind on `stream`, recorded."""

    def __init__(self, cluster, tools, stream, path):
        self.admin, self.stream = cluster.admin, stream
        self.forms = list(targets(cluster, stream).values()) + [("7", "hvc1")]
        self.paths = [path.with_suffix(".plain"), path.with_suffix(".announced")]
        self.tools = [tools.viewers(*targets(cluster, stream), record=self.paths[0]),
                      tools.viewers(cluster.rtmp(stream, 0), record=self.paths[1], fourccs="hvc1")]

    def wait(self, state, more=0):
        """Until all of them, and `more` viewers of the stream, are waiting or active."""
        count = len(self.forms) + more
        until(lambda: sum(row.state == state for row in self.admin.sessions(stream=self.stream, role=2)) == count, 20,
              lambda: f"{count} viewers are {state}: {self.admin.sessions(stream=self.stream)}")
        return self

    def wait_seen(self, count):
        """Until each has seen so many configurations and frames of video."""
        until(lambda: all(len(seen_by(record, viewer, VIDEO)[1]) >= count for record, viewer, _ in self.records()), 20,
              lambda: f"every viewer has seen {count} of video")
        return self

    def end(self):
        """(viewer's lines, its names of H.264 and HEVC) of each viewer."""
        for tool in self.tools:
            tool.wait_end()
        return self.records()

    def records(self):
        # While they are written the last line may be half a line.
        records = [[json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
                   for path in self.paths]
        plain = len(self.forms) - 1
        return [(records[0], i, self.forms[i]) for i in range(plain)] + [(records[1], 0, self.forms[plain])]


def assert_seen(play, video, audio):
    for number, (record, viewer, forms) in enumerate(play.end()):
        lines, seen = seen_by(record, viewer, VIDEO)
        assert seen == video, (number, first_difference(seen, video))
        assert {line["codec"] for line in lines} <= set(forms), number
        _, seen = seen_by(record, viewer, AUDIO)
        assert seen == audio, (number, first_difference(seen, audio))
        assert_times(record, viewer)


def first_difference(seen, wanted):
    for i, (a, b) in enumerate(zip(seen, wanted)):
        if a != b:
            return f"{len(seen)} of {len(wanted)}; at {i}: {seen[max(0, i - 2):i + 3]}, wanted {wanted[max(0, i - 2):i + 3]}"
    return f"{len(seen)} instead of {len(wanted)}, which begins the same"


def test_each_change_is_announced_once_and_in_order(cluster, tools, pictures, tmp_path):
    """Size, codec and sound change while viewers of every kind watch, one of them since the second change only."""
    stream, script = "changes/all", Script(pictures)
    play = Play(cluster, tools, stream, tmp_path / "first").wait("waiting")
    with Peer(cluster["rtmp0"].port, timeout=60) as peer:
        peer.handshake().send(connect("changes") + publish("all"))
        peer.hear("NetStream.Publish.Start")
        peer.send(script.start("large") + script.second("large") + script.second("large") + script.second("large"))
        play.wait("active")
        # The same again is no change.
        peer.send(script.start("large", announced=False) + script.second("large"))
        joined = len(script.video)
        peer.send(script.start("small") + script.second("small"))
        play.wait_seen(joined + 2)
        late = Play(cluster, tools, stream, tmp_path / "late").wait("active", more=len(play.forms))
        peer.send(script.sound_start(AAC[0]) + script.second("small", sound=True))
        peer.send(script.second("small"))  # silence
        peer.send(script.sound_start(AAC[0], announced=False) + script.second("small", sound=True))
        peer.send(script.start("hevc") + script.second("hevc", sound=True))
        peer.send(script.start("hevc", announced=False) + script.second("hevc", sound=True))
        peer.send(script.start("large") + script.sound_start(AAC[1]) + script.second("large", sound=True))
        peer.send(unpublish("all"))
        peer.hear("NetStream.Unpublish.Success")
    assert_seen(play, script.video, script.audio)
    assert_seen(late, script.video[joined:], script.audio)
