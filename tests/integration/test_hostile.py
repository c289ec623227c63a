"""Peers that mean harm or are broken: each is refused by name, memory stays bounded, and a neighbour's viewers miss nothing."""

import random
import socket
import threading

import pytest

from harness import neighbour as neighbours
from harness.http import request
from harness.media import run
from harness.raw_rtmp import (AUDIO, COMMAND, HANDSHAKE, VIDEO, Peer, connect, flv_tags, header, message,
                              publish, set_chunk_size, unpublish, wait_all_closed)
from harness.waiting import until

CONFIG = """
rtmp: {handshake_timeout: 2s, idle_timeout: 3s}
http: {header_timeout: 2s}
"""


@pytest.fixture(scope="module")
def cluster(make_cluster):
    with neighbours.many_files():
        yield make_cluster(CONFIG, rtmp=1, http=1)


@pytest.fixture(scope="module")
def neighbour(cluster):
    with neighbours.playing(cluster) as viewers:
        yield viewers


@pytest.fixture(autouse=True)
def unharmed(cluster, neighbour):
    """What every test here has in common."""
    with neighbours.unharmed(cluster, neighbour):
        yield


@pytest.fixture
def errors(cluster):
    """errors(name…): how often these were counted since the test began; without names, any."""
    def counts():
        rows = cluster["rtmp0"].metrics().rows("millrace_protocol_errors_total", protocol="rtmp")
        return {labels["error"]: value for labels, value in rows}

    before = counts()

    def since(*names):
        return sum(value - before.get(name, 0) for name, value in counts().items()
                   if not names or name in names)

    return since


def refused(cluster, data, handshake=True):
    """What the server said to `data` before it hung up."""
    with Peer(cluster["rtmp0"].port) as peer:
        if handshake:
            peer.handshake()
        peer.send(data)
        return peer.wait_closed()


def test_random_bytes(cluster, errors):
    dice = random.Random(1)
    peers = [Peer(cluster["rtmp0"].port) for _ in range(30)]
    for i, peer in enumerate(peers):
        if i % 3 == 0:
            peer.send(dice.randbytes(4000))
        elif i % 3 == 1:
            peer.send(b"\x03" + dice.randbytes(2 * HANDSHAKE) + dice.randbytes(20_000))
        else:
            peer.handshake().send(connect("live") + dice.randbytes(20_000))
    wait_all_closed([p.socket for p in peers], 20)
    for peer in peers:
        peer.socket.close()
    assert errors("rtmp_handshake_version") >= 9
    assert errors() >= 30


def test_truncated_handshakes(cluster, errors):
    peers = []
    for size in (0, 1, 2, 100, HANDSHAKE, HANDSHAKE + 1, HANDSHAKE + 2, 2 * HANDSHAKE):
        peer = Peer(cluster["rtmp0"].port)
        peer.send((b"\x03" + bytes(2 * HANDSHAKE))[:size])
        peers.append(peer)
    wait_all_closed([p.socket for p in peers], 15)
    assert errors("rtmp_handshake_timeout") == len(peers)


def test_a_chunk_that_claims_16_mb(cluster, errors):
    heard = refused(cluster, connect("live") + header(6, 0, 0xFFFFFF, VIDEO, 1) + bytes(70_000))
    assert errors("rtmp_message_too_long") == 1
    assert b"rtmp_message_too_long" in heard, "the client is told"


def test_every_chunk_stream_there_can_be(cluster, errors):
    """65,599 of them, each with a message that never ends."""
    pieces = b"".join(header(csid, 0, 200, VIDEO, 1) + bytes(128) for csid in range(3, 65_600))
    refused(cluster, set_chunk_size(128) + pieces)
    assert errors("rtmp_too_many_chunk_streams") == 1


def test_messages_that_together_are_too_much(cluster, errors):
    """Each within its limit, all of them incomplete."""
    refused(cluster, b"".join(set_chunk_size(128) + header(csid, 0, 9 << 20, VIDEO, 1) + bytes(128)
                              for csid in range(3, 20)))
    assert errors("rtmp_partial_too_large") == 1


@pytest.mark.parametrize("marker", [b"\x03\x00\x01a", b"\x0a\x00\x00\x00\x01",
                                    b"\x08\x00\x00\x00\x01\x00\x01a"], ids=["object", "array", "map"])
def test_amf_nested_a_thousand_deep(cluster, errors, marker):
    refused(cluster, message(COMMAND, marker * 1000))
    assert errors() == 1


@pytest.mark.parametrize("body", [
    b"\x02\xff\xffconnect",                                  # a string longer than its message
    b"\x0c\xff\xff\xff\xffconnect",                          # a long string of 4 GB
    b"\x0a\xff\xff\xff\xff",                                 # an array of 4 billion
    b"\x08\xff\xff\xff\xff\xff\xff",                         # a map whose first key is not there
    b"\x03\xff\xffa",                                        # an object whose first key is not there
    b"\x0f\xff\xff\xff\xff",                                 # XML of 4 GB
    b"\x00\x01",                                             # half a number
    b"\x11\x0a\xff\xff\xff\xff",                             # AMF 3: a class of half a billion members
], ids=["string", "long string", "array", "map", "object", "xml", "number", "amf3"])
def test_amf_that_lies_about_lengths(cluster, errors, body):
    refused(cluster, message(COMMAND, body))
    assert errors() == 1


def test_http_a_byte_at_a_time(cluster):
    node = cluster["http0"]
    before = node.metrics().sum("millrace_protocol_errors_total", error="header_timeout")
    sockets = [socket.create_connection(("127.0.0.1", node.port)) for _ in range(50)]
    wait_all_closed(sockets, 20, dribble=b"GET /live/" + b"x" * 500)
    assert node.metrics().sum("millrace_protocol_errors_total", error="header_timeout") - before == 50


def test_rtmp_a_byte_at_a_time(cluster, errors):
    handshakes = [socket.create_connection(("127.0.0.1", cluster["rtmp0"].port)) for _ in range(25)]
    wait_all_closed(handshakes, 20, dribble=b"\x03" + bytes(500))
    assert errors("rtmp_handshake_timeout") == 25
    commands = [Peer(cluster["rtmp0"].port).handshake() for _ in range(25)]
    wait_all_closed([p.socket for p in commands], 20, dribble=connect("live")[:-30])
    assert errors("rtmp_idle_timeout") == 25


def test_two_thousand_who_say_nothing(cluster, errors):
    port = cluster["rtmp0"].port
    sockets = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(2000)]
    wait_all_closed(sockets, 40, every=0.05)
    assert errors("rtmp_handshake_timeout") == 2000
    sockets = [socket.create_connection(("127.0.0.1", cluster["http0"].port), timeout=20)
               for _ in range(500)]
    wait_all_closed(sockets, 40, every=0.05)


def test_too_many_fields_and_too_long_a_path(cluster):
    port = cluster["http0"].port
    many = request(port, "/", headers={f"X-{i}": "y" for i in range(150)})
    assert (many.status, many.headers["content-type"]) == (431, "application/problem+json")
    assert b"too_many_fields" in many.body
    long = request(port, "/" + "x" * 9000)
    assert long.status == 414 and b"target_too_long" in long.body
    assert request(port, "/", headers={"X": "y" * 20_000}).status == 431


# --- publishers that are accepted, and odd ---

@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Tags of H.264 in two sizes: the header, then pictures of which the first is a key frame."""
    made = []
    for size in ("320x180", "160x90"):
        path = tmp_path_factory.mktemp("pictures") / "video.flv"
        run("ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-f", "lavfi", "-i",
            f"testsrc2=size={size}:rate=25", "-t", "1", "-c:v", "libx264", "-preset", "ultrafast",
            "-bf", "0", "-g", "25", path)
        bodies = [body for kind, _, body in flv_tags(path.read_bytes()) if kind == VIDEO]
        made.append((bodies[0], [b for b in bodies[1:] if len(b) > 5 and b[1] == 1]))
    return made


class FlvReader(threading.Thread):
    """A viewer by HTTP that keeps the tags it is sent until the stream ends."""

    def __init__(self, port, stream):
        super().__init__(daemon=True)
        self.port, self.stream, self.tags, self.error = port, stream, [], None
        self.start()

    def run(self):
        try:
            self.tags = flv_tags(request(self.port, f"/{self.stream}.flv", timeout=60).body)
        except Exception as error:  # shown by the test
            self.error = error

    def video(self):
        """Once the stream has ended."""
        self.join(60)
        assert not self.is_alive() and self.error is None, self.error
        return [(timestamp, body) for kind, timestamp, body in self.tags if kind == VIDEO]


def watched(cluster, stream):
    reader = FlvReader(cluster["http0"].port, stream)
    until(lambda: any(s.stream == stream for s in cluster.admin.sessions(stream=stream)), 15,
          "the viewer waits")
    return reader


def published(cluster, stream, messages):
    app, _, name = stream.rpartition("/")
    with Peer(cluster["rtmp0"].port, timeout=60) as peer:
        peer.handshake().send(connect(app) + publish(name))
        peer.hear("NetStream.Publish.Start")
        peer.send(b"".join(messages) + unpublish(name))
        peer.hear("NetStream.Unpublish.Success")


def test_a_minute_of_timestamps_backwards(cluster, pictures):
    """1,500 frames, each 40 ms before the last; viewers see a time that rises."""
    config, frames = pictures[0]
    reader = watched(cluster, "odd/backwards")
    before = cluster["rtmp0"].metrics().sum("millrace_timestamp_repairs_total")
    published(cluster, "odd/backwards",
              [message(VIDEO, config, 60_000, 1, csid=6)]
              + [message(VIDEO, frames[i % len(frames)], 60_000 - 40 * i, 1, csid=6) for i in range(1500)])
    assert cluster["rtmp0"].metrics().sum("millrace_timestamp_repairs_total") > before
    seen = reader.video()
    pictures_seen = [timestamp for timestamp, body in seen if body[1] == 1]
    assert len(pictures_seen) == 1500
    assert all(a < b for a, b in zip(pictures_seen, pictures_seen[1:]))


def test_another_size_each_second(cluster, pictures):
    reader = watched(cluster, "odd/sizes")
    messages, time_ms = [], 0
    changes = 14
    for second in range(changes):
        config, frames = pictures[second % 2]
        messages.append(message(VIDEO, config, time_ms, 1, csid=6))
        for frame in frames:
            messages.append(message(VIDEO, frame, time_ms, 1, csid=6))
            time_ms += 40
    published(cluster, "odd/sizes", messages)
    seen = reader.video()
    headers = [body for _, body in seen if body[1] == 0]
    assert headers == [pictures[i % 2][0] for i in range(changes)], "each change is announced, in order"
    times = [timestamp for timestamp, _ in seen]
    assert times == sorted(times)
    assert len(seen) - len(headers) == sum(len(pictures[i % 2][1]) for i in range(changes))


def test_audio_that_floods_with_one_timestamp(cluster, pictures, errors):
    """30,000 frames of no duration: the publisher is heard out or refused, and nobody else notices."""
    config, frames = pictures[0]
    published(cluster, "odd/flood",
              [message(VIDEO, config, 0, 1, csid=6), message(VIDEO, frames[0], 0, 1, csid=6),
               message(AUDIO, b"\xaf\x00\x12\x10", 0, 1, csid=4)]
              + [message(AUDIO, b"\xaf\x01" + bytes(30), 0, 1, csid=4)] * 30_000)
    assert errors() == 0
