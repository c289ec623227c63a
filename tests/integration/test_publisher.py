"""Publishers come, go, come back and contend; viewers stay, on one timeline."""

import socket
import subprocess

import pytest

from harness.flv import FlvStream
from harness.media import run
from harness.processes import DIES_WITH_PARENT
from harness.raw_rtmp import flv_tags
from harness.verdict import assert_flawless, assert_saw_the_end
from harness.waiting import until

CONFIG = """
applications:
  single:
    publish_policy: reject
  idle:
    publish_idle_timeout: 2s
  brief:
    grace: 2s
  patient:
    grace_after_unpublish: 10s
"""


@pytest.fixture(scope="module")
def cluster(make_cluster):
    return make_cluster(CONFIG)


def watch(cluster, tools, stream):
    return tools.viewers(cluster.rtmp(stream, 0) + "*2", cluster.rtmp(stream, 1) + "*2",
                         cluster.flv(stream, 0) + "*2", cluster.flv(stream, 1) + "*2").wait_playing()


def assert_one_timeline(end, runs, gap_ms):
    assert_flawless(end)
    for row in end["viewers"]:
        assert [r["run"] for r in row["runs"]] == runs
        assert row["longest_video_gap_ms"] <= gap_ms, row
        assert row["longest_audio_gap_ms"] <= gap_ms, row
        assert row["first_timestamp_ms"] <= 40, row


@pytest.mark.parametrize("gateway", [0, 1], ids=["same gateway", "other gateway"])
def test_cut_and_back_within_grace(cluster, tools, gateway):
    stream = f"p/back{gateway}"
    first = tools.source(cluster.rtmp(stream, 0), run=1).wait_publishing()
    viewers = watch(cluster, tools, stream)
    viewers.wait_frames(60)
    first.cut()
    until(lambda: cluster.admin.streams(stream)[stream].state == 2, 10, "the stream is in grace")
    second = tools.source(cluster.rtmp(stream, gateway), run=2).wait_publishing()
    viewers.wait_frames(100)
    written = second.stop()
    end = viewers.wait_end()
    # The clock of the stream goes on while the publisher is away, or stands: either way no more than that.
    assert_one_timeline(end, [1, 2], gap_ms=5000)
    assert_saw_the_end(end, [written])


def reordered_file(folder):
    """An FLV file of a second and a half that ends with a picture to be shown long after it is decoded; and its pictures."""
    whole, path = folder / "whole.flv", folder / "reordered.flv"
    run("ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-t", "3",
        "-c:v", "libx264", "-preset", "ultrafast", "-bf", "3", "-b_strategy", "0", "-g", "75", "-f", "flv", whole)
    data = whole.read_bytes()
    pictures = [tag for tag in flv_tags(data) if tag[0] == 9 and tag[2][1] == 1]
    last = next(i for i, (_, time, body) in enumerate(pictures) if time > 1400 and int.from_bytes(body[2:5], "big") > 120)
    end = data.index(pictures[last][2]) + len(pictures[last][2]) + 4
    path.write_bytes(data[:end])
    return path, last + 1


def test_the_next_publisher_is_shown_behind_pictures_that_were_reordered(cluster, tmp_path):
    """Else a browser that plays by Media Source Extensions shows nothing of it up to its second key frame."""
    path, count = reordered_file(tmp_path)

    def publish():
        return subprocess.Popen([*DIES_WITH_PARENT, "ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-re", "-i", path,
                                 "-c", "copy", "-f", "flv", cluster.rtmp("patient/reordered")])

    first = publish()
    until(lambda: "patient/reordered" in cluster.admin.streams("patient/"), 10, "the stream is there")
    viewer = FlvStream(cluster["http0"].port, "/patient/reordered.flv")
    assert first.wait(20) == 0
    second = publish()
    units = viewer.read_until(lambda it: len(it.video.units) >= 2 * count).video.units
    second.kill()
    second.wait()
    shown = [unit.shown_ms for unit in units]
    assert units[count].key and shown[count - 1] > units[count - 1].time_ms + 120
    assert min(shown[count:]) > max(shown[:count]), shown
    assert min(shown[count:]) < max(shown[:count]) + 300, "and not long after"


def test_goodbye_ends_the_stream_at_once(cluster, tools):
    source = tools.source(cluster.rtmp("p/bye"), run=1).wait_publishing()
    viewers = watch(cluster, tools, "p/bye")
    written = source.stop()
    end = viewers.wait_end(5)
    assert_flawless(end)
    assert_saw_the_end(end, [written])
    assert all(row["ended"] in ("end", "complete") for row in end["viewers"])
    for row in end["viewers"][:4]:
        assert "NetStream.Play.UnpublishNotify" in [s["code"] for s in row["statuses"]], row["statuses"]
    for row in end["viewers"][4:]:
        assert row["ended"] == "complete", row["ended"]


def test_gone_for_good_ends_the_stream_after_grace(cluster, tools):
    source = tools.source(cluster.rtmp("brief/gone"), run=1).wait_publishing()
    viewers = watch(cluster, tools, "brief/gone")
    source.cut()
    assert_flawless(viewers.wait_end(15))
    until(lambda: "brief/gone" not in cluster.admin.streams("brief/"), 10, "the stream is not listed")


def test_half_open_publisher_is_replaced(cluster, tools):
    """The old encoder hangs with its connection open; the new one takes over, the old one is told."""
    first = tools.source(cluster.rtmp("p/half", 0), run=1).wait_publishing()
    viewers = watch(cluster, tools, "p/half")
    viewers.wait_frames(60)
    first.command("pause")
    second = tools.source(cluster.rtmp("p/half", 1), run=2).wait_publishing()
    viewers.wait_frames(100)
    refusal = first.wait_event("status", level="error")
    assert refusal["code"].startswith("NetStream."), refusal
    assert refusal["description"], refusal
    first.wait_end()
    written = second.stop()
    end = viewers.wait_end()
    assert_one_timeline(end, [1, 2], gap_ms=5000)
    assert_saw_the_end(end, [written])


@pytest.mark.parametrize("gateway", [0, 1], ids=["same gateway", "other gateway"])
def test_replace_policy(cluster, tools, gateway):
    """Both send; the newest wins, and no frame of the old one comes behind the first of the new one."""
    stream = f"p/replace{gateway}"
    first = tools.source(cluster.rtmp(stream, 0), run=1).wait_publishing()
    viewers = watch(cluster, tools, stream)
    viewers.wait_frames(60)
    second = tools.source(cluster.rtmp(stream, gateway), run=2).wait_publishing()
    first.wait_event("closed")
    viewers.wait_frames(100)
    written = second.stop()
    end = viewers.wait_end()
    assert_one_timeline(end, [1, 2], gap_ms=5000)
    assert_saw_the_end(end, [written])


@pytest.mark.parametrize("gateway", [0, 1], ids=["same gateway", "other gateway"])
def test_reject_policy(cluster, tools, gateway):
    stream = f"single/cam{gateway}"
    first = tools.source(cluster.rtmp(stream, 0), run=1).wait_publishing()
    viewers = tools.viewers(cluster.flv(stream)).wait_playing()
    second = tools.source(cluster.rtmp(stream, gateway), run=2)
    refusal = second.wait_event("status", level="error")
    assert refusal["code"] == "NetStream.Publish.BadName", refusal
    assert refusal["description"], refusal
    second.wait_end()
    viewers.wait_frames(60)
    first.stop()
    end = viewers.wait_end()
    assert_flawless(end)
    assert [r["run"] for r in end["viewers"][0]["runs"]] == [1]


def test_silent_publisher_times_out(cluster, tools):
    source = tools.source(cluster.rtmp("idle/cam"), silent=True).wait_publishing()
    closed = source.wait_event("closed", timeout=10)
    assert closed["how"] in ("end", "reset")
    statuses = [e for e in source.events if e["event"] == "status"]
    assert statuses[-1]["level"] == "error" and "2 s" in statuses[-1]["description"], statuses


def test_timestamps_beyond_24_bits(cluster, tools):
    """An encoder that starts just below 0xFFFFFF ms: extended timestamps begin amid the stream."""
    source = tools.source(cluster.rtmp("p/ext"), run=1, profile="bench",
                          timestamp_offset_ms=0xFFFFFF - 2000).wait_publishing()
    viewers = watch(cluster, tools, "p/ext")
    viewers.wait_frames(300)
    written = source.stop()
    end = viewers.wait_end()
    assert_one_timeline(end, [1], gap_ms=100)
    assert_saw_the_end(end, [written])


def test_timestamps_that_wrap(cluster, tools):
    """2^32 ms is passed amid the stream."""
    source = tools.source(cluster.rtmp("p/wrap"), run=1,
                          timestamp_offset_ms=2**32 - 2000).wait_publishing()
    viewers = watch(cluster, tools, "p/wrap")
    viewers.wait_frames(250)
    written = source.stop()
    end = viewers.wait_end()
    assert_one_timeline(end, [1], gap_ms=100)
    assert_saw_the_end(end, [written])


@pytest.mark.parametrize("profile", ["audio", "video"])
def test_one_track_only(cluster, tools, profile):
    source = tools.source(cluster.rtmp(f"p/only-{profile}"), run=1, profile=profile).wait_publishing()
    viewers = watch(cluster, tools, f"p/only-{profile}")
    viewers.wait_frames(60)
    written = source.stop()
    end = viewers.wait_end()
    assert_flawless(end)
    assert_saw_the_end(end, [written])
    assert {row["flv_flags"] for row in end["viewers"][4:]} == {profile}


@pytest.mark.parametrize("first_bytes", [b"\x00" + b"x" * 1536, b"GET / HTTP/1.1\r\n\r\n" * 100,
                                         b"\x03" + b"\xff" * 8000],
                         ids=["version 0", "HTTP", "rubbish behind the handshake"])
def test_what_is_not_rtmp_is_closed(cluster, first_bytes):
    before = cluster["rtmp0"].metrics().sum("millrace_protocol_errors_total")
    with socket.create_connection(("127.0.0.1", cluster["rtmp0"].port), timeout=15) as client:
        client.sendall(first_bytes)
        try:
            while client.recv(65536):
                pass
        except ConnectionResetError:
            pass
    until(lambda: cluster["rtmp0"].metrics().sum("millrace_protocol_errors_total") > before, 5,
          "the error is counted")
