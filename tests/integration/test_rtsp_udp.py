"""RTP as datagrams: ffmpeg and GStreamer both ways, what is lost and out of order, ports, groups."""

import socket
import struct
import time

import pytest

from harness.media import decoded_frames, packets_of, read_framemd5, run
from harness.places import need
from harness.ports import free_port
from harness.raw_rtsp import Client, announce, readable, rtcp_kinds, rtp, tone
from harness.waiting import until

QUIET = ["-hide_banner", "-loglevel", "error", "-nostdin", "-y"]
UDP = ["-rtsp_transport", "udp"]
SR, RR, BYE = 200, 201, 203


@pytest.fixture(scope="module")
def cluster(make_cluster):
    """Each gateway has its own ports: a few more than two shards and two publishers with two media need."""
    first = 30_000 + free_port() % 20_000 // 2 * 2
    made = make_cluster(f"rtsp: {{udp_ports: {first}-{first + 63}, multicast_groups: 239.192.77.0/30, "
                        f"session_timeout: 4s}}\n", rtmp=1, http=1, rtsp=1)
    made.first_port = first
    return made


class Ports:
    """An even port and the one behind it."""

    def __init__(self, address="127.0.0.1"):
        while True:
            port = free_port() & ~1
            self.rtp, self.rtcp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
            try:
                self.rtp.bind((address, port))
                self.rtcp.bind((address, port + 1))
            except OSError:
                self.close()
                continue
            break
        self.port = port
        for one in (self.rtp, self.rtcp):
            one.settimeout(10)

    def close(self):
        self.rtp.close()
        self.rtcp.close()

    def transport(self, mode=""):
        return f"RTP/AVP;unicast;client_port={self.port}-{self.port + 1}" + mode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def server_port(reply):
    return int(reply.headers["transport"].partition("server_port=")[2].partition("-")[0])


def wait_session(cluster, stream, count=1):
    until(lambda: len(cluster.admin.sessions(stream=stream)) >= count, 15, f"{count} session(s) on {stream}")


def ended(child, timeout=40):
    _, errors = child.communicate(timeout=timeout)
    assert child.returncode == 0, errors


def same_digests(wanted, seen, lost_at_end):
    for kind, units in wanted.items():
        got = seen[kind]
        assert len(units) - lost_at_end <= len(got) <= len(units), f"{kind}: {len(got)} of {len(units)}"
        assert [u.digest for u in got] == [u.digest for u in units[:len(got)]], f"{kind} differs"


def test_ffmpeg_both_ways(cluster, children, recordings, tmp_path):
    """Published over UDP; played over UDP by ffmpeg, and by HTTP-FLV: nothing is lost on the way, nothing changed."""
    stream = "udp/ff"
    copy = children("ffmpeg", *QUIET, "-copyts", "-i", cluster.flv(stream), "-map", "0", "-c", "copy", "-f",
                    "framemd5", tmp_path / "flv")
    player = children("ffmpeg", *QUIET, *UDP, "-i", cluster.rtsp(stream), "-map", "0:v", "-map", "0:a", "-c:a", "copy",
                      "-fps_mode", "passthrough", "-f", "framemd5", tmp_path / "udp")
    wait_session(cluster, stream, 2)
    ended(children("ffmpeg", *QUIET, "-re", "-i", recordings["av"], "-c", "copy", *UDP, "-f", "rtsp",
                   cluster.rtsp(stream)))
    ended(copy)
    same_digests(packets_of(recordings["av"], tmp_path / "source"), read_framemd5(tmp_path / "flv"), 8)
    player.wait(20)
    seen = read_framemd5(tmp_path / "udp")
    run("ffmpeg", *QUIET, "-i", recordings["av"], "-map", "0:v", "-map", "0:a", "-c:a", "copy", "-fps_mode",
        "passthrough", "-f", "framemd5", tmp_path / "pictures")
    same_digests(read_framemd5(tmp_path / "pictures"), seen, 8)
    assert cluster["rtsp0"].metrics().sum("millrace_rtp_lost_packets_total") == 0


def test_gstreamer_plays(cluster, children, recordings, tmp_path):
    need("gst-launch-1.0")
    out = tmp_path / "out.h264"
    player = children("gst-launch-1.0", "-q", "rtspsrc", f"location={cluster.rtsp('udp/gst')}", "protocols=udp",
                      "latency=200", "name=src", "src.", "!", "rtph264depay", "!", "h264parse", "!",
                      "video/x-h264,stream-format=byte-stream,alignment=au", "!", "filesink", f"location={out}")
    wait_session(cluster, "udp/gst")
    ended(children("ffmpeg", *QUIET, "-re", "-i", recordings["av"], "-c", "copy", "-f", "flv", cluster.rtmp("udp/gst")))
    until(lambda: player.poll() is not None, 20, "the player ends with the stream")
    assert decoded_frames(out)["v"] >= 100


def test_gstreamer_publishes(cluster, children, tmp_path):
    need("gst-launch-1.0")
    copy = children("ffmpeg", *QUIET, "-i", cluster.flv("udp/gstpush"), "-map", "0", "-c", "copy",
                    tmp_path / "out.flv")
    wait_session(cluster, "udp/gstpush")
    publisher = children("gst-launch-1.0", "-q", "videotestsrc", "num-buffers=75", "is-live=true", "!",
                         "video/x-raw,width=320,height=240,framerate=25/1", "!", "x264enc", "speed-preset=ultrafast",
                         "key-int-max=25", "tune=zerolatency", "!", "rtspclientsink", "protocols=udp",
                         f"location={cluster.rtsp('udp/gstpush')}")

    def sent():
        row = cluster.admin.streams("udp/gstpush").get("udp/gstpush")
        return row is not None and row.last_sequence >= 74
    # Over UDP it does not always end by itself.
    until(lambda: publisher.poll() is not None or sent(), 30, "all pictures have come")
    cluster.admin.cli("streams", "kick", "udp/gstpush")
    ended(copy)
    assert decoded_frames(tmp_path / "out.flv")["v"] >= 70


def publish(cluster, client, ports, stream):
    body = b"v=0\r\nm=audio 0 RTP/AVP 0\r\na=control:trackID=0\r\n"
    assert client.ask("ANNOUNCE", stream, body, Content_Type="application/sdp").status == 200
    reply = client.ask("SETUP", stream + "/trackID=0", Transport=ports.transport(";mode=record"))
    assert reply.status == 200, reply
    assert client.ask("RECORD", stream).status == 200
    return "127.0.0.1", server_port(reply)


def sound(number):
    return rtp(number, 160 * number, struct.pack(">HH", number, 0xffff) * 40)


def numbers(player, count):
    """Of the next packets of sound that an interleaved player is sent."""
    return [int.from_bytes(player.next_frame(0)[1][12:14], "big") for _ in range(count)]


def test_order_is_restored_and_losses_are_told(cluster):
    stream = "udp/order"
    node = cluster["rtsp0"]
    before = node.metrics().sum("millrace_rtp_lost_packets_total")
    with Client(node.port) as publisher, Client(node.port) as player, Ports() as ports:
        server = publish(cluster, publisher, ports, stream)
        for i in range(10):
            ports.rtp.sendto(sound(i), server)
            time.sleep(0.02)
        player.set_up(stream, media=1)
        assert player.ask("PLAY", stream).status == 200
        sent = [10, 12, 11, 13, 16, 15, 14, 18, 19, 20, 21, 22, 23, 24, 25]  # 17 is lost
        for i in sent:
            ports.rtp.sendto(sound(i), server)
            time.sleep(0.02)
        for i in range(26, 60):
            ports.rtp.sendto(sound(i), server)
            time.sleep(0.02)
        seen = numbers(player, 45)
        assert seen == [n for n in range(seen[0], 60) if n != 17][:45], seen
        until(lambda: node.metrics().sum("millrace_rtp_lost_packets_total") == before + 1, 5, "the loss is counted")
        assert node.metrics().sum("millrace_rtp_reordered_packets_total") >= 3
        # The publisher is told, too.
        reported = None
        for i in range(60, 700):
            ports.rtp.sendto(sound(i), server)
            if readable(ports.rtcp, 0.02):
                report, origin = ports.rtcp.recvfrom(2000)
                assert origin == (server[0], server[1] + 1) and rtcp_kinds(report)[0][0] == RR
                reported = int.from_bytes(report[13:16], "big")
                if reported == 1:
                    break
        assert reported == 1


def test_strangers_are_not_heard(cluster):
    stream = "udp/strangers"
    with Client(cluster["rtsp0"].port) as publisher, Client(cluster["rtsp0"].port) as player, Ports() as ports, \
            Ports("127.0.0.2") as stranger:
        server = publish(cluster, publisher, ports, stream)
        for i in range(10):
            ports.rtp.sendto(sound(i), server)
            stranger.rtp.sendto(rtp(i, 160 * i, bytes(160), ssrc=666), server)
            time.sleep(0.02)
        player.set_up(stream, media=1)
        assert player.ask("PLAY", stream).status == 200
        for i in range(10, 40):
            stranger.rtp.sendto(rtp(i, 160 * i, bytes(160), ssrc=666), server)
            ports.rtp.sendto(sound(i), server)
            time.sleep(0.02)
        seen = numbers(player, 25)
        assert seen == list(range(seen[0], seen[0] + 25)), seen


def test_a_publisher_that_is_only_heard_by_its_packets(cluster):
    """ffmpeg sends no keep-alives while it records: packets count, and silence ends it."""
    stream = "udp/quiet"
    with Client(cluster["rtsp0"].port) as publisher, Ports() as ports:
        server = publish(cluster, publisher, ports, stream)
        for i in range(400):
            ports.rtp.sendto(sound(i), server)
            time.sleep(0.02)
        assert len(cluster.admin.sessions(stream=stream)) == 1, "8 s, where 6 are allowed"
        assert publisher.ask("OPTIONS").status == 200
        publisher.wait_closed(timeout=15)


@pytest.fixture
def humming(cluster):
    """A stream of sound in real time; its name."""
    import threading
    over = threading.Event()
    client = Client(cluster["rtsp0"].port)
    assert announce(client, "udp/hum").status == 200

    def run_on():
        first = 0
        while not over.is_set():
            first = tone(client, "udp/hum", 0.2, first=first)

    thread = threading.Thread(target=run_on, daemon=True)
    thread.start()
    yield "udp/hum"
    over.set()
    thread.join()
    client.ask("TEARDOWN", "udp/hum")
    client.close()


def test_what_a_player_is_sent(cluster, humming):
    with Client(cluster["rtsp0"].port) as player, Ports() as ports:
        assert player.ask("DESCRIBE", humming).status == 200
        reply = player.ask("SETUP", humming + "/trackID=0", Transport=ports.transport())
        port = server_port(reply)
        assert cluster.first_port <= port < cluster.first_port + 64
        played = player.ask("PLAY", humming)
        assert played.headers["range"] == "npt=0.000-"
        told = dict(part.split("=") for part in played.headers["rtp-info"].split(";")[1:])
        first, origin = ports.rtp.recvfrom(2000)
        assert origin == ("127.0.0.1", port)
        assert int.from_bytes(first[2:4], "big") == int(told["seq"])
        ahead = int.from_bytes(first[4:8], "big") - int(told["rtptime"])
        assert 0 <= ahead < 800, "the first sound is of the moment that Range tells"
        assert rtcp_kinds(ports.rtcp.recv(2000))[0] == (SR, int.from_bytes(first[8:12], "big"))
        # It goes on where it was, and its own reports keep it alive.
        assert player.ask("PAUSE", humming).status == 200
        ports.rtp.settimeout(0.5)
        last = first
        with pytest.raises(TimeoutError):
            while True:
                last = ports.rtp.recv(2000)
        again = player.ask("PLAY", humming)
        assert float(again.headers["range"][4:-1]) > 0.4
        ports.rtp.settimeout(10)
        packet = ports.rtp.recv(2000)
        assert packet[8:12] == last[8:12]
        after = (int.from_bytes(packet[4:8], "big") - int.from_bytes(last[4:8], "big")) & 0xffffffff
        assert 2000 < after < 80_000, "time goes on, and not back"
        end = time.monotonic() + 8
        while time.monotonic() < end:
            ports.rtcp.sendto(struct.pack(">BBHI", 0x80, RR, 1, 7), ("127.0.0.1", port + 1))
            time.sleep(1)
        assert player.ask("TEARDOWN", humming).status == 200
        kinds = []
        while BYE not in kinds:
            kinds += [kind for kind, _ in rtcp_kinds(ports.rtcp.recv(2000))]


def test_a_player_that_is_not_heard_of_is_left(cluster, humming):
    with Client(cluster["rtsp0"].port) as player, Ports() as ports:
        assert player.ask("DESCRIBE", humming).status == 200
        assert player.ask("SETUP", humming + "/trackID=0", Transport=ports.transport()).status == 200
        assert player.ask("PLAY", humming).status == 200
        player.wait_closed(timeout=15)
        ports.rtp.settimeout(1)
        with pytest.raises(TimeoutError):
            while True:
                ports.rtp.recv(2000)


def test_no_port_is_left(cluster):
    """Publishers take ports of their own; who gets none is told to take TCP, and may."""
    node = cluster["rtsp0"]
    publishers, held = [], []
    refused = None
    for i in range(40):
        client, ports = Client(node.port), Ports()
        publishers.append(client)
        held.append(ports)
        body = b"v=0\r\nm=audio 0 RTP/AVP 0\r\na=control:trackID=0\r\n"
        assert client.ask("ANNOUNCE", f"udp/many{i}", body, Content_Type="application/sdp").status == 200
        reply = client.ask("SETUP", f"udp/many{i}/trackID=0", Transport=ports.transport(";mode=record"))
        if reply.status != 200:
            refused = reply
            break
    assert refused is not None and refused.status == 461 and "TCP" in refused.reason, refused
    assert node.metrics().sum("millrace_refusals_total", protocol="rtsp", reason="udp_ports") == 1
    again = publishers[-1].ask("SETUP", f"udp/many{i}/trackID=0", Transport="RTP/AVP/TCP;unicast;mode=record")
    assert again.status == 200, again
    for one in publishers + held:
        one.close()

    def free():
        with Client(node.port) as client, Ports() as ports:
            client.ask("ANNOUNCE", "udp/free", body, Content_Type="application/sdp")
            return client.ask("SETUP", "udp/free/trackID=0", Transport=ports.transport(";mode=record")).status == 200
    until(free, 10, "ports are free again")


def test_a_group(cluster, humming):
    """Two players, one stream of packets; it ends with the last of them."""
    node = cluster["rtsp0"]
    players = [Client(node.port) for _ in range(2)]
    replies = []
    for player in players:
        assert player.ask("DESCRIBE", humming).status == 200
        replies.append(player.ask("SETUP", humming + "/trackID=0", Transport="RTP/AVP;multicast"))
        assert replies[-1].status == 200, replies[-1]
    told = dict(part.partition("=")[::2] for part in replies[0].headers["transport"].split(";"))
    assert told == dict(part.partition("=")[::2] for part in replies[1].headers["transport"].split(";"))
    group, port = told["destination"], int(told["port"].partition("-")[0])
    assert group.startswith("239.192.77.") and port == 21000 and told["ttl"] == "1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as member:
        member.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        member.bind((group, port))
        member.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                          socket.inet_aton(group) + socket.inet_aton("127.0.0.1"))
        member.settimeout(10)
        for player in players:
            assert player.ask("PLAY", humming).status == 200
        packets = [member.recv(2000) for _ in range(50)]
        seen = [int.from_bytes(p[2:4], "big") for p in packets]
        assert all((b - a) & 0xffff == 1 for a, b in zip(seen, seen[1:])), "each packet comes once"
        rows = [s for s in cluster.admin.sessions(stream=humming) if s.user_agent == "multicast"]
        assert len(rows) == 1 and rows[0].address == f"{group}:{port}"
        assert players[0].ask("TEARDOWN", humming).status == 200
        member.recv(2000)
        players[1].close()
        until(lambda: not [s for s in cluster.admin.sessions(stream=humming) if s.user_agent == "multicast"], 10,
              "the group ends with its last player")
    players[0].close()
