"""The RTSP half of a camera: one connection, one session, answered as the profile says."""

import asyncio
import random
import re
import secrets

from description import describe, path_of
from login import Login
from sender import Line, Player

REASONS = {200: "OK", 401: "Unauthorized", 404: "Stream Not Found", 405: "Method Not Allowed",
           455: "Method Not Valid In This State", 454: "Session Not Found", 461: "Unsupported Transport"}


class Hangup(Exception):
    """The camera closes the connection, for a reason of its own."""


class Connection:
    def __init__(self, camera, number, reader, writer):
        self.camera, self.profile, self.number = camera, camera.profile, number
        self.reader, self.writer = reader, writer
        self.login = camera.login if self.profile.nonce_life == "camera" else Login(self.profile)
        self.host = "%s:%d" % writer.get_extra_info("sockname")[:2]
        self.peer = writer.get_extra_info("peername")[0]
        self.medias = []
        self.session = ""
        self.lines = {}  # media index: Line
        self.udp = []  # sockets
        self.described_for = None  # the transport that SETUPs have used since DESCRIBE
        self.player = None
        self.playing = None
        self.reports_received = 0
        self.heard_at = asyncio.get_running_loop().time()

    # --- the connection ---

    async def serve(self):
        reason = "client_closed"
        watch = asyncio.create_task(self._watch_silence())
        try:
            while True:
                message = await self._read_message()
                if message is None:
                    break
                if isinstance(message, dict):
                    await self._handle(message)
        except Hangup as hangup:
            reason = str(hangup)
        except (ConnectionError, asyncio.IncompleteReadError):
            reason = "connection_lost"
        finally:
            watch.cancel()
            self._stop()
            self.writer.close()
            self.camera.emit("disconnected", connection=self.number, reason=reason, **self.counters())

    def counters(self):
        lines = self.lines.values()
        return {"packets": sum(line.packets for line in lines), "units": self.player.units if self.player else 0,
                "receiver_reports": self.reports_received}

    async def _read_message(self):
        """A request, or True for a packet, or None at the end."""
        first = await self.reader.read(1)
        if not first:
            return None
        if first == b"$":
            head = await self.reader.readexactly(3)
            await self.reader.readexactly(int.from_bytes(head[1:], "big"))
            self.reports_received += head[0] % 2
            return True
        if first in b"\r\n":
            return True
        lines = [first + await self.reader.readline()]
        while (line := (await self.reader.readline()).rstrip(b"\r\n")):
            lines.append(line)
        method, uri, _ = lines[0].decode().split(None, 2)
        headers = {}
        for line in lines[1:]:
            name, _, value = line.decode().partition(":")
            headers[name.strip().lower()] = value.strip()
        await self.reader.readexactly(int(headers.get("content-length", 0)))
        return {"method": method, "uri": uri, "headers": headers}

    async def _watch_silence(self):
        """Ends a session of which nothing was asked for too long."""
        loop = asyncio.get_running_loop()
        while self.profile.enforces_timeout:
            await asyncio.sleep(0.1)
            if self.playing and loop.time() - self.heard_at > self.profile.timeout_s:
                self.camera.emit("timed_out", connection=self.number)
                self.writer.transport.abort()
                return

    # --- requests ---

    async def _handle(self, request):
        method, headers = request["method"], request["headers"]
        if method == "GET_PARAMETER" and self.profile.junk_get_parameter:
            self.camera.emit("request", connection=self.number, method=method, status=0)
            raise Hangup("junk")
        refusal = self._admit(request)
        if refusal is None:
            self.heard_at = asyncio.get_running_loop().time()
        status, lines, body = refusal or self._answer(request)
        self.camera.emit("request", connection=self.number, method=method, uri=request["uri"], status=status,
                         transport=headers.get("transport", ""), user_agent=headers.get("user-agent", ""),
                         authorization=headers.get("authorization", "").partition(" ")[0])
        reply = self._format(status, headers.get("cseq", "0"), lines, body)
        if method == "PLAY" and status == 200:
            if self.profile.early_media:
                self._start()
                await asyncio.sleep(0.05)
            self.writer.write(reply)
            self._start()
        else:
            self.writer.write(reply)
        await self.writer.drain()
        if status == 401 and self.profile.hangs_up_after_401:
            raise Hangup("unauthorized")
        if method == "TEARDOWN":
            self._stop()
            raise Hangup("teardown")

    def _admit(self, request):
        if self.profile.needs_user_agent and not request["headers"].get("user-agent"):
            return 401, [], ""
        challenges = self.login.check(request["method"], request["uri"], request["headers"].get("authorization", ""))
        if challenges is None:
            return None
        return 401, [("WWW-Authenticate", line) for line in challenges], ""

    def _answer(self, request):
        method, headers = request["method"], request["headers"]
        if method == "OPTIONS":
            return 200, [("Public", self.profile.public)], ""
        if method not in [name.strip() for name in self.profile.public.split(",")]:
            return 405, [], ""
        if method == "DESCRIBE":
            return self._describe(request["uri"])
        if method == "SETUP":
            return self._set_up(request["uri"], headers.get("transport", ""))
        if not self.session or headers.get("session", "").partition(";")[0] != self.session:
            return 454, [], ""
        lines = [("Session", self.session)]
        if method == "PLAY":
            lines.append(("Range", "npt=0.000000-"))
            if self.profile.rtp_info != "none":
                lines.append(("RTP-Info", self._rtp_info()))
        return 200, lines, ""

    def _describe(self, uri):
        if path_of(uri) != self.profile.path:
            return 404, [], ""
        text, self.medias = describe(self.profile, self.camera.recording, self.host)
        self._stop()  # also where a TEARDOWN was lost to a 401
        self.lines, self.player, self.described_for = {}, None, None
        host = "192.168.1.64:554" if self.profile.base == "foreign" else self.host
        url = f"rtsp://{host}{self.profile.path}"
        base = {"slash": [("Content-Base", url.rstrip("/") + "/")], "foreign": [("Content-Base", url + "/")],
                "plain": [("Content-Base", url)], "location": [("Content-Location", url)], "none": []}
        return 200, [("Content-Type", "application/sdp")] + base[self.profile.base], text

    def _set_up(self, uri, offered):
        index = next((i for i, media in enumerate(self.medias)
                      if path_of(uri) == media.url and i not in self.lines), None)
        if index is None:
            return 404, [], ""
        over_tcp = "/TCP" in offered
        if (self.profile.udp == "refused" and not over_tcp) or "multicast" in offered \
                or (over_tcp and not self.profile.tcp):
            return 461, [], ""
        if self.profile.describe_again and self.described_for not in (None, over_tcp):
            return 455, [], ""
        self.described_for = over_tcp
        send, answer = self._tcp_line(offered) if over_tcp else self._udp_line(offered)
        if self.medias[index].track is not None:
            self.lines[index] = self._line(index, send)
            answer += f";ssrc={self.lines[index].ssrc:08X}"
        self.session = self.session or secrets.token_hex(4).upper()
        return 200, [("Session", f"{self.session};timeout={self.profile.timeout_s}"), ("Transport", answer)], ""

    def _line(self, index, send):
        return Line(self.profile, self.medias[index], send)

    def _tcp_line(self, offered):
        asked = int(re.search(r"interleaved=(\d+)", offered).group(1))
        channel = asked + 4 if self.profile.tcp_reply == "remapped" else asked
        answer = {"single": f"RTP/AVP/TCP;unicast;interleaved={channel}",
                  "profile": f"RTP/AVP;unicast;interleaved={channel}"}.get(
                      self.profile.tcp_reply, f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}")

        def send(rtcp, packet):
            if self.profile.junk_between_frames and random.random() < 0.05:
                self.writer.write(b"\0\xffjunk\r\n\r\n\x01")
            self.writer.write(bytes([0x24, channel + rtcp]) + len(packet).to_bytes(2, "big") + packet)

        return send, answer

    def _udp_line(self, offered):
        ports = [int(p) for p in re.search(r"client_port=(\d+)-(\d+)", offered).groups()]
        pair = self.camera.udp_pair(self._on_report)
        self.udp += pair
        impairment = self.camera.impairment()

        def send(rtcp, packet):
            if self.profile.udp == "silent":
                return
            for one in [packet] if rtcp else impairment.pass_through(packet):
                pair[rtcp].send(one, (self.peer, ports[rtcp]))

        send.impairment, send.flush = impairment, lambda packets: [
            pair[0].send(one, (self.peer, ports[0])) for one in packets]
        answer = f"RTP/AVP;unicast;client_port={ports[0]}-{ports[1]}"
        return send, answer + (f";server_port={pair[0].port}-{pair[1].port}" if self.profile.server_port else "")

    def _on_report(self):
        self.reports_received += 1

    def _rtp_info(self):
        self._make_player()
        host = "192.168.1.64:554" if self.profile.base == "foreign" else self.host
        wrong = 12345 if self.profile.rtp_info == "wrong" else 0
        return ",".join(f"url=rtsp://{host}{line.media.url};seq={(line.sequence + wrong) % 65536};"
                        f"rtptime={self.player.first_ticks(line)}" for line in self.lines.values())

    def _format(self, status, sequence, lines, body):
        end = self.profile.line_end
        lines = [(self.profile.cseq_name, sequence), ("Server", self.profile.server)] + lines
        if body:
            lines.append(("Content-Length", str(len(body))))
        text = f"RTSP/1.0 {status} {REASONS[status]}{end}"
        for name, value in lines:
            if self.profile.folded_headers and name in ("Public", "Transport", "WWW-Authenticate"):
                value = value.replace(",", f",{end}   ", 1).replace(";", f";{end}\t", 1)
            text += f"{name}: {value}{end}"
        return (text + end + body).encode()

    # --- media ---

    def _make_player(self):
        if self.player is None:
            self.player = Player(self.profile, self.camera.recording, list(self.lines.values()), self.camera.speed,
                                 self.camera.loops)
            self.player.silent = self.camera.silent

    def _start(self):
        if self.playing is None:
            self._make_player()
            self.playing = asyncio.create_task(self._play())

    async def _play(self):
        self.camera.emit("playing", connection=self.number, media=sorted(self.lines),
                         over="udp" if self.udp else "tcp")
        await self.player.play(asyncio.get_running_loop().time())
        self.camera.emit("finished", connection=self.number, **self.counters())
        if self.profile.bye_after_s:
            self.writer.transport.abort()

    def impairments(self):
        return [line.send for line in self.lines.values() if hasattr(line.send, "impairment")]

    def _stop(self):
        if self.playing is not None:
            self.playing.cancel()
            self.playing = None
        for sock in self.udp:
            sock.close()
        self.udp = []
