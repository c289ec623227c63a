"""A WebSocket client by hand (RFC 6455), that also sends what nobody should."""

import base64
import hashlib
import os
import socket

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class WebSocket:
    def __init__(self, port, path, receive_buffer=None):
        self.socket = socket.socket()
        self.socket.settimeout(20)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(("127.0.0.1", port))
        self.stream = self.socket.makefile("rb")
        key = base64.b64encode(os.urandom(16))
        self.socket.sendall(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key +
                            b"\r\n\r\n")
        self.status = int(self.stream.readline().split()[1])
        self.headers = {}
        while line := self.stream.readline().strip():
            name, _, value = line.partition(b":")
            self.headers[name.lower().decode()] = value.strip()
        if self.status == 101:
            accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
            assert self.headers["sec-websocket-accept"] == accept

    def receive(self):
        """(opcode, payload) of a whole message."""
        first, second = self.stream.read(2)
        assert first & 0x80 and second < 128, "one unmasked frame a message"
        size = second
        if size > 125:
            size = int.from_bytes(self.stream.read(2 if size == 126 else 8), "big")
            assert size > 125
        return first & 15, self.stream.read(size)

    def send(self, opcode, payload=b""):
        self.socket.sendall(frame(opcode, payload))

    def receive_until(self, opcode):
        """The payload of the next message of that kind; what came before it is media."""
        while True:
            kind, payload = self.receive()
            if kind == opcode:
                return payload
            assert kind == BINARY

    def close(self):
        self.stream.close()
        self.socket.close()


def frame(opcode, payload=b"", final=True):
    """A masked frame of at most 65,535 bytes."""
    mask = os.urandom(4)
    body = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    size = bytes([0x80 | len(body)]) if len(body) < 126 else b"\xfe" + len(body).to_bytes(2, "big")
    return bytes([(0x80 if final else 0) | opcode]) + size + mask + body
