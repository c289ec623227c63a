"""The other programs that people use: rtmpdump, GStreamer, VLC."""


import pytest

from harness.media import assert_same_packets, decoded_frames, packets_of
from harness.places import make_open, need
from harness.waiting import until

QUIET = ["-hide_banner", "-loglevel", "error", "-nostdin", "-y"]


def wait_live(cluster, stream, sequence=1, timeout=30):
    def live():
        row = cluster.admin.streams(stream).get(stream)
        return row is not None and row.last_sequence >= sequence
    until(live, timeout, f"{stream} is live")


def wait_session(cluster, stream, count=1):
    until(lambda: len(cluster.admin.sessions(stream=stream)) >= count, 15,
          f"{count} session(s) on {stream}")


def publish(children, cluster, recording, stream):
    return children("ffmpeg", *QUIET, "-re", "-i", recording, "-c", "copy", "-f", "flv",
                    cluster.rtmp(stream))


def test_rtmpdump_plays(cluster, recordings, children, tmp_path):
    need("rtmpdump")
    out = tmp_path / "dump.flv"
    dump = children("rtmpdump", "--quiet", "--live", "--rtmp", cluster.rtmp("c/dump", 1),
                    "--flv", out)
    wait_session(cluster, "c/dump")
    publisher = publish(children, cluster, recordings["av"], "c/dump")
    assert publisher.wait(30) == 0
    # rtmpdump says 2 ("incomplete") for every live stream: it has no duration to compare with.
    assert dump.wait(20) in (0, 2), dump.stderr.read()
    assert_same_packets(packets_of(recordings["av"], tmp_path / "source.md5"),
                        packets_of(out, tmp_path / "dump.md5"))


def test_gstreamer_plays(cluster, recordings, children, tmp_path):
    need("gst-launch-1.0")
    out = tmp_path / "gst.flv"
    publisher = publish(children, cluster, recordings["av"], "c/gstplay")
    wait_live(cluster, "c/gstplay")
    player = children("gst-launch-1.0", "-q", "rtmp2src", f"location={cluster.rtmp('c/gstplay', 1)}",
                      "!", "filesink", f"location={out}")
    assert publisher.wait(30) == 0
    assert player.wait(20) == 0, player.stderr.read()
    assert_same_packets(packets_of(recordings["av"], tmp_path / "source.md5"),
                        packets_of(out, tmp_path / "gst.md5"), whole=False)


def test_gstreamer_publishes(cluster, children, tmp_path):
    need("gst-launch-1.0")
    out = tmp_path / "gst.flv"
    reader = children("ffmpeg", *QUIET, "-i", cluster.flv("c/gstpub", 1), "-map", "0", "-c", "copy",
                      out)
    wait_session(cluster, "c/gstpub")
    publisher = children(
        "gst-launch-1.0", "-q", "flvmux", "name=mux", "streamable=true", "!", "rtmp2sink",
        f"location={cluster.rtmp('c/gstpub')}",
        "videotestsrc", "num-buffers=125", "is-live=true", "!", "video/x-raw,width=320,height=240,framerate=25/1",
        "!", "x264enc", "speed-preset=ultrafast", "key-int-max=25", "tune=zerolatency", "!", "queue",
        "!", "mux.",
        "audiotestsrc", "num-buffers=215", "is-live=true", "!", "audio/x-raw,rate=44100,channels=2",
        "!", "avenc_aac", "!", "queue", "!", "mux.")
    assert publisher.wait(40) == 0, publisher.stderr.read()
    assert reader.wait(20) == 0, reader.stderr.read()
    frames = decoded_frames(out)
    assert frames["v"] >= 120 and frames["a"] >= 200, frames


@pytest.mark.parametrize("protocol", ["rtmp", "flv"])
def test_vlc_plays(cluster, children, nobody, recordings, tmp_path, protocol):
    need("cvlc")
    stream = f"c/vlc-{protocol}"
    folder = make_open(tmp_path / "vlc")
    url = cluster.rtmp(stream, 1) if protocol == "rtmp" else cluster.flv(stream)
    publisher = publish(children, cluster, recordings["av"], stream)
    wait_live(cluster, stream)
    out = folder / "out.ts"
    player = children(*nobody, "env", f"HOME={folder}", "cvlc", "-q", "--no-color", "--play-and-exit",
                      "--network-caching=300", url,
                      f"--sout=#std{{access=file,mux=ts,dst={out}}}", "vlc://quit")
    assert publisher.wait(30) == 0
    assert player.wait(40) == 0, player.stderr.read()
    frames = decoded_frames(out)
    assert frames.get("v", 0) > 50 and frames.get("a", 0) > 50, (frames, player.stderr.read())


def test_ffmpeg_publishes_with_query_and_deep_names(cluster, children, recordings, tools):
    """app/name of any depth; query arguments are no part of the name."""
    publisher = publish(children, cluster, recordings["audio"], "site3/gate/cam1?user=me&x=1")
    viewers = tools.viewers(cluster.rtmp("site3/gate/cam1", 1), cluster.flv("site3/gate/cam1"))
    viewers.wait_playing()
    assert publisher.wait(30) == 0
    assert all(row["foreign"] > 100 for row in viewers.wait_end()["viewers"])
