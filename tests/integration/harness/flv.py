"""HTTP-FLV read tag by tag, down to NAL units and access units."""

import http.client
import time
from dataclasses import dataclass, field

AUDIO, VIDEO = 8, 9
START_CODE = b"\0\0\0\1"


@dataclass
class Unit:
    time_ms: int  # of decoding
    offset_ms: int  # of presentation, behind that
    data: bytes
    nals: list = field(default_factory=list)
    key: bool = False

    @property
    def shown_ms(self):
        return self.time_ms + self.offset_ms


@dataclass
class Track:
    codec: str = ""
    config: bytes = b""
    units: list = field(default_factory=list)
    configs: int = 0


class FlvStream:
    """A viewer of http://127.0.0.1:`port``path`. `video` and `audio` grow while it reads; `raw` is all that came."""

    def __init__(self, port, path, timeout=30):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        self.connection.request("GET", path)
        self.response = self.connection.getresponse()
        assert self.response.status == 200, (path, self.response.status, self.response.read(500))
        self.video, self.audio = Track(), Track()
        self.raw = bytearray(self._take(13))
        assert self.raw[:3] == b"FLV", bytes(self.raw)

    def _take(self, size):
        data = self.response.read(size)
        if len(data) < size:
            raise EOFError(f"the stream ended after {len(self.video.units)} pictures")
        return data

    def read_tag(self):
        head = self._take(11)
        size = int.from_bytes(head[1:4], "big")
        rest = self._take(size + 4)
        self.raw += head + rest
        time_ms = int.from_bytes(bytes([head[7]]) + head[4:7], "big")
        if head[0] == VIDEO:
            self._on_video(time_ms, rest[:size])
        elif head[0] == AUDIO:
            self._on_audio(time_ms, rest[:size])

    def read_until(self, condition, timeout=60):
        deadline = time.monotonic() + timeout
        while not condition(self):
            assert time.monotonic() < deadline, \
                f"not within {timeout} s: {len(self.video.units)} pictures, {len(self.audio.units)} sounds"
            self.read_tag()
        return self

    def close(self):
        self.connection.close()

    def _on_video(self, time_ms, body):
        key = body[0] >> 4 & 7 == 1
        if body[0] & 0x80:  # enhanced
            form, at = body[0] & 15, 5  # 0: configuration; 1: with, 3: without a composition time
            codec = {"hvc1": "h265", "avc1": "h264"}.get(body[1:5].decode(), "?")
            offset = 0
            if form == 1:
                offset, at = int.from_bytes(body[5:8], "big", signed=True), 8
            kind = {0: 0, 1: 1, 3: 1}.get(form)
        else:
            codec, kind, at = {7: "h264", 12: "h265"}.get(body[0] & 15, "?"), body[1], 5
            offset = int.from_bytes(body[2:5], "big", signed=True)
        self.video.codec = codec
        if kind == 0:
            self.video.config = body[at:]
            self.video.configs += 1
        elif kind == 1:
            self.video.units.append(Unit(time_ms, offset, body[at:], split_nals(body[at:]), key))

    def _on_audio(self, time_ms, body):
        if body[0] >> 4 == 9:  # enhanced
            self.audio.codec = body[1:5].decode()
            if body[0] & 15 == 1:
                self.audio.units.append(Unit(time_ms, 0, body[5:]))
            return
        self.audio.codec = {10: "aac", 7: "pcma", 8: "pcmu"}.get(body[0] >> 4, "?")
        if self.audio.codec == "aac":
            if body[1] == 0:
                self.audio.config = body[2:]
                self.audio.configs += 1
                return
            body = body[1:]
        self.audio.units.append(Unit(time_ms, 0, body[1:]))

    def annexb(self):
        """The pictures as an elementary stream, parameter sets in front."""
        sets = avc_sets(self.video.config) if self.video.codec == "h264" else hevc_sets(self.video.config)
        nals = sets + [nal for unit in self.video.units for nal in unit.nals]
        return b"".join(START_CODE + nal for nal in nals)


def split_nals(data):
    nals, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at:at + 4], "big")
        nals.append(data[at + 4:at + 4 + size])
        at += 4 + size
    assert at == len(data), "lengths of NAL units do not add up"
    return nals


def _take_sets(data, at, count):
    sets = []
    for _ in range(count):
        size = int.from_bytes(data[at:at + 2], "big")
        sets.append(data[at + 2:at + 2 + size])
        at += 2 + size
    return sets, at


def avc_sets(config):
    sps, at = _take_sets(config, 6, config[5] & 31)
    return sps + _take_sets(config, at + 1, config[at])[0]


def hevc_sets(config):
    sets, at = [], 23
    for _ in range(config[22]):
        more, at = _take_sets(config, at + 3, int.from_bytes(config[at + 1:at + 3], "big"))
        sets += more
    return sets
