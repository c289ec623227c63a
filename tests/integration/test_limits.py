"""Publishers that are too fast or too much; clients that are too many."""

import time

import pytest

from harness.http import request
from harness.media import assert_same_packets, packets_of, read_framemd5, run
from harness.raw_rtsp import Client, announce, tone
from harness.waiting import until

QUIET = ["-hide_banner", "-loglevel", "warning", "-nostdin", "-y"]
SPEED, BURST = 4, 2
CONFIG = f"""
applications:
  fast: {{ingest_speed_limit: {SPEED}x, ingest_burst: {BURST}s}}
  thin: {{max_bitrate: 50kbps}}
  slow: {{max_frame_rate: 10}}
limits: {{connections_per_address: 3, exempt_addresses: [127.0.0.1]}}
"""


@pytest.fixture(scope="module")
def cluster(make_cluster):
    return make_cluster(CONFIG, rtmp=1, http=1, rtsp=1)


def test_ffmpeg_without_re(cluster, recordings, children, tmp_path):
    """A file that is pushed as fast as it can be: held back by its own connection, and nothing of it is lost."""
    seconds = 24
    path = tmp_path / "long.flv"
    run("ffmpeg", *QUIET, "-stream_loop", seconds // 6 - 1, "-i", recordings["av"], "-c", "copy", path)
    viewer = children("ffmpeg", *QUIET, "-copyts", "-rw_timeout", "30000000", "-i",
                      cluster.flv("fast/file"), "-map", "0", "-c", "copy", "-f", "framemd5",
                      tmp_path / "seen.md5")
    until(lambda: cluster.admin.sessions(stream="fast/file"), 20, "the viewer waits")
    began = time.monotonic()
    publisher = children("ffmpeg", *QUIET, "-i", path, "-c", "copy", "-f", "flv",
                         cluster.rtmp("fast/file"))
    _, errors = publisher.communicate(timeout=60)
    assert publisher.returncode == 0, errors
    _, errors = viewer.communicate(timeout=60)
    took = time.monotonic() - began
    assert viewer.returncode == 0, errors
    assert_same_packets(packets_of(path, tmp_path / "source.md5"), read_framemd5(tmp_path / "seen.md5"))
    wanted = (seconds - BURST) / SPEED
    assert took >= wanted * 0.8, f"{took:.1f} s, where {wanted:.1f} s are due"
    # Slower than real time it would be no file that is pushed but a line that is blocked.
    assert took < seconds, f"{took:.1f} s, where {wanted:.1f} s are due"
    assert cluster["rtmp0"].metrics().sum("millrace_ingest_paced_total", protocol="rtmp") > 0
    assert "ahead of real time" in cluster["rtmp0"].process.log()


@pytest.mark.parametrize("app, reason", [("thin", "max_bitrate"), ("slow", "max_frame_rate")])
def test_a_publisher_beyond_its_limit(cluster, tools, app, reason):
    source = tools.source(cluster.rtmp(f"{app}/cam"), profile="small").wait_publishing()
    refusal = source.wait_event("status", level="error", timeout=30)
    assert refusal["code"] == "NetStream.Publish.Rejected", refusal
    assert "allowed here" in refusal["description"], refusal
    source.wait_end()
    metrics = cluster["rtmp0"].metrics()
    assert metrics.sum("millrace_refusals_total", protocol="rtmp", reason=reason) == 1
    assert metrics.sum("millrace_session_ends_total", role="publisher", reason=reason) == 1
    assert reason in cluster["rtmp0"].process.log()


def test_an_rtsp_publisher_beyond_its_limit(cluster):
    with Client(cluster["rtsp0"].port) as publisher:
        assert announce(publisher, "thin/rtsp").status == 200
        with pytest.raises(OSError):  # 64 kbit/s where 50 are allowed
            tone(publisher, "thin/rtsp", 30)
    metrics = cluster["rtsp0"].metrics()
    assert metrics.sum("millrace_refusals_total", protocol="rtsp", reason="max_bitrate") == 1
    assert metrics.sum("millrace_session_ends_total", role="publisher", reason="max_bitrate") == 1


def test_so_many_rtsp_connections_of_one_address(cluster):
    port = cluster["rtsp0"].port
    others = [Client(port, bind="127.0.0.8") for _ in range(3)]
    for other in others:
        assert other.ask("OPTIONS").status == 200
    with Client(port, bind="127.0.0.8") as refused:
        reply = refused.ask("OPTIONS")
        assert reply.status == 503 and "as many connections as it may have (3)" in reply.reason, reply
        assert refused.wait_closed() == b""
    assert cluster["rtsp0"].metrics().sum("millrace_refusals_total", protocol="rtsp",
                                          reason="connections_per_address") == 1
    others[0].close()
    def welcome():
        with Client(port, bind="127.0.0.8") as again:
            return again.ask("OPTIONS").status == 200
    until(welcome, 10, "there is room again")
    for other in others:
        other.close()


def test_rtsp_faster_than_real_time(cluster, recordings, children, tmp_path):
    """As with RTMP: the connection holds the file back, and nothing is lost."""
    viewer = children("ffmpeg", *QUIET, "-rw_timeout", "30000000", "-i", cluster.flv("fast/rtsp"), "-map", "0", "-c",
                      "copy", "-f", "framemd5", tmp_path / "seen.md5")
    until(lambda: cluster.admin.sessions(stream="fast/rtsp"), 20, "the viewer waits")
    publisher = children("ffmpeg", *QUIET, "-stream_loop", "3", "-i", recordings["audio"], "-c", "copy",
                         "-rtsp_transport", "tcp", "-f", "rtsp", cluster.rtsp("fast/rtsp"))
    _, errors = publisher.communicate(timeout=60)
    assert publisher.returncode == 0, errors
    _, errors = viewer.communicate(timeout=60)
    assert viewer.returncode == 0, errors
    assert len(read_framemd5(tmp_path / "seen.md5")["audio"]) >= 4 * 258
    assert cluster["rtsp0"].metrics().sum("millrace_ingest_paced_total", protocol="rtsp") > 0


def test_so_many_connections_of_one_address(cluster, tools):
    """127.0.0.9 may have three; the tests' own address is exempt."""
    source = tools.source(cluster.rtmp("plain/cam"), profile="small").wait_publishing()
    viewers = tools.viewers(cluster.flv("plain/cam") + "*3", bind="127.0.0.9").wait_playing()
    refused = tools.viewers(cluster.flv("plain/cam"), bind="127.0.0.9")
    response = refused.wait_event("response")
    assert response["status"] == 429, response
    refused.kill()
    others = tools.viewers(cluster.flv("plain/cam") + "*5").wait_playing()
    metrics = cluster["http0"].metrics()
    assert metrics.sum("millrace_refusals_total", protocol="http", reason="connections_per_address") == 1
    viewers.stop()
    others.stop()
    again = tools.viewers(cluster.flv("plain/cam"), bind="127.0.0.9")
    again.wait_playing()
    again.stop()
    source.stop()


def test_a_check_of_the_configuration_warns_of_open_doors(cluster, tmp_path):
    path = tmp_path / "millrace.yaml"
    path.write_text(CONFIG)
    result = cluster.admin.cli("config", "check", str(path))
    assert result.returncode == 0 and "may publish" in result.stderr
    # These listen on loopback, where it is open to nobody else.
    assert "open to the world" not in cluster["rtmp0"].process.log()
    assert request(cluster["http0"].port, "/").status == 200
