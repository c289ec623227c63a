"""Debian's other RTSP programs: mpv, motion (surveillance), curl, nmap, and VLC as a server (it has no RTSP client)."""

import socket

import pytest

from harness.media import decoded_frames, packets_of, read_framemd5, run
from harness.places import make_open, need
from harness.waiting import until

QUIET = ["-hide_banner", "-loglevel", "error", "-nostdin", "-y"]


@pytest.fixture(scope="module")
def cluster(make_cluster):
    return make_cluster("defaults: {wait_timeout: 40s}\n", rtmp=1, http=1, rtsp=1)


@pytest.fixture
def live(cluster, children, recordings):
    """live(stream): a stream that is there for half a minute; its RTSP URL."""

    def make(stream):
        children("ffmpeg", *QUIET, "-re", "-stream_loop", "4", "-i", recordings["av"], "-c", "copy", "-f", "flv",
                 cluster.rtmp(stream))
        until(lambda: getattr(cluster.admin.streams(stream).get(stream), "last_sequence", 0) >= 1, 30,
              f"{stream} is live")
        return cluster.rtsp(stream)

    return make


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_mpv_plays(live, children, tmp_path, transport):
    need("mpv")
    out = tmp_path / "frames"
    player = children("mpv", "--no-config", "--msg-level=all=warn", f"--rtsp-transport={transport}",
                      "--of=framemd5", f"--o={out}", "--ovc=rawvideo", "--oac=pcm_s16le", "--length=3",
                      live(f"mpv/{transport}"))
    said, errors = player.communicate(timeout=40)
    assert player.returncode == 0, said + errors
    frames = read_framemd5(out)
    assert len(frames["video"]) >= 70, len(frames["video"])
    assert sum(piece.size for piece in frames["audio"]) >= 2.5 * 44100 * 4, "sound of three seconds"
    assert "error" not in (said + errors).lower(), said + errors


def test_motion_records(live, children, tmp_path):
    need("motion")
    configuration = tmp_path / "motion.conf"
    configuration.write_text(f"""
daemon off
log_level 4
width 640
height 360
framerate 25
netcam_url {live("motion/gate")}
netcam_params rtsp_transport=tcp
emulate_motion on
movie_output on
movie_codec mkv
movie_max_time 4
picture_output off
target_dir {tmp_path}
""")
    recorder = children("motion", "-n", "-c", configuration)
    until(lambda: len(list(tmp_path.glob("*.mkv"))) >= 2, 40, "a movie is whole, and the next begun")
    recorder.terminate()
    recorder.wait(20)
    movie = min(tmp_path.glob("*.mkv"), key=lambda path: path.stat().st_mtime)
    frames = decoded_frames(movie)
    assert frames["v"] >= 40, frames


def test_curl_describes(live):
    need("curl")
    url = live("curl/cam")
    options = run("curl", "-sS", "-i", url).stdout
    assert "RTSP/1.0 200" in options and "DESCRIBE" in options and "ANNOUNCE" in options, options


def test_nmap_finds_the_methods(cluster):
    need("nmap")
    port = cluster["rtsp0"].port
    found = run("nmap", "-n", "-Pn", "-p", port, "--script", "+rtsp-methods", "127.0.0.1").stdout
    assert "rtsp-methods" in found and "DESCRIBE" in found, found


def test_vlc_is_pulled(cluster, children, nobody, recordings, tmp_path):
    """VLC streams a file by RTSP (over UDP: it refuses TCP); what is pulled from it is played by HTTP-FLV, picture by
    picture."""
    need("cvlc")
    stream, home = "vlc/cam", make_open(tmp_path / "vlc")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file = home / "av.flv"
    file.write_bytes(recordings["av"].read_bytes())
    file.chmod(0o644)
    children(*nobody, "env", f"HOME={home}", "cvlc", "-q", "--no-color", "--loop", file, "--sout",
             f"#rtp{{sdp=rtsp://127.0.0.1:{port}/cam}}", "--sout-keep")
    viewer = children("ffmpeg", *QUIET, "-rw_timeout", "40000000", "-i", cluster.flv(stream), "-map", "0", "-c", "copy",
                      "-t", "4", "-f", "framemd5", tmp_path / "seen")
    url = f"rtsp://127.0.0.1:{port}/cam"
    cluster.admin.cli("pull", "add", "vlc/tcp", url, "--transport", "tcp")
    until(lambda: "461" in cluster.admin.cli_json("pull", "get", "vlc/tcp")["status"].get("reason", ""), 20,
          lambda: f"the reason is told: {cluster.admin.cli_json('pull', 'get', 'vlc/tcp')}")
    cluster.admin.cli("pull", "remove", "vlc/tcp")
    cluster.admin.cli("pull", "add", stream, url)
    _, errors = viewer.communicate(timeout=60)
    assert viewer.returncode == 0, errors
    seen = read_framemd5(tmp_path / "seen")
    sent = {packet.digest for packet in packets_of(recordings["av"], tmp_path / "sent")["video"]}
    found = [packet.digest in sent for packet in seen["video"]]
    assert len(found) >= 60 and all(found), (len(found), found.count(True))
    assert len(seen["audio"]) >= 100
    cluster.admin.cli("pull", "remove", stream)
