"""RTSP by hand, for what no program does."""

import select
import socket
import struct
import time


class Reply:
    def __init__(self, status, reason, headers, body):
        self.status, self.reason, self.headers, self.body = status, reason, headers, body

    def __repr__(self):
        return f"{self.status} {self.reason} {self.headers}"


class Client:
    """One connection; requests are answered in turn, interleaved frames that come between are kept."""

    def __init__(self, port, bind=None, timeout=20, hello=b"", connect=None):
        source = (bind, 0) if bind else None
        self.socket = connect(port) if connect else \
            socket.create_connection(("127.0.0.1", port), timeout=timeout, source_address=source)
        self.base = f"rtsp://127.0.0.1:{port}/"
        self.unread = b""
        self.frames = []  # (channel, payload)
        self.sequence = 0
        self.session = ""
        if hello:
            self.socket.sendall(hello)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)
        return self

    def frame(self, channel, payload):
        return self.send(struct.pack(">cBH", b"$", channel, len(payload)) + payload)

    def ask(self, method, stream="", body=b"", **headers):
        """The reply to a request; `stream` is put behind the server's URL unless it is one itself."""
        self.request(method, stream, body, **headers)
        return self.reply()

    def request(self, method, stream="", body=b"", **headers):
        self.sequence += 1
        url = stream if stream.startswith(("rtsp:", "*")) else self.base + stream
        lines = [f"{method} {url} RTSP/1.0", f"CSeq: {self.sequence}"]
        if self.session and "Session" not in headers:
            lines.append(f"Session: {self.session}")
        if body:
            lines.append(f"Content-Length: {len(body)}")
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError("the server hung up")
        self.unread += data

    def _message(self):
        """The next reply, or None behind a frame."""
        while not self.unread:
            self._more()
        if self.unread[:1] == b"$":
            while len(self.unread) < 4:
                self._more()
            size = int.from_bytes(self.unread[2:4], "big")
            while len(self.unread) < 4 + size:
                self._more()
            self.frames.append((self.unread[1], self.unread[4:4 + size]))
            self.unread = self.unread[4 + size:]
            return None
        while b"\r\n\r\n" not in self.unread:
            self._more()
        head, _, self.unread = self.unread.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        version, status, reason = first.split(" ", 2)
        assert version == "RTSP/1.0", first
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers.setdefault(name.lower(), value.strip())
        size = int(headers.get("content-length", 0))
        while len(self.unread) < size:
            self._more()
        body, self.unread = self.unread[:size], self.unread[size:]
        if "session" in headers:
            self.session = headers["session"].partition(";")[0]
        return Reply(int(status), reason, headers, body)

    def reply(self):
        while True:
            message = self._message()
            if message is not None:
                return message

    def next_frame(self, channel=None):
        """The next interleaved frame (of `channel`)."""
        while True:
            for i, (number, payload) in enumerate(self.frames):
                if channel is None or number == channel:
                    del self.frames[i]
                    return number, payload
            assert self._message() is None, "a reply that nobody asked for"

    def wait_closed(self, timeout=20):
        """What the server still says before it hangs up."""
        self.socket.settimeout(timeout)
        said = self.unread
        try:
            while data := self.socket.recv(65536):
                said += data
        except ConnectionResetError:
            pass
        return said

    def set_up(self, stream, media=2, transport="RTP/AVP/TCP;unicast;interleaved={0}-{1}"):
        """DESCRIBE and SETUP of the first `media`; the replies to SETUP."""
        described = self.ask("DESCRIBE", stream, Accept="application/sdp")
        assert described.status == 200, described
        replies = []
        for i in range(media):
            replies.append(self.ask("SETUP", f"{stream}/trackID={i}", Transport=transport.format(2 * i, 2 * i + 1)))
            assert replies[-1].status == 200, replies[-1]
        return replies


def sdp(*media):
    """A description of H.264 and PCMU, or of the media given."""
    text = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\n"
    media = media or ("m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n", "m=audio 0 RTP/AVP 0\r\n")
    for i, lines in enumerate(media):
        text += lines + f"a=control:trackID={i}\r\n"
    return text.encode()


def rtp(sequence, timestamp, payload, kind=0, ssrc=0x1234, marker=0):
    return struct.pack(">BBHII", 0x80, kind | marker << 7, sequence & 0xffff, timestamp & 0xffffffff, ssrc) + payload


def rtcp_kinds(compound):
    """Packet types and SSRCs of a compound."""
    kinds = []
    while len(compound) >= 4:
        size = 4 * (int.from_bytes(compound[2:4], "big") + 1)
        kinds.append((compound[1], int.from_bytes(compound[4:8], "big")))
        compound = compound[size:]
    return kinds


def tone(client, stream, seconds=1.0, media=0, channel=0, first=0):
    """Publishes PCMU in real time: 20 ms a packet. Returns the next sequence number."""
    packets = int(seconds * 50)
    for i in range(packets):
        client.frame(channel, rtp(first + i, 160 * (first + i), bytes([0xff, 0x80, 0x7f, 0x00]) * 40))
        time.sleep(0.02)
    return first + packets


def announce(client, stream, description=None, transport="RTP/AVP/TCP;unicast;interleaved=0-1;mode=record"):
    """ANNOUNCE of sound alone, SETUP, RECORD; the reply to RECORD."""
    body = description or sdp("m=audio 0 RTP/AVP 0\r\n")
    reply = client.ask("ANNOUNCE", stream, body, Content_Type="application/sdp")
    if reply.status != 200:
        return reply
    reply = client.ask("SETUP", stream + "/trackID=0", Transport=transport)
    if reply.status != 200:
        return reply
    return client.ask("RECORD", stream)


def readable(sock, timeout):
    return bool(select.select([sock], [], [], timeout)[0])
