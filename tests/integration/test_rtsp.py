"""RTSP with real programs: what goes in by one protocol comes out by the others. (Debian's VLC has no RTSP but SAT>IP's.)"""


import pytest

from harness.media import decoded_frames, packets_of, read_framemd5, run
from harness.raw_rtsp import Client, announce, tone
from harness.places import need
from harness.waiting import until

QUIET = ["-hide_banner", "-loglevel", "error", "-nostdin", "-y"]
TCP = ["-rtsp_transport", "tcp"]
CONFIG = """
rtsp: {udp_ports: "off"}
applications:
  locked: {publishers: {cam: secret}}
"""


@pytest.fixture(scope="module")
def cluster(make_cluster):
    return make_cluster(CONFIG, rtmp=1, http=1, rtsp=2)


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


def same_run(wanted, seen, lost_at_end=0, apart_ms=3):
    """`seen` is `wanted` unit by unit, bit by bit, shifted in time by a constant; the last few may be missing. What lies
    before the unit that came first begins with it."""
    shifts = []
    for kind, units in wanted.items():
        got = seen[kind]
        assert len(units) - lost_at_end <= len(got) <= len(units), f"{kind}: {len(got)} of {len(units)}"
        assert [u.digest for u in got] == [u.digest for u in units[:len(got)]], f"{kind} differs"
        shifts += [after.pts_ms - before.pts_ms for before, after in zip(units, got) if after.pts_ms > 0]
    assert max(shifts) - min(shifts) < apart_ms, f"picture and sound are {max(shifts) - min(shifts)} ms apart"


def pictures_and_packets(source, out, *flags):
    """Decoded pictures, since RTSP tells no decoding times, which ffmpeg needs to copy what is reordered; sound as it
    is."""
    return ["ffmpeg", *QUIET, *flags, "-i", source, "-map", "0:v", "-map", "0:a", "-c:a", "copy", "-fps_mode",
            "passthrough", "-f", "framemd5", out]


def ended(child, timeout=40):
    _, errors = child.communicate(timeout=timeout)
    assert child.returncode == 0, errors


def test_what_ffmpeg_publishes_comes_back_bit_by_bit(cluster, children, recordings, tmp_path):
    """By RTSP in, by RTMP and HTTP-FLV out: every access unit; by RTSP out: every picture."""
    stream = "rtsp/push"
    copies = {name: children("ffmpeg", *QUIET, "-copyts", "-i", url, "-map", "0", "-c", "copy", "-f", "framemd5",
                             tmp_path / name)
              for name, url in (("rtmp", cluster.rtmp(stream)), ("flv", cluster.flv(stream)))}
    player = children(*pictures_and_packets(cluster.rtsp(stream, 1), tmp_path / "rtsp", *TCP))
    wait_session(cluster, stream, 3)
    ended(publish(children, recordings["av"], cluster.rtsp(stream), *TCP, form="rtsp"))
    source = packets_of(recordings["av"], tmp_path / "source")
    for name, copy in copies.items():
        ended(copy)
        # ffmpeg gathers some units of sound in a packet, and forgets the last ones.
        same_run(source, read_framemd5(tmp_path / name), lost_at_end=8)
    ended(player)
    run(*pictures_and_packets(recordings["av"], tmp_path / "pictures"))
    same_run(read_framemd5(tmp_path / "pictures"), read_framemd5(tmp_path / "rtsp"), lost_at_end=8, apart_ms=45)


def test_what_rtmp_publishes_comes_back_bit_by_bit(cluster, children, recordings, tmp_path):
    player = children(*pictures_and_packets(cluster.rtsp("rtsp/pull") + "?token=x", tmp_path / "rtsp", *TCP))
    wait_session(cluster, "rtsp/pull")
    ended(publish(children, recordings["av"], cluster.rtmp("rtsp/pull")))
    ended(player)
    run(*pictures_and_packets(recordings["av"], tmp_path / "pictures"))
    # ffmpeg has to guess when the first picture is due.
    same_run(read_framemd5(tmp_path / "pictures"), read_framemd5(tmp_path / "rtsp"), apart_ms=45)


def test_ffmpeg_falls_back_to_tcp(cluster, children, recordings, tmp_path):
    """Without -rtsp_transport ffmpeg asks for UDP, is told 461, and asks for TCP on the same session."""
    player = play(children, cluster.rtsp("rtsp/fallback"), tmp_path / "out.md5")
    wait_session(cluster, "rtsp/fallback")
    ended(publish(children, recordings["av"], cluster.rtmp("rtsp/fallback")))
    ended(player)
    frames = read_framemd5(tmp_path / "out.md5")
    assert len(frames["video"]) == 150 and len(frames["audio"]) >= 250, {k: len(v) for k, v in frames.items()}


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


def test_gstreamer_publishes(cluster, children, tmp_path):
    need("gst-launch-1.0")
    stream = "rtsp/gstpush"
    player = children("ffmpeg", *QUIET, "-i", cluster.flv(stream), "-map", "0", "-c", "copy", tmp_path / "out.flv")
    wait_session(cluster, stream)
    publisher = children(
        "gst-launch-1.0", "-q", "rtspclientsink", "name=sink", "protocols=tcp", f"location={cluster.rtsp(stream)}",
        "videotestsrc", "num-buffers=100", "is-live=true", "!", "video/x-raw,width=320,height=240,framerate=25/1",
        "!", "x264enc", "speed-preset=ultrafast", "key-int-max=25", "tune=zerolatency", "!", "sink.",
        "audiotestsrc", "num-buffers=172", "is-live=true", "samplesperbuffer=1024", "!",
        "audio/x-raw,rate=44100,channels=1", "!", "avenc_aac", "!", "sink.")

    def sent():
        row = cluster.admin.streams(stream).get(stream)
        return row is not None and row.last_sequence >= 265
    # rtspclientsink does not always end when its sources have.
    until(lambda: publisher.poll() is not None or sent(), 40, "pictures and sound have come")
    cluster.admin.cli("streams", "kick", stream)
    ended(player)
    frames = decoded_frames(tmp_path / "out.flv")
    assert frames["v"] >= 95 and frames["a"] >= 160, frames


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


def test_what_is_counted(cluster, children, recordings, tmp_path):
    stream = "rtsp/counted"
    node = cluster["rtsp0"]

    def counted(name, **labels):
        return node.metrics().sum(name, protocol="rtsp", **labels)

    before = counted("millrace_session_ends_total", role="viewer", reason="stopped")
    with Client(node.port) as publisher, Client(node.port) as player:
        assert announce(publisher, stream).status == 200
        first = tone(publisher, stream, 0.5)
        player.set_up(stream, media=1)
        assert player.ask("PLAY", stream).status == 200
        tone(publisher, stream, 0.5, first=first)
        assert len(player.next_frame(0)[1]) == 172
        for role in ("publisher", "viewer"):
            assert counted("millrace_sessions", role=role) == 1
        until(lambda: counted("millrace_ingest_frames_total", kind="audio") > 40, 5, "frames that came are counted")
        until(lambda: counted("millrace_egress_frames_total", kind="audio") > 10, 5, "frames that went are counted")
        assert player.ask("TEARDOWN", stream).status == 200
        until(lambda: counted("millrace_session_ends_total", role="viewer", reason="stopped") == before + 1, 5,
              "the end of the player is counted")
    until(lambda: counted("millrace_session_ends_total", role="publisher", reason="connection_lost") >= 1, 5,
          "the end of the publisher is counted")
