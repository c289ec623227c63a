"""What one session plays: packets at their time, with the device's sequence numbers, timestamps and reports."""

import asyncio
import heapq
import random
import struct
import time

from payload import audio_payloads, video_payloads

NTP_EPOCH = 2208988800
MOD16, MOD32 = 1 << 16, 1 << 32


class Line:
    """One media that was set up. `send(rtcp, packet)` takes its packets away."""

    def __init__(self, profile, media, send):
        self.profile, self.media, self.send = profile, media, send
        self.track = media.track
        self.packets = self.octets = 0
        self.last_report = None
        self.new_source()

    def new_source(self):
        chosen = self.profile.first_sequence, self.profile.first_timestamp
        self.ssrc = random.getrandbits(32)
        self.sequence = chosen[0] if chosen[0] >= 0 else random.getrandbits(16)
        self.base = chosen[1] if chosen[1] >= 0 else random.getrandbits(32)

    def ticks(self, seconds):
        return (self.base + round(seconds * self.track.clock_rate)) % MOD32

    def write(self, payloads, seconds):
        for payload, marker in payloads:
            head = struct.pack(">BBHII", 0x80, self.media.payload_type | 0x80 * marker, self.sequence,
                               self.ticks(seconds), self.ssrc)
            self.send(False, head + payload)
            self.sequence = (self.sequence + 1) % MOD16
            self.packets += 1
            self.octets += len(payload)

    def report(self, seconds, unix, wall_shift):
        ntp = int((unix + NTP_EPOCH + wall_shift) * MOD32)
        words = ntp >> 32 & MOD32 - 1, ntp & MOD32 - 1
        sender = struct.pack(">BBHIIIIII", 0x80, 200, 6, self.ssrc, *words, self.ticks(seconds), self.packets,
                             self.octets % MOD32)
        self.send(True, sender + self._source_description())

    def bye(self):
        self.send(True, struct.pack(">BBHI", 0x80, 201, 1, self.ssrc) + self._source_description()
                  + struct.pack(">BBHI", 0x81, 203, 1, self.ssrc))

    def _source_description(self):
        item = b"\x01\x06camera"
        body = struct.pack(">I", self.ssrc) + item + bytes(4 - len(item) % 4)
        return struct.pack(">BBH", 0x81, 202, len(body) // 4) + body


class Player:
    """Plays the recording to the lines, over and over, from PLAY until cancelled."""

    def __init__(self, profile, recording, lines, speed=1.0, loops=0):
        self.profile, self.recording, self.lines = profile, recording, lines
        self.speed, self.loops = speed, loops
        self.units = 0
        self.silent = False
        self.position = profile.starts_at_s
        for line in lines:
            line.pending = []

    def first_ticks(self, line):
        """The timestamp of the line's first packet, for RTP-Info."""
        units = [u for u in line.track.units if u.dts >= self.profile.starts_at_s - 1e-9]
        return line.ticks(units[0].pts)

    async def play(self, started):
        """`started`: loop.time() at PLAY. Returns after `loops` rounds, or when the device says BYE."""
        loop = asyncio.get_running_loop()
        unix = time.time() - (loop.time() - started)
        restarted = False
        for at, _, line, unit, shift in self._timeline():
            self.position = at
            elapsed = (at - self.profile.starts_at_s) / self.speed
            delay = started + elapsed - loop.time()
            if delay > 0:
                await asyncio.sleep(delay)
            if self.profile.bye_after_s and elapsed >= self.profile.bye_after_s:
                for one in self.lines:
                    one.bye()
                return
            if self.profile.new_ssrc_after_s and elapsed >= self.profile.new_ssrc_after_s and not restarted:
                restarted = True
                for one in self.lines:
                    one.new_source()
            if self.silent:
                continue
            step = self._step(elapsed)
            self._report(line, at, elapsed, unix, step)
            self._send(line, unit, shift + step)

    def _timeline(self):
        """(time, order, line, unit, shift): all units of all rounds in the order in which they leave."""
        rounds = 0
        while not self.loops or rounds < self.loops:
            shift = rounds * self.recording.duration
            tracks = [[(shift + u.dts, i, line, u, shift) for u in line.track.units]
                      for i, line in enumerate(self.lines)]
            for entry in heapq.merge(*tracks, key=lambda e: e[:2]):
                if entry[0] >= self.profile.starts_at_s - 1e-9:
                    yield entry
            rounds += 1

    def _step(self, elapsed):
        """By how much the device's own clock is off now."""
        if not self.profile.timestamp_step_s:
            return 0
        return self.profile.timestamp_step_s * (int(elapsed / self.profile.step_every_s) % 2)

    def _send(self, line, unit, shift):
        self.units += 1
        if line.media.kind == "video":
            line.write(video_payloads(self.profile, line.track, unit, self.profile.mtu), unit.pts + shift)
            return
        if not line.pending:
            line.pending_at = unit.pts + shift
        line.pending.append(unit)
        if len(line.pending) >= self.profile.aus_per_packet:
            units, line.pending = line.pending, []
            line.write(audio_payloads(self.profile, line.track, units, self.profile.aac_mtu), line.pending_at)

    def _report(self, line, at, elapsed, unix, step):
        if self.profile.reports == "none":
            return
        if line.last_report is not None and elapsed - line.last_report < self.profile.report_every_s:
            return
        line.last_report = elapsed
        wall = step
        if self.profile.reports == "wrong" and line.media.kind == "audio":
            wall += 20
        elif self.profile.reports == "jumping":
            wall += int(elapsed / max(self.profile.report_every_s, 1)) % 2
        line.report(at + step, unix + elapsed, wall)
