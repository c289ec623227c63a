"""RTMPS, RTSPS, HTTPS and WSS, with ffmpeg and with what Python's own TLS shows."""

import pytest

from harness.http import request
from harness.media import assert_same_packets, packets_of, read_framemd5
from harness.raw_rtsp import Client, sdp
from harness.tls import Certificate, connect
from harness.waiting import until

GATEWAYS = ("rtmp0", "rtsp0", "http0")
FFMPEG = ["ffmpeg", "-hide_banner", "-loglevel", "warning", "-nostdin", "-y"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return Certificate(tmp_path_factory.mktemp("tls")).write("first")


@pytest.fixture(scope="module")
def cluster(make_cluster, certificate):
    made = make_cluster(certificate.config(), rtmp=1, http=1, rtsp=1)
    until(lambda: all(subject(made[name].secure_port) for name in GATEWAYS), 10,
          "the gateways have opened their ports for TLS")
    return made


def subject(port):
    """The common name in the certificate that a new connection is shown; None where there is none."""
    try:
        with connect(port) as client:
            # Python shows the parts of a certificate only where it has checked it.
            der = client.getpeercert(binary_form=True)
    except OSError:
        return None
    for name in ("first", "second"):
        if name.encode() in der:
            return name
    return None


def read_back(children, url, folder, name):
    return children(*FFMPEG, "-copyts", "-tls_verify", "0", "-i", url, "-map", "0", "-c", "copy", "-f", "framemd5",
                    folder / f"{name}.md5")


def test_every_packet_comes_back(cluster, recordings, children, tmp_path):
    """Published by RTMPS, played by RTMPS and HTTPS: the same packets."""
    readers = {"rtmps": read_back(children, cluster.rtmps("tls/av"), tmp_path, "rtmps"),
               "https": read_back(children, cluster.https("tls/av"), tmp_path, "https")}
    until(lambda: len(cluster.admin.sessions(stream="tls/av")) == 2, 20, "both viewers wait")
    publisher = children(*FFMPEG, "-re", "-i", recordings["av"], "-c", "copy", "-f", "flv", "-tls_verify", "0",
                         cluster.rtmps("tls/av"))
    _, errors = publisher.communicate(timeout=60)
    assert publisher.returncode == 0, errors
    source = packets_of(recordings["av"], tmp_path / "source.md5")
    for name, reader in readers.items():
        _, errors = reader.communicate(timeout=30)
        assert reader.returncode == 0, (name, errors)
        assert_same_packets(source, read_framemd5(tmp_path / f"{name}.md5"))


def test_every_packet_comes_back_by_rtsps(cluster, recordings, children, tmp_path):
    """Published by RTSPS, played by HTTPS; and by RTSPS, where nothing travels beside the connection."""
    reader = read_back(children, cluster.https("tls/rtsp"), tmp_path, "https")
    player = children(*FFMPEG, "-i", cluster.rtsps("tls/rtsp"), "-map", "0:a", "-c", "copy", "-f",
                      "framemd5", tmp_path / "rtsps.md5")
    until(lambda: len(cluster.admin.sessions(stream="tls/rtsp")) == 2, 20, "both viewers wait")
    publisher = children(*FFMPEG, "-re", "-i", recordings["av"], "-c", "copy", "-f", "rtsp", "-rtsp_transport", "tcp",
                         cluster.rtsps("tls/rtsp"))
    for child in (publisher, reader, player):
        _, errors = child.communicate(timeout=60)
        assert child.returncode == 0, errors
    source = packets_of(recordings["av"], tmp_path / "source.md5")
    for name, kinds in (("https", ("video", "audio")), ("rtsps", ("audio",))):
        seen = read_framemd5(tmp_path / f"{name}.md5")
        for kind in kinds:
            digests = [p.digest for p in source[kind]]
            # ffmpeg's own packer forgets the last units of sound.
            assert len(seen[kind]) >= len(digests) - 8, (name, kind)
            assert [p.digest for p in seen[kind]] == digests[:len(seen[kind])], (name, kind)
    with Client(cluster["rtsp0"].secure_port, connect=connect) as client:
        assert client.ask("OPTIONS").status == 200
        assert client.ask("ANNOUNCE", "tls/udp", sdp(), Content_Type="application/sdp").status == 200
        udp = client.ask("SETUP", "tls/udp/trackID=0", Transport="RTP/AVP;unicast;client_port=5000-5001;mode=record")
        assert udp.status == 461, "media in the clear is not what was asked for"


def test_plain_ports_stay_plain(cluster):
    assert request(cluster["http0"].port, "/").status == 200


def test_a_new_certificate_is_taken_and_a_bad_one_is_not(cluster, certificate):
    ports = [cluster[name].secure_port for name in GATEWAYS]
    with connect(cluster["http0"].secure_port) as before:
        certificate.write("second")
        until(lambda: all(subject(port) == "second" for port in ports), 15, "new connections see the new one")
        failed = cluster.metric("millrace_tls_certificate_loads_total", result="failed")
        certificate.path.write_text("no certificate")
        until(lambda: cluster.metric("millrace_tls_certificate_loads_total", result="failed") >= failed + 3, 15,
              "all gateways have seen that the file is bad")
        assert all(subject(port) == "second" for port in ports)
        # The connection from before both changes has seen nothing of them.
        before.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert before.recv(12) == b"HTTP/1.1 200"
    assert cluster["http0"].metrics().sum("millrace_tls_certificate_expiry_seconds") > 0
