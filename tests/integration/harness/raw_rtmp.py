"""RTMP by hand: a peer that says exactly the bytes it is told to, for tests of what nobody should send."""

import os
import select
import socket
import struct
import time

HANDSHAKE = 1536
AUDIO, VIDEO, COMMAND = 8, 9, 20


def number(value):
    return b"\x00" + struct.pack(">d", value)


def string(text):
    return b"\x02" + struct.pack(">H", len(text)) + text.encode()


def obj(**values):
    body = b"".join(struct.pack(">H", len(k)) + k.encode() + string(v) for k, v in values.items())
    return b"\x03" + body + b"\x00\x00\x09"


def header(csid, timestamp, length, kind, stream=0):
    """Basic and message header of format 0."""
    if csid < 64:
        basic = bytes([csid])
    elif csid < 320:
        basic = bytes([0, csid - 64])
    else:
        basic = bytes([1]) + struct.pack("<H", csid - 64)
    timestamp &= 0xFFFFFFFF
    short = min(timestamp, 0xFFFFFF)
    extended = struct.pack(">I", timestamp) if short == 0xFFFFFF else b""
    return (basic + struct.pack(">I", short)[1:] + struct.pack(">I", length)[1:] + bytes([kind])
            + struct.pack("<I", stream) + extended)


def set_chunk_size(size):
    return header(2, 0, 4, 1) + struct.pack(">I", size)


def message(kind, body, timestamp=0, stream=0, csid=3):
    """In one chunk: say set_chunk_size first."""
    return header(csid, timestamp, len(body), kind, stream) + body


def connect(app):
    return message(COMMAND, string("connect") + number(1)
                   + obj(app=app, tcUrl=f"rtmp://localhost/{app}"))


def publish(name):
    return (message(COMMAND, string("createStream") + number(2) + b"\x05")
            + message(COMMAND, string("publish") + number(3) + b"\x05" + string(name)
                      + string("live"), stream=1))


def unpublish(name):
    return message(COMMAND, string("FCUnpublish") + number(4) + b"\x05" + string(name))


class Peer:
    def __init__(self, port, timeout=15):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.heard = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        """All of it, unless the server hangs up on it."""
        try:
            self.socket.sendall(data)
        except (ConnectionResetError, BrokenPipeError):
            pass

    def handshake(self):
        self.send(b"\x03" + bytes(8) + os.urandom(HANDSHAKE - 8))
        answer = b""
        while len(answer) < 1 + 2 * HANDSHAKE:
            piece = self.socket.recv(1 + 2 * HANDSHAKE - len(answer))
            assert piece, "the server hung up in the handshake"
            answer += piece
        self.send(answer[1:1 + HANDSHAKE])
        self.send(set_chunk_size(1 << 24))
        return self

    def hear(self, text):
        """Waits until the server has said `text`."""
        while text.encode() not in self.heard:
            piece = self.socket.recv(65536)
            assert piece, f"the server hung up without {text}: {self.heard[-300:]}"
            self.heard += piece

    def wait_closed(self):
        """Until the server hangs up; what it said before."""
        try:
            while piece := self.socket.recv(65536):
                self.heard += piece
        except ConnectionResetError:
            pass
        return self.heard


def wait_all_closed(sockets, timeout, dribble=None, every=0.1):
    """Reads from all until the server has closed them; meanwhile each sends the bytes of `dribble`, one at a time."""
    deadline = time.monotonic() + timeout
    left = {s.fileno(): s for s in sockets}
    poll = select.poll()
    for number_ in left:
        poll.register(number_, select.POLLIN | select.POLLHUP)
    sent = 0
    while left:
        assert time.monotonic() < deadline, f"{len(left)} of {len(sockets)} connections are still open"
        for number_, _ in poll.poll(every * 1000):
            try:
                over = not left[number_].recv(65536)
            except OSError:
                over = True
            if over:
                poll.unregister(number_)
                del left[number_]
        if dribble is not None:
            for one in left.values():
                try:
                    one.send(dribble[sent % len(dribble):][:1])
                except OSError:
                    pass
            sent += 1


def flv_tags(data):
    """(kind, timestamp, body) of each tag of an FLV file."""
    at, tags = 13, []
    while at + 11 <= len(data):
        kind, size = data[at], int.from_bytes(data[at + 1:at + 4], "big")
        timestamp = int.from_bytes(data[at + 4:at + 7], "big") | data[at + 7] << 24
        if at + 11 + size > len(data):
            break
        tags.append((kind, timestamp, data[at + 11:at + 11 + size]))
        at += 11 + size + 4
    return tags
