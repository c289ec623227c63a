"""Gateways behind a balancer that speaks the PROXY protocol."""

import socket
import threading

import pytest

from harness.raw_rtsp import Client, announce, tone
from harness.waiting import until

CONFIG = """
rtmp:
  proxy_protocol: [127.0.0.0/8]
rtsp:
  proxy_protocol: [127.0.0.0/8]
http:
  proxy_protocol: [127.0.0.0/8]
"""
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


@pytest.fixture(scope="module")
def cluster(make_cluster):
    return make_cluster(CONFIG, rtmp=1, http=1, rtsp=1)


class Balancer:
    """Puts `header` before each connection, then carries bytes both ways."""

    def __init__(self, target, header):
        self.target, self.header = target, header
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client, _ = self.server.accept()
                behind = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            behind.sendall(self.header)
            for one, other in ((client, behind), (behind, client)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    @staticmethod
    def _carry(one, other):
        try:
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.server.close()


def test_clients_have_their_own_addresses(cluster, tools):
    version1 = b"PROXY TCP4 203.0.113.7 192.0.2.1 50001 1935\r\n"
    version2 = SIGNATURE + bytes([0x21, 0x11, 0, 12, 203, 0, 113, 8, 192, 0, 2, 1]) + \
        (50002).to_bytes(2, "big") + (8080).to_bytes(2, "big")
    rtmp, http = Balancer(cluster["rtmp0"].port, version1), Balancer(cluster["http0"].port, version2)
    source = tools.source(f"rtmp://127.0.0.1:{rtmp.port}/p/cam").wait_publishing()
    viewers = tools.viewers(f"http://127.0.0.1:{http.port}/p/cam.flv").wait_playing()
    until(lambda: {s.address for s in cluster.admin.sessions(stream="p/cam")} ==
          {"203.0.113.7:50001", "203.0.113.8:50002"}, 10, "the sessions bear the clients' addresses")
    viewers.wait_frames(10)
    source.stop()
    viewers.wait_end()
    rtmp.close()
    http.close()


def test_rtsp(cluster):
    """The session has the client's address, and stays in its connection: no datagram would find its way."""
    edge = Balancer(cluster["rtsp0"].port, b"PROXY TCP4 203.0.113.9 192.0.2.1 50003 554\r\n")
    with Client(edge.port) as publisher, Client(edge.port) as player:
        assert announce(publisher, "p/rtsp").status == 200
        tone(publisher, "p/rtsp", 0.2)
        assert player.ask("DESCRIBE", "p/rtsp").status == 200
        udp = player.ask("SETUP", "p/rtsp/trackID=0", Transport="RTP/AVP;unicast;client_port=40000-40001")
        assert udp.status == 461, udp
        assert player.ask("SETUP", "p/rtsp/trackID=0", Transport="RTP/AVP/TCP;unicast").status == 200
        assert player.ask("PLAY", "p/rtsp").status == 200
        assert {s.address for s in cluster.admin.sessions(stream="p/rtsp")} == {"203.0.113.9:50003"}
    edge.close()


def test_without_a_header_nobody_comes_in(cluster):
    for name, hello in (("rtmp0", b"\x03" + bytes(1536)), ("http0", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
                        ("rtsp0", b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")):
        with socket.create_connection(("127.0.0.1", cluster[name].port), 10) as client:
            client.sendall(hello)
            try:
                assert client.recv(1) == b""
            except ConnectionResetError:
                pass
    assert cluster.metric("millrace_protocol_errors_total", error="proxy_no_header") == 3


def test_health_checks_are_answered(cluster):
    with socket.create_connection(("127.0.0.1", cluster["http0"].port), 10) as client:
        client.sendall(SIGNATURE + bytes([0x20, 0, 0, 0]) + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
