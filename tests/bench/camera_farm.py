#!/usr/bin/python3
"""Many cameras in one process: each connection is one, and all send the same packets, built once, at the same time.

    camera_farm.py --port 9600        then pull rtsp://127.0.0.1:9600/live any number of times

2 Mbit/s of H.264 at 25 pictures a second and AAC. Prints lines of JSON as tests/support/camera/camera.py does.
"""

import asyncio
import pathlib
import sys
import tempfile

SUPPORT = pathlib.Path(__file__).resolve().parents[1] / "support"
sys.path[:0] = [str(SUPPORT / "camera"), str(SUPPORT / "lossy_relay")]

import recording as recordings  # noqa: E402
from camera import Camera, read_arguments  # noqa: E402
from description import describe  # noqa: E402
from profiles import profile_with  # noqa: E402
from sender import Line, Player  # noqa: E402
from server import Connection  # noqa: E402

BITRATE = 1_930_000  # of the picture; with sound and headers 2 Mbit/s


class SharedLine(Line):
    """Builds a unit's packets once and hands them to each listener."""

    def __init__(self, profile, media, listeners, index):
        super().__init__(profile, media, self.collect)
        self.listeners, self.index = listeners, index
        self.collected = []

    def collect(self, rtcp, packet):
        self.collected.append((rtcp, packet))
        if rtcp:
            self.flush()

    def write(self, payloads, seconds):
        super().write(payloads, seconds)
        self.flush()

    def flush(self):
        packets, self.collected = self.collected, []
        framed = {}
        for listener in list(self.listeners):
            listener.deliver(self.index, packets, framed)


class FarmConnection(Connection):
    """`ways` says how each media goes out: a channel, or a function that sends a datagram."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.ways = {}

    def _line(self, index, send):
        return self.camera.lines[index]

    def _tcp_line(self, offered):
        channel = 2 * len(self.ways)
        self.ways[len(self.ways)] = channel
        return None, f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"

    def _udp_line(self, offered):
        send, answer = super()._udp_line(offered)
        self.ways[len(self.ways)] = send
        return send, answer

    def deliver(self, index, packets, framed):
        way = self.ways.get(index)
        if callable(way):
            for rtcp, packet in packets:
                way(rtcp, packet)
        elif way is not None and not self.writer.transport.is_closing():
            if way not in framed:
                framed[way] = b"".join(bytes([0x24, way + rtcp]) + len(packet).to_bytes(2, "big") + packet
                                       for rtcp, packet in packets)
            self.writer.write(framed[way])

    def _start(self):
        self.camera.listeners.add(self)

    def _stop(self):
        self.camera.listeners.discard(self)
        super()._stop()


class Farm(Camera):
    connection_class = FarmConnection

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.listeners = set()

    async def serve(self):
        _, medias = describe(self.profile, self.recording, "farm")
        self.lines = [SharedLine(self.profile, media, self.listeners, i) for i, media in enumerate(medias)]
        player = Player(self.profile, self.recording, self.lines)
        playing = asyncio.create_task(player.play(asyncio.get_running_loop().time()))
        await super().serve()
        playing.cancel()

    def counters(self):
        return {"open": len(self.listeners), "packets": [line.packets for line in self.lines],
                "octets": [line.octets for line in self.lines]}


def main():
    arguments = read_arguments()
    profile = profile_with("plain", ["rtp_info=none", "audio_rate=48000"])
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.file or f"{folder}/recording.mov"
        if not arguments.file:
            recordings.make(path, size="1280x720", rate=48000, bitrate=BITRATE)
        recording = recordings.load(path)
    asyncio.run(Farm(profile, recording, arguments).serve())


if __name__ == "__main__":
    main()
