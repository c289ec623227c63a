"""RTMPS, HTTPS and WSS, with ffmpeg and with what Python's own TLS shows."""

import pytest

from harness.http import request
from harness.media import assert_same_packets, packets_of, read_framemd5
from harness.tls import Certificate, connect
from harness.waiting import until

FFMPEG = ["ffmpeg", "-hide_banner", "-loglevel", "warning", "-nostdin", "-y"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return Certificate(tmp_path_factory.mktemp("tls")).write("first")


@pytest.fixture(scope="module")
def cluster(make_cluster, certificate):
    made = make_cluster(certificate.config(), rtmp=1, http=1)
    until(lambda: subject(made["rtmp0"].secure_port) and subject(made["http0"].secure_port), 10,
          "both gateways have opened their ports for TLS")
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


def test_plain_ports_stay_plain(cluster):
    assert request(cluster["http0"].port, "/").status == 200


def test_a_new_certificate_is_taken_and_a_bad_one_is_not(cluster, certificate):
    ports = [cluster[name].secure_port for name in ("rtmp0", "http0")]
    with connect(ports[1]) as before:
        certificate.write("second")
        until(lambda: all(subject(port) == "second" for port in ports), 15, "new connections see the new one")
        failed = cluster.metric("millrace_tls_certificate_loads_total", result="failed")
        certificate.path.write_text("no certificate")
        until(lambda: cluster.metric("millrace_tls_certificate_loads_total", result="failed") >= failed + 2, 15,
              "both gateways have seen that the file is bad")
        assert all(subject(port) == "second" for port in ports)
        # The connection from before both changes has seen nothing of them.
        before.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert before.recv(12) == b"HTTP/1.1 200"
    assert cluster["http0"].metrics().sum("millrace_tls_certificate_expiry_seconds") > 0
