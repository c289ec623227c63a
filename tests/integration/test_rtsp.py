"""RTSP with real programs: what goes in by one protocol comes out by the others. (Debian's VLC has no RTSP but SAT>IP's.)"""

import shutil

import pytest

from harness.media import decoded_frames, read_framemd5
from harness.waiting import until

QUIET = ["-hide_banner", "-loglevel", "error", "-nostdin", "-y"]
TCP = ["-rtsp_transport", "tcp"]


@pytest.fixture(scope="module")
def cluster(make_cluster):
    return make_cluster("applications:\n  locked:\n    publishers:\n      cam: secret\n", rtmp=1, http=1, rtsp=2)


def need(program):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def wait_session(cluster, stream, count=1):
    until(lambda: len(cluster.admin.sessions(stream=stream)) >= count, 15,
          f"{count} session(s) on {stream}")


def wait_live(cluster, stream, timeout=30):
    def live():
        row = cluster.admin.streams(stream).get(stream)
        return row is not None and row.last_sequence >= 1
    until(live, timeout, f"{stream} is live")


def publish(children, recording, url, *flags, form="flv"):
    return children("ffmpeg", *QUIET, "-re", "-i", recording, "-c", "copy", *flags, "-f", form, url)


def play(children, url, out, *flags):
    """Decodes: RTSP tells no decoding times, which ffmpeg needs to copy pictures that are reordered."""
    return children("ffmpeg", *QUIET, *flags, "-i", url, "-map", "0:v", "-map", "0:a", "-fps_mode",
                    "passthrough", "-f", "framemd5", out)


def expect_all(player, out, seconds=6):
    """What a viewer who waited for the publisher has of a recording of 25 pictures a second with sound."""
    assert player.wait(30) == 0, player.stderr.read()
    frames = read_framemd5(out)
    assert len(frames["video"]) >= 25 * seconds - 2, len(frames["video"])
    assert len(frames["audio"]) >= 43 * seconds - 5, len(frames["audio"])
    for kind in frames.values():
        assert all(after.pts_ms > before.pts_ms for before, after in zip(kind, kind[1:]))
    # Sound and picture begin together, as they do in the recording.
    assert abs(frames["video"][0].pts_ms - frames["audio"][0].pts_ms) < 150


def test_ffmpeg_publishes_and_everybody_plays(cluster, children, recordings, tmp_path):
    stream = "rtsp/push"
    players = {
        "rtsp": play(children, cluster.rtsp(stream, 1), tmp_path / "rtsp.md5", *TCP),
        "rtmp": play(children, cluster.rtmp(stream), tmp_path / "rtmp.md5"),
        "flv": play(children, cluster.flv(stream), tmp_path / "flv.md5"),
    }
    wait_session(cluster, stream, 3)
    publisher = publish(children, recordings["av"], cluster.rtsp(stream), *TCP, form="rtsp")
    assert publisher.wait(30) == 0, publisher.stderr.read()
    for kind, player in players.items():
        expect_all(player, tmp_path / f"{kind}.md5")


def test_ffmpeg_plays_what_rtmp_publishes(cluster, children, recordings, tmp_path):
    player = play(children, cluster.rtsp("rtsp/pull") + "?token=x", tmp_path / "out.md5", *TCP)
    wait_session(cluster, "rtsp/pull")
    publisher = publish(children, recordings["av"], cluster.rtmp("rtsp/pull"))
    assert publisher.wait(30) == 0
    expect_all(player, tmp_path / "out.md5")


def test_ffmpeg_falls_back_to_tcp(cluster, children, recordings, tmp_path):
    """Without -rtsp_transport ffmpeg asks for UDP, is told 461, and asks for TCP on the same session."""
    player = play(children, cluster.rtsp("rtsp/fallback"), tmp_path / "out.md5")
    wait_session(cluster, "rtsp/fallback")
    publisher = publish(children, recordings["av"], cluster.rtmp("rtsp/fallback"))
    assert publisher.wait(30) == 0
    expect_all(player, tmp_path / "out.md5")


def test_gstreamer_plays(cluster, children, recordings, tmp_path):
    need("gst-launch-1.0")
    out = tmp_path / "out.h264"
    publisher = publish(children, recordings["av"], cluster.rtmp("rtsp/gst"))
    wait_live(cluster, "rtsp/gst")
    player = children("gst-launch-1.0", "-q", "rtspsrc", f"location={cluster.rtsp('rtsp/gst')}",
                      "latency=100", "name=src", "src.", "!", "rtph264depay", "!", "h264parse", "!",
                      "video/x-h264,stream-format=byte-stream,alignment=au", "!", "filesink",
                      f"location={out}")
    assert publisher.wait(30) == 0
    until(lambda: player.poll() is not None, 20, "the player ends with the stream")
    frames = decoded_frames(out)
    assert frames["v"] >= 60, frames


def test_a_publisher_that_is_cut_and_returns_keeps_its_players(cluster, children, recordings, tmp_path):
    stream = "rtsp/return"
    player = play(children, cluster.rtsp(stream, 1), tmp_path / "out.md5", *TCP)
    wait_session(cluster, stream)
    first = publish(children, recordings["av"], cluster.rtsp(stream), *TCP, form="rtsp")
    wait_live(cluster, stream)
    first.kill()
    second = publish(children, recordings["av"], cluster.rtsp(stream, 1), *TCP, form="rtsp")
    assert second.wait(30) == 0, second.stderr.read()
    assert player.wait(30) == 0, player.stderr.read()
    frames = read_framemd5(tmp_path / "out.md5")
    assert len(frames["video"]) > 150 and len(frames["audio"]) > 250, {k: len(v) for k, v in frames.items()}


@pytest.mark.parametrize("login, query, welcome", [
    ("cam:secret@", "", True), ("", "?user=cam&pass=secret", True), ("cam:wrong@", "", False), ("", "", False)])
def test_publishers_log_in_where_they_must(cluster, children, recordings, login, query, welcome):
    stream = "locked/in" + str(len(login) + len(query))
    url = cluster.rtsp(stream).replace("rtsp://", f"rtsp://{login}") + query
    publisher = publish(children, recordings["audio"], url, *TCP, form="rtsp")
    if welcome:
        wait_live(cluster, stream)
        assert [s.user for s in cluster.admin.sessions(stream=stream)] == ["cam"]
    else:
        assert publisher.wait(15) != 0
        assert "401" in publisher.stderr.read()


def test_kicks(cluster, children, recordings, tmp_path):
    """A kicked player is gone and the publisher stays; a kicked publisher is gone, too."""
    stream = "rtsp/kick"
    publisher = children("ffmpeg", *QUIET, "-re", "-stream_loop", "-1", "-i", recordings["av"], "-c", "copy",
                         *TCP, "-f", "rtsp", cluster.rtsp(stream))
    wait_live(cluster, stream)
    player = play(children, cluster.rtsp(stream), tmp_path / "out.md5", *TCP)

    def session(role):
        rows = [s for s in cluster.admin.sessions(stream=stream) if s.role == role and s.protocol == "rtsp"]
        return rows[0].id if rows else None

    viewer, source = 2, 1
    until(lambda: session(viewer) is not None, 15, "the player is there")
    cluster.admin.cli("sessions", "kick", session(viewer), "--reason", "shift is over")
    player.wait(15)
    until(lambda: session(viewer) is None, 10, "the player's session is gone")
    assert publisher.poll() is None
    cluster.admin.cli("sessions", "kick", session(source), "--reason", "wrong key")
    publisher.wait(15)
    until(lambda: session(source) is None, 10, "the publisher's session is gone")


def test_who_is_refused_is_told_why(cluster, children, tmp_path):
    player = play(children, cluster.rtsp("noslash"), tmp_path / "out.md5", *TCP)
    assert player.wait(20) != 0
    assert "404" in player.stderr.read()
