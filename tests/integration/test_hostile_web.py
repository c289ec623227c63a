"""Hostile peers of WebSockets and of TLS: refused by name, in bounded memory, while a neighbour's viewers miss nothing."""

import random
import select
import socket
import subprocess
import time

import pytest

from harness import neighbour as neighbours
from harness import tls
from harness.neighbour import STREAM
from harness.raw_rtmp import HANDSHAKE, wait_all_closed
from harness.waiting import until
from harness.websocket import BINARY, CLOSE, PING, PONG, TEXT, WebSocket, frame

CONFIG = """
rtmp: {handshake_timeout: 2s, idle_timeout: 3s}
http: {header_timeout: 2s}
"""
GATEWAYS = ["rtmp0", "http0"]
MASK = b"\x01\x02\x03\x04"
CONTINUATION = 0


@pytest.fixture(scope="module")
def cluster(make_cluster, tmp_path_factory):
    certificate = tls.Certificate(tmp_path_factory.mktemp("tls")).write("first")
    made = make_cluster(CONFIG + certificate.config(), rtmp=1, http=1)
    until(lambda: all(tls.answers(made[name].secure_port) for name in GATEWAYS), 10,
          "both gateways have opened their ports for TLS")
    return made


@pytest.fixture(scope="module")
def neighbour(cluster):
    with neighbours.playing(cluster) as viewers:
        yield viewers


@pytest.fixture(autouse=True)
def unharmed(cluster, neighbour):
    """What every test here has in common."""
    with neighbours.unharmed(cluster, neighbour):
        yield


class Counts:
    """How often something was counted since the test began, at one gateway."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.before = {name: cluster[name].metrics() for name in GATEWAYS}

    def since(self, gateway, metric, **labels):
        now = self.cluster[gateway].metrics()
        return now.sum(metric, **labels) - self.before[gateway].sum(metric, **labels)

    def wait_errors(self, gateway, name, count):
        self._wait(count, gateway, "millrace_protocol_errors_total", protocol=gateway[:4], error=name)

    def wait_end(self, reason):
        self._wait(1, "http0", "millrace_session_ends_total", role="viewer", reason=reason)

    def _wait(self, count, gateway, metric, **labels):
        """A peer may see its end before it is counted."""
        until(lambda: self.since(gateway, metric, **labels) == count, 5,
              lambda: f"{self.since(gateway, metric, **labels)} instead of {count} {labels}")


@pytest.fixture
def counts(cluster):
    return Counts(cluster)


# --- WebSocket ---

def claims(size, opcode=BINARY):
    """The head of a frame that claims so many bytes in eight, and then some of them."""
    return bytes([0x80 | opcode, 0xFF]) + size.to_bytes(8, "big") + MASK + bytes(1000)


TOO_BIG, PROTOCOL_ERROR = 1009, 1002


@pytest.mark.parametrize("data, fault, code", [
    (claims(1 << 63), "ws_too_big", TOO_BIG),
    (claims((1 << 64) - 1), "ws_too_big", TOO_BIG),
    (claims(0), "ws_length", PROTOCOL_ERROR),
    (claims((1 << 64) - 1, PING), "ws_control_too_long", PROTOCOL_ERROR),
    # Together they come to 2^64 and some: a sum that wraps is small again.
    (frame(TEXT, bytes(60_000), final=False) + claims((1 << 64) - 1, CONTINUATION), "ws_too_big", TOO_BIG),
    (frame(TEXT, bytes(1000), final=False) + frame(CONTINUATION, bytes(1000), final=False) * 65, "ws_too_big", TOO_BIG),
    (b"\x81\x05hello", "ws_unmasked", PROTOCOL_ERROR),
    (b"\x89\x00", "ws_unmasked", PROTOCOL_ERROR),
    (frame(PING, b"half", final=False), "ws_control_fragmented", PROTOCOL_ERROR),
    (frame(CLOSE, b"\x03\xe8", final=False), "ws_control_fragmented", PROTOCOL_ERROR),
    (frame(TEXT, b"a", final=False) + frame(PONG, b"b", final=False), "ws_control_fragmented", PROTOCOL_ERROR),
    (frame(PING, bytes(126)), "ws_control_too_long", PROTOCOL_ERROR),
    (frame(CONTINUATION, b"of what"), "ws_fragments", PROTOCOL_ERROR),
    (frame(TEXT, b"one", final=False) + frame(TEXT, b"another"), "ws_fragments", PROTOCOL_ERROR),
    (frame(3, b"?"), "ws_opcode", PROTOCOL_ERROR),
    (b"\xc2\x80" + MASK, "ws_reserved_bits", PROTOCOL_ERROR),
    (frame(CLOSE, b"\x03"), "ws_close_payload", PROTOCOL_ERROR),
    (frame(CLOSE, (1005).to_bytes(2, "big")), "ws_close_payload", PROTOCOL_ERROR),
], ids=["2^63 bytes", "2^64-1 bytes", "0 bytes in eight", "ping of 2^64-1", "fragments beyond 2^64", "endless fragments",
        "unmasked text", "unmasked ping", "ping in fragments", "close in fragments", "pong inside a message",
        "long ping", "continuation of nothing", "message inside a message", "opcode", "reserved bit", "half a close code",
        "close code that is not sent"])
def test_websocket_frames_that_nobody_may_send(cluster, counts, data, fault, code):
    """The close says what was wrong, and the connection ends."""
    client = WebSocket(cluster["http0"].port, f"/{STREAM}.flv")
    assert client.status == 101
    client.receive()
    client.socket.sendall(data)
    assert client.receive_until(CLOSE) == code.to_bytes(2, "big") + fault.encode()
    client.stream.read()
    client.close()
    counts.wait_errors("http0", fault, 1)
    counts.wait_end("protocol_error")


def test_pings_without_end(cluster, counts):
    """Whoever reads gets each answered, media as ever between them; whoever does not is closed."""
    client = WebSocket(cluster["http0"].port, f"/{STREAM}.flv")
    for i in range(40):
        client.socket.sendall(b"".join(frame(PING, f"{i}.{j}".encode()) for j in range(100)))
        for j in range(100):
            assert client.receive_until(PONG) == f"{i}.{j}".encode()
    client.send(CLOSE, (1000).to_bytes(2, "big"))
    client.receive_until(CLOSE)
    client.close()
    counts.wait_end("client_closed")

    deaf = WebSocket(cluster["http0"].port, f"/{STREAM}.flv", receive_buffer=4096)
    pings = frame(PING, bytes(125)) * 500
    deaf.socket.settimeout(10)
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        for _ in range(2000):
            deaf.socket.sendall(pings)
    deaf.close()
    counts.wait_end("too_slow")
    assert "does not read its control messages" in cluster["http0"].process.log()


# --- TLS ---

def send_some(sock, data):
    try:
        sock.sendall(data)
    except (ConnectionResetError, BrokenPipeError):
        pass


def client_hello(port):
    """The first flight of a handshake, as OpenSSL sends it."""
    import ssl
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(into, out).do_handshake()
    return out.read()


def rubbish(port):
    """Byte strings that no handshake begins with, or not for long."""
    dice = random.Random(1)
    hello = client_hello(port)
    spoilt = bytearray(hello)
    spoilt[5 + 4 + 2 + 32] = 0xFF  # the length of the session id
    return [dice.randbytes(4000), b"\x16\x03\x01\x40\x00" + dice.randbytes(0x4000), b"\x16\x03\x01\xff\xff" + bytes(70_000),
            b"\x17\x03\x03\x00\x10" + bytes(16), b"\x15\x03\x01\x00\x02\x02\x28", bytes(spoilt), hello + dice.randbytes(200),
            b"\x80\x2e\x01\x03\x01" + dice.randbytes(200)]


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_tls_rubbish(cluster, counts, gateway):
    port = cluster[gateway].secure_port
    sockets = []
    for data in rubbish(port) * 3:
        sockets.append(socket.create_connection(("127.0.0.1", port), 10))
        send_some(sockets[-1], data)
    wait_all_closed(sockets, 20)
    counts.wait_errors(gateway, "tls_handshake", len(sockets))
    assert tls.answers(port)


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_tls_handshakes_that_stall(cluster, counts, gateway):
    """Nothing, some bytes, all but the last one, a byte at a time: given up when the time is over."""
    port = cluster[gateway].secure_port
    hello = client_hello(port)
    sockets = []
    for size in (0, 1, 5, len(hello) // 2, len(hello) - 1, len(hello)):
        sockets.append(socket.create_connection(("127.0.0.1", port), 10))
        sockets[-1].sendall(hello[:size])
    began = time.monotonic()
    wait_all_closed(sockets, 15)
    slow = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(20)]
    wait_all_closed(slow, 15, dribble=hello[:150])
    assert time.monotonic() - began > 2
    counts.wait_errors(gateway, "tls_timeout", len(sockets) + len(slow))


GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("gateway, said", [("http0", GET), ("rtmp0", b"\x03" + bytes(HANDSHAKE)), ("rtmp0", GET)],
                         ids=["HTTP for HTTPS", "RTMP for RTMPS", "HTTP for RTMPS"])
def test_plain_words_on_a_port_for_tls(cluster, counts, gateway, said):
    with socket.create_connection(("127.0.0.1", cluster[gateway].secure_port), 10) as peer:
        peer.sendall(said)
        wait_all_closed([peer], 10)
    counts.wait_errors(gateway, "tls_handshake", 1)


class OpenSsl:
    """`openssl s_client` of TLS 1.2, which renegotiates when it is told "R"."""

    def __init__(self, children, port, *flags):
        self.child = children("openssl", "s_client", "-connect", f"127.0.0.1:{port}", *flags, stdin=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=False)
        self.heard = b""

    def hear(self, text, timeout=10):
        deadline = time.monotonic() + timeout
        while text not in self.heard:
            ready, _, _ = select.select([self.child.stdout], [], [], max(0, deadline - time.monotonic()))
            piece = self.child.stdout.read1() if ready else b""
            assert piece, f"not said: {text}: {self.heard[-2000:]}"
            self.heard += piece

    def say(self, line):
        self.child.stdin.write(line)
        self.child.stdin.flush()


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_renegotiation_is_refused(cluster, children, gateway):
    """By the alert that the protocol has for it; nothing is shaken a second time."""
    client = OpenSsl(children, cluster[gateway].secure_port, "-tls1_2")
    client.hear(b"Verify return code")
    client.say(b"R\n")
    client.hear(b"RENEGOTIATING")
    client.hear(b"no renegotiation")
    client.child.wait(10)
    assert client.child.returncode != 0
    assert b"verify return" not in client.heard.partition(b"RENEGOTIATING")[2], "no second handshake"


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_old_versions_of_tls_are_refused(cluster, counts, children, gateway):
    client = OpenSsl(children, cluster[gateway].secure_port, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
    client.hear(b"alert protocol version")
    client.child.wait(10)
    assert client.child.returncode != 0
    counts.wait_errors(gateway, "tls_handshake", 1)


def test_silence_inside_tls(cluster, counts):
    """A handshake is no ticket to stay: what the protocol beneath allows holds as well."""
    quiet = [tls.connect(cluster[name].secure_port) for name in GATEWAYS for _ in range(10)]
    half = tls.connect(cluster["http0"].secure_port)
    half.sendall(b"GET /good/cam.flv HTT")
    wait_all_closed(quiet + [half], 20)
    counts.wait_errors("rtmp0", "rtmp_handshake_timeout", 10)
    counts.wait_errors("http0", "header_timeout", 1)
