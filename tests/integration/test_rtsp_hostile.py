"""RTSP peers that mean harm or are broken: each is refused by name, memory stays bounded, and a neighbour's player misses
nothing. And every status that is not 200."""

import random
import socket
import struct
import threading
import time

import pytest

from harness.cluster import sanitized
from harness.raw_rtmp import wait_all_closed
from harness.raw_rtsp import Client, announce, rtp, sdp, tone
from harness.waiting import until

CONFIG = """
rtsp: {handshake_timeout: 2s, idle_timeout: 3s, session_timeout: 4s}
defaults: {wait_timeout: 1s, track_wait: 100ms}
applications:
  locked: {publishers: {cam: secret}}
"""
# A sanitizer keeps freed memory in quarantine.
ALLOWED_KB = (400 if sanitized() else 48) * 1024
GOOD = "good/cam"


@pytest.fixture(scope="module")
def cluster(make_cluster):
    return make_cluster(CONFIG, rtmp=1, http=0, rtsp=1)


class Neighbour(threading.Thread):
    """Publishes a tone and plays it back, for as long as the module."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.publisher, self.player = Client(port, timeout=60), Client(port, timeout=60)
        assert announce(self.publisher, GOOD).status == 200
        self.over, self.seen, self.gaps, self.last = False, 0, 0, None
        threading.Thread(target=self._publish, daemon=True).start()
        self.player.set_up(GOOD, media=1)
        assert self.player.ask("PLAY", GOOD).status == 200
        self.start()

    def _publish(self):
        sequence = 0
        try:
            while not self.over:
                sequence = tone(self.publisher, GOOD, 0.5, first=sequence)
        except OSError:
            assert self.over

    def run(self):
        heard = time.monotonic()
        try:
            while not self.over:
                _, packet = self.player.next_frame(0)
                sequence = int.from_bytes(packet[2:4], "big")
                if self.last is not None and sequence != (self.last + 1) & 0xffff:
                    self.gaps += 1
                self.last, self.seen = sequence, self.seen + 1
                if time.monotonic() - heard > 2:
                    heard = time.monotonic()
                    self.player.frame(1, struct.pack(">BBHI", 0x80, 201, 1, 7))  # a report: it is there
        except (OSError, EOFError):
            pass

    def close(self):
        self.over = True
        self.player.close()
        self.publisher.close()


@pytest.fixture(scope="module")
def neighbour(cluster):
    made = Neighbour(cluster["rtsp0"].port)
    until(lambda: made.seen > 10, 10, "the neighbour plays")
    yield made
    made.close()


@pytest.fixture(autouse=True)
def unharmed(cluster, neighbour):
    process = cluster["rtsp0"].process
    before, seen = process.memory_kb(), neighbour.seen
    yield
    until(lambda: neighbour.seen > seen + 20, 10, "the neighbour goes on")
    assert neighbour.gaps == 0
    assert process.memory_kb() - before < ALLOWED_KB


@pytest.fixture
def errors(cluster):
    """errors(name…): how often these were counted since the test began; without names, any."""
    def counts():
        rows = cluster["rtsp0"].metrics().rows("millrace_protocol_errors_total", protocol="rtsp")
        return {labels["error"]: value for labels, value in rows}

    before = counts()

    def since(*names):
        return sum(value - before.get(name, 0) for name, value in counts().items() if not names or name in names)

    return since


@pytest.fixture
def client(cluster):
    with Client(cluster["rtsp0"].port) as made:
        yield made


# --- who says nothing, or never ends ---

def test_who_says_nothing(cluster, errors):
    sockets = [socket.create_connection(("127.0.0.1", cluster["rtsp0"].port)) for _ in range(300)]
    wait_all_closed(sockets, 20)
    assert errors("rtsp_handshake_timeout") == 300


def test_a_byte_at_a_time(cluster, errors):
    sockets = [socket.create_connection(("127.0.0.1", cluster["rtsp0"].port)) for _ in range(20)]
    wait_all_closed(sockets, 20, dribble=b"OPTIONS rtsp://x/" + b"x" * 500)
    assert errors("rtsp_handshake_timeout") == 20


def test_who_never_plays(client, errors):
    assert client.ask("OPTIONS").status == 200
    client.wait_closed()
    assert errors("rtsp_idle_timeout") == 1


def test_who_sets_up_and_never_plays(client, errors):
    client.set_up(GOOD, media=1)
    client.wait_closed()
    assert errors("rtsp_idle_timeout") == 1


def test_a_player_that_is_not_heard_of(client, errors):
    """It is told `timeout=4` and is closed half as much later; one that reports stays."""
    replies = client.set_up(GOOD, media=1)
    assert replies[0].headers["session"].endswith(";timeout=4")
    assert client.ask("PLAY", GOOD).status == 200
    began = time.monotonic()
    client.wait_closed(timeout=15)
    assert 5 < time.monotonic() - began < 9
    assert errors("rtsp_session_timeout") == 1


def test_players_that_are_heard_of_stay(cluster, neighbour):
    """A report, any request and any frame count, for longer than the session's time."""
    port = cluster["rtsp0"].port
    signs = {
        "options": lambda c: c.request("OPTIONS", GOOD),
        "get_parameter": lambda c: c.request("GET_PARAMETER", GOOD),
        "set_parameter": lambda c: c.request("SET_PARAMETER", GOOD),
        "frame": lambda c: c.frame(0, b"whatever"),
    }
    players = {name: Client(port) for name in signs}
    for player in players.values():
        player.set_up(GOOD, media=1)
        assert player.ask("PLAY", GOOD).status == 200
    end = time.monotonic() + 9
    while time.monotonic() < end:
        for name, sign in signs.items():
            sign(players[name])
        time.sleep(2)
    for name, player in players.items():
        player.frames.clear()
        assert player.ask("TEARDOWN", GOOD).status == 200, name
        player.close()


# --- bytes that are no RTSP ---

def test_random_bytes(cluster):
    dice = random.Random(1)
    peers = [Client(cluster["rtsp0"].port, hello=dice.randbytes(20_000)) for _ in range(20)]
    wait_all_closed([p.socket for p in peers], 20)


@pytest.mark.parametrize("request_, error, status", [
    (b"OPTIONS rtsp://x/" + b"x" * 100_000, "rtsp_line_too_long", 414),
    (b"OPTIONS * RTSP/1.0\r\nX: " + b"y" * 100_000, "rtsp_line_too_long", 414),
    (b"OPTIONS * RTSP/1.0\r\n" + b"X: y\r\n" * 2000, "rtsp_too_many_headers", 400),
    (b"ANNOUNCE rtsp://x/a/b RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 2000000000\r\n\r\n", "rtsp_body_too_large", 413),
    (b"ANNOUNCE rtsp://x/a/b RTSP/1.0\r\nCSeq: 1\r\nContent-Length: -1\r\n\r\n", "rtsp_bad_content_length", 400),
    (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "rtsp_bad_start_line", 400),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "rtsp_not_rtsp", 400),
], ids=["uri", "header", "headers", "body", "length", "http", "tls"])
def test_messages_that_cannot_be_read(client, errors, request_, error, status):
    said = client.send(request_).wait_closed()
    assert errors(error) == 1, errors()
    assert said.startswith(f"RTSP/1.0 {status} ".encode()), said


def test_frames_that_are_none(cluster, errors):
    """A publisher whose `$` frames lie about their length: what follows is not found again, or is."""
    with Client(cluster["rtsp0"].port) as lost:
        assert announce(lost, "bad/frames").status == 200
        tone(lost, "bad/frames", 0.1)
        lost.send(b"\1" * 400_000)
        lost.wait_closed()
    assert errors("rtsp_lost_sync") == 1
    with Client(cluster["rtsp0"].port) as found:
        assert announce(found, "bad/found").status == 200
        found.send(b"$\0\0\x05" + b"rubbish behind a short frame")
        sequence = tone(found, "bad/found", 0.3)
        assert found.ask("GET_PARAMETER", "bad/found").status == 200
        assert sequence == 15


def test_requests_while_one_waits(client, errors):
    """DESCRIBE waits for a stream; what piles up behind it is bounded."""
    client.request("DESCRIBE", "nobody/here")
    try:
        client.send(b"OPTIONS * RTSP/1.0\r\nCSeq: 9\r\n\r\n" * 40_000)
    except OSError:
        pass
    client.wait_closed()
    assert errors("rtsp_too_much_pending") == 1


# --- descriptions ---

def bomb(media):
    return b"v=0\r\n" + media


@pytest.mark.parametrize("description, status", [
    (b"", 400),
    (b"v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 sprop-parameter-sets=" + b"Z" * 60_000, 400),
    (bomb(b"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n" * 1000), 400),
    (bomb(b"m=video 0 RTP/AVP " + b" ".join(b"%d" % i for i in range(96, 127)) * 100), 400),
    (bomb(b"m=video 0 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"), 415),
    (bomb(b"m=application 0 RTP/AVP 96\r\n"), 415),
], ids=["empty", "parameters", "thousand media", "thousand formats", "codec", "metadata"])
def test_descriptions(client, description, status):
    reply = client.ask("ANNOUNCE", "bad/sdp", description, Content_Type="application/sdp")
    assert reply.status == status, reply
    assert client.ask("OPTIONS").status == 200, "the connection goes on"


def test_hundreds_of_announcements(client):
    """Over and over on one connection: the first holds."""
    assert client.ask("ANNOUNCE", "bad/again", sdp(), Content_Type="application/sdp").status == 200
    for _ in range(300):
        assert client.ask("ANNOUNCE", "bad/again", sdp(), Content_Type="application/sdp").status == 455


def test_packets_that_are_none(client, errors):
    """Of a publisher that is accepted: each is named, and the next one is heard."""
    assert announce(client, "bad/rtp").status == 200
    dice = random.Random(2)
    for size in (1, 3, 11, 12, 100, 1000):
        for _ in range(20):
            client.frame(0, dice.randbytes(size))
            client.frame(1, dice.randbytes(size))
    client.frame(0, rtp(1, 1, b"", kind=0))
    tone(client, "bad/rtp", 0.2, first=5000)
    assert client.ask("GET_PARAMETER", "bad/rtp").status == 200
    assert errors() > 0


# --- every status but 200 ---

def test_401_and_then_in(client, cluster):
    reply = client.ask("ANNOUNCE", "locked/cam", sdp(), Content_Type="application/sdp")
    assert reply.status == 401 and reply.headers["www-authenticate"].startswith("Digest "), reply
    reply = client.ask("ANNOUNCE", "locked/cam", sdp(), Content_Type="application/sdp",
                       Authorization="Basic Y2FtOnNlY3JldA==")
    assert reply.status == 200


def test_401_time_and_again(client, errors):
    for _ in range(4):
        assert client.ask("ANNOUNCE", "locked/cam", sdp(), Content_Type="application/sdp",
                          Authorization="Basic Y2FtOndyb25n").status == 401
    client.wait_closed()
    assert errors("rtsp_login_failed") == 1


def test_403_of_who_is_banned(client, cluster):
    cluster.admin.cli("bans", "add", "stream", "banned/cam", "--for", "10m", "--reason", "not here")
    def told():
        with Client(cluster["rtsp0"].port) as other:
            return other.ask("DESCRIBE", "banned/cam")
    until(lambda: told().status == 403, 10, "the ban has come")
    assert told().reason == "not here"


def test_404_of_what_is_not_there(client):
    reply = client.ask("DESCRIBE", "nobody/here")
    assert reply.status == 404 and "nobody publishes" in reply.reason, reply
    assert client.ask("DESCRIBE", GOOD).status == 200, "the connection goes on"
    assert client.ask("SETUP", GOOD + "/trackID=7", Transport="RTP/AVP/TCP;unicast").status in (404, 459)


def test_404_of_a_name_that_is_none(client):
    reply = client.ask("DESCRIBE", "noslash")
    assert reply.status == 404 and "rtsp://host/app/name" in reply.reason, reply


def test_454_of_another_session(client):
    client.set_up(GOOD, media=1)
    assert client.ask("PLAY", GOOD, Session="4711").status == 454
    assert client.ask("PLAY", GOOD).status == 200


def test_455_out_of_turn(client):
    assert client.ask("PLAY", GOOD).status == 455
    client.set_up(GOOD, media=1)
    reply = client.ask("RECORD", GOOD)
    assert reply.status == 455 and "PLAY" in reply.headers["allow"], reply


def test_459_of_the_whole_presentation(cluster):
    with Client(cluster["rtsp0"].port) as publisher:
        assert publisher.ask("ANNOUNCE", "two/media", sdp(), Content_Type="application/sdp").status == 200
        assert publisher.ask("SETUP", "two/media", Transport="RTP/AVP/TCP;unicast;mode=record").status == 459


def test_461_and_463_of_transports(client):
    assert client.ask("DESCRIBE", GOOD).status == 200

    def set_up(transport):
        return client.ask("SETUP", GOOD + "/trackID=0", Transport=transport).status

    assert set_up("RTP/SAVP;unicast;client_port=5000-5001") == 461
    assert set_up("RTP/AVP;multicast") == 461, "off unless it is configured"
    assert set_up("RTP/AVP;unicast;client_port=0-0") == 461
    assert set_up("RTP/AVP;unicast;client_port=5000-5001;destination=192.0.2.1") == 463, "nobody else is shot at"
    assert set_up("RTP/AVP/TCP;unicast") == 200, "the session goes on"


def test_505_of_another_version(client):
    client.send(b"OPTIONS * RTSP/2.0\r\nCSeq: 1\r\n\r\n")
    assert client.reply().status == 505
    assert client.ask("OPTIONS").status == 200
