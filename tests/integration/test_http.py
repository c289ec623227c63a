"""The http-gateway as HTTP sees it."""

import json
import socket
import time

import pytest

from harness.http import request
from harness.waiting import until

CONFIG = """
defaults:
  wait_timeout: 1s
http:
  trusted_proxies: [127.0.0.2/32]
  header_timeout: 2s
"""


@pytest.fixture(scope="module")
def cluster(make_cluster):
    return make_cluster(CONFIG, rtmp=1, http=1)


@pytest.fixture(scope="module")
def live(cluster):
    """A stream for the whole module: its path."""
    from harness.tools import Source
    source = Source(cluster.rtmp("h/cam"), profile="bench", run=1).wait_publishing()
    until(lambda: "h/cam" in cluster.admin.streams("h/"), 10, "it is live")
    yield "/h/cam.flv"
    source.stop()


def port(cluster):
    return cluster["http0"].port


def raw(cluster, data, bind=None, until_bytes=None, timeout=10):
    """Sends bytes, returns what comes back until the end (or so many bytes)."""
    source = (bind, 0) if bind else None
    with socket.create_connection(("127.0.0.1", port(cluster)), timeout, source_address=source) as client:
        client.sendall(data)
        answer = b""
        while until_bytes is None or len(answer) < until_bytes:
            piece = client.recv(65536)
            if not piece:
                break
            answer += piece
        return answer


def flv_tags(body):
    """(type, timestamp, first bytes) of the whole tags in an FLV's beginning."""
    at, tags = 13, []
    while at + 11 <= len(body):
        size = int.from_bytes(body[at + 1:at + 4], "big")
        if at + 11 + size + 4 > len(body):
            break
        time_ms = int.from_bytes(body[at + 4:at + 7], "big") | body[at + 7] << 24
        tags.append((body[at], time_ms, body[at + 11:at + 16]))
        at += 11 + size + 4
    return tags


def test_headers(cluster, live):
    answer = request(port(cluster), live, limit=100, headers={"Origin": "http://example.org"})
    assert answer.status == 200
    assert answer.headers["content-type"] == "video/x-flv"
    assert "no-store" in answer.headers["cache-control"]
    assert answer.headers["access-control-allow-origin"] in ("*", "http://example.org")
    assert "content-length" not in answer.headers


def test_head(cluster, live):
    answer = request(port(cluster), live, method="HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-type"] == "video/x-flv"


def test_preflight(cluster, live):
    answer = request(port(cluster), live, method="OPTIONS", headers={
        "Origin": "http://example.org", "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "range"})
    assert answer.status in (200, 204)
    assert answer.headers["access-control-allow-origin"] in ("*", "http://example.org")
    assert "GET" in answer.headers["access-control-allow-methods"]


def test_other_methods_and_paths(cluster, live):
    answer = request(port(cluster), live, method="POST")
    assert answer.status == 405 and "GET" in answer.headers["allow"]
    for path in ("/h/cam.avi", "/h/../h/cam.flv", "/h//cam.flv", "/%ff.flv"):
        answer = request(port(cluster), path)
        assert answer.status in (400, 404), (path, answer.status)
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("only,flags", [(None, 5), ("audio", 4), ("video", 1)])
def test_flv_says_what_it_holds(cluster, live, only, flags):
    """Header flags are true; metadata, configuration and a key frame come first; time starts at 0."""
    query = f"?only={only}" if only else ""
    body = request(port(cluster), live + query, limit=150_000 if only != "audio" else 30_000).body
    assert body[:4] == b"FLV\x01" and body[4] == flags and body[5:13] == bytes([0, 0, 0, 9, 0, 0, 0, 0])
    tags = flv_tags(body)
    kinds = [t for t, _, _ in tags]
    assert kinds[0] == 18
    assert set(kinds[1:]) - {18} == {None: {8, 9}, "audio": {8}, "video": {9}}[only]
    frames = [t for t in tags if t[0] in (8, 9) and t[2][1] == 1]
    headers = [t for t in tags if t[0] in (8, 9) and t[2][1] == 0]
    assert len(headers) == (1 if only else 2)
    assert all(tags.index(h) < tags.index(frames[0]) for h in headers)
    assert frames[0][1] == 0
    if only != "audio":
        first_video = next(t for t in frames if t[0] == 9)
        assert first_video[2][0] == 0x17 and first_video[1] <= 40, first_video
    for kind in (8, 9):
        times = [t[1] for t in frames if t[0] == kind]
        assert times == sorted(times)


def test_only_refuses_what_it_does_not_know(cluster, live):
    answer = request(port(cluster), live + "?only=smell")
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_no_such_stream(cluster):
    """It waits for wait_timeout, then says so in a problem document."""
    since = time.monotonic()
    answer = request(port(cluster), "/h/nothing.flv", headers={"Origin": "http://example.org"})
    waited = time.monotonic() - since
    assert answer.status == 404
    assert 0.8 < waited < 4, waited
    assert answer.headers["content-type"] == "application/problem+json"
    assert "access-control-allow-origin" in answer.headers
    problem = json.loads(answer.body)
    assert problem["status"] == 404 and problem["title"]
    assert "h/nothing" in json.dumps(problem)


def test_rtmp_play_of_no_such_stream(cluster, tools):
    end = tools.viewers(cluster.rtmp("h/nothing")).wait_end()
    assert end["viewers"][0]["statuses"][-1]["code"] == "NetStream.Play.StreamNotFound"


def test_head_of_no_such_stream(cluster):
    assert request(port(cluster), "/h/nothing.flv", method="HEAD").status == 404


def test_it_waits_for_the_stream(cluster, tools):
    viewers = tools.viewers(cluster.flv("h/soon"))
    until(lambda: len(cluster.admin.sessions(stream="h/soon")) == 1, 5, "it waits")
    source = tools.source(cluster.rtmp("h/soon"), run=4).wait_publishing()
    viewers.wait_playing()
    source.stop()
    row = viewers.wait_end()["viewers"][0]
    assert row["runs"][0]["video"]["first"] == 0 and row["first_timestamp_ms"] == 0, row


def wait_session_address(cluster, stream, address):
    def addresses():
        return [s.address for s in cluster.admin.sessions(stream=stream, role=2)]
    until(lambda: any(a.startswith(address) for a in addresses()), 5,
          lambda: f"a viewer from {address}: {addresses()}")


def test_forwarded_address_of_a_trusted_proxy(cluster, live):
    head = f"GET {live} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 198.51.100.9, 203.0.113.7\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port(cluster)), 10, ("127.0.0.2", 0)) as client:
        client.sendall(head.encode())
        assert client.recv(12) == b"HTTP/1.1 200"
        wait_session_address(cluster, "h/cam", "203.0.113.7")


def test_forwarded_address_of_anybody_else(cluster, live):
    head = f"GET {live} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.8\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port(cluster)), 10, ("127.0.0.3", 0)) as client:
        client.sendall(head.encode())
        assert client.recv(12) == b"HTTP/1.1 200"
        wait_session_address(cluster, "h/cam", "127.0.0.3")
        assert not any("203.0.113.8" in s.address for s in cluster.admin.sessions())


def test_http_1_0_gets_a_plain_body(cluster, live):
    answer = raw(cluster, f"GET {live} HTTP/1.0\r\n\r\n".encode(), until_bytes=2000)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"200" in head.splitlines()[0] and b"transfer-encoding" not in head.lower()
    assert body.startswith(b"FLV\x01")


def test_keep_alive_after_a_refusal(cluster, live):
    """Answers that have an end leave the connection usable."""
    twice = (f"HEAD {live} HTTP/1.1\r\nHost: x\r\n\r\n"
             "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").encode()
    answer = raw(cluster, twice)
    assert answer.count(b"HTTP/1.1 ") == 2, answer


def test_a_slow_head_is_cut_off(cluster):
    since = time.monotonic()
    raw(cluster, b"GET /h/cam.flv HTTP/1.1\r\nHost", timeout=15)
    assert time.monotonic() - since < 10


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\x00\x01\x00" + b"\x00" * 50 + b"\r\n\r\n",
                                  b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 10000 + b"\r\n",
                                  b"GET  HTTP/1.1\r\n\r\n"],
                         ids=["TLS", "a large head", "no target"])
def test_bad_requests(cluster, data):
    try:
        answer = raw(cluster, data)
    except ConnectionResetError:
        return
    assert answer == b"" or answer.split(b" ")[1].startswith(b"4"), answer[:200]
