"""WS-FLV, seen frame by frame."""

import pytest

from harness.waiting import until
from harness.websocket import BINARY, CLOSE, PING, PONG, TEXT, WebSocket


@pytest.fixture(scope="module")
def cluster(make_cluster):
    return make_cluster("defaults:\n  wait_timeout: 1s\n", rtmp=1, http=1)


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
