"""WS-FLV, seen frame by frame."""

import base64
import hashlib
import os
import socket

import pytest

from harness.waiting import until

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


@pytest.fixture(scope="module")
def cluster(make_cluster):
    return make_cluster("defaults:\n  wait_timeout: 1s\n", rtmp=1, http=1)


class WebSocket:
    def __init__(self, port, path):
        self.socket = socket.create_connection(("127.0.0.1", port), 20)
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
        mask = os.urandom(4)
        body = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        self.socket.sendall(bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + body)

    def receive_until(self, opcode):
        """The payload of the next message of that kind; what came before it is media."""
        while True:
            kind, payload = self.receive()
            if kind == opcode:
                return payload
            assert kind == BINARY

    def close(self):
        self.socket.close()


def count_tags(message):
    """Whole FLV tags in a message, which holds nothing else."""
    at, count = 0, 0
    while at < len(message):
        size = int.from_bytes(message[at + 1:at + 4], "big")
        assert int.from_bytes(message[at + 11 + size:at + 15 + size], "big") == size + 11
        at, count = at + size + 15, count + 1
    return count


def test_messages_are_whole_tags_and_the_close_says_why(cluster, tools):
    source = tools.source(cluster.rtmp("w/cam")).wait_publishing()
    client = WebSocket(cluster["http0"].port, "/w/cam.flv")
    assert client.status == 101
    kind, preamble = client.receive()
    assert kind == BINARY and preamble[:5] == b"FLV\x01\x05"
    assert count_tags(preamble[13:]) == 3
    tags = 0
    while tags < 50:
        kind, message = client.receive()
        assert kind == BINARY
        tags += count_tags(message)
    client.send(TEXT, b"hello")
    client.send(PING, b"are you there")
    assert client.receive_until(PONG) == b"are you there"
    row = until(lambda: cluster.admin.sessions(stream="w/cam", role=2), 5, "the viewer is listed")[0]
    assert row.protocol == "ws-flv"
    source.stop()
    assert client.receive_until(CLOSE)[:2] == (1000).to_bytes(2, "big")
    client.send(CLOSE, (1000).to_bytes(2, "big"))
    assert client.stream.read() == b""
    client.close()


def test_a_kick_gives_its_reason(cluster, tools):
    source = tools.source(cluster.rtmp("w/kicked")).wait_publishing()
    client = WebSocket(cluster["http0"].port, "/w/kicked.flv")
    client.receive()
    row = until(lambda: cluster.admin.sessions(stream="w/kicked", role=2), 5, "the viewer is listed")[0]
    cluster.admin.cli("sessions", "kick", row.id, "--reason", "shift is over")
    last = client.receive_until(CLOSE)
    assert last == (1008).to_bytes(2, "big") + b"shift is over"
    client.close()
    source.stop()


def test_a_client_that_says_goodbye_is_gone(cluster, tools):
    source = tools.source(cluster.rtmp("w/bye")).wait_publishing()
    client = WebSocket(cluster["http0"].port, "/w/bye.flv")
    client.receive()
    client.send(CLOSE, (1001).to_bytes(2, "big") + b"next page")
    assert client.receive_until(CLOSE) == (1001).to_bytes(2, "big")
    until(lambda: not list(cluster.admin.sessions(stream="w/bye", role=2)), 5, "the viewer is gone")
    client.close()
    source.stop()


def test_a_stream_that_nobody_publishes_is_refused_in_http(cluster):
    client = WebSocket(cluster["http0"].port, "/w/nothing.flv")
    assert client.status == 404
    assert client.headers["content-type"] == b"application/problem+json"
    client.close()
