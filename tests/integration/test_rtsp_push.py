"""Streams sent on by RTSP and RTSPS: to another cluster, and to ffmpeg as a server."""

import socket
import socketserver
import threading

import pytest

from harness.media import packets_of, read_framemd5, run
from harness.records import assert_same_frames, media, read_record
from harness.verdict import assert_flawless
from harness.waiting import until

FFMPEG = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y"]


@pytest.fixture(scope="module")
def cluster(make_cluster):
    return make_cluster("defaults: {wait_timeout: 60s, viewer_backlog: 1MiB}\n"
                        "applications: {slow: {slow_viewer_timeout: 3s}}\n", rtmp=1, http=1, rtsp=1)


@pytest.fixture(scope="module")
def target(make_cluster, tmp_path_factory):
    """Another cluster, where `locked` wants a login."""
    folder = tmp_path_factory.mktemp("target-tls")
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
        "1", "-subj", "/CN=target", "-out", folder / "c.pem", "-keyout", folder / "k.pem")
    return make_cluster("defaults: {wait_timeout: 60s}\napplications: {locked: {publishers: {cam: secret-1}}}\n"
                        f"tls: {{certificate: {folder}/c.pem, key: {folder}/k.pem}}\n", rtmp=1, http=1, rtsp=1)


@pytest.fixture
def pushes(cluster):
    """pushes(stream, url, option…): its name; gone at the test's end."""
    made = []

    def push(stream, url, *options):
        name = f"{stream}.{len(made)}"
        made.append(cluster.admin.cli_json("push", "add", stream, url, "--name", name, *options)["name"])
        return made[-1]

    yield push
    for name in made:
        cluster.admin.cli("push", "remove", name, check=False)


@pytest.fixture
def answering():
    """answering(line, header…): the port of a server that answers every ANNOUNCE so, and all else with 200. Behind RECORD it
    reads nothing."""
    servers, done = [], threading.Event()

    def start(line, *headers):
        class Connection(socketserver.StreamRequestHandler):
            def handle(self):
                while request := self.rfile.readline().decode():
                    asked = {}
                    while (text := self.rfile.readline().decode().strip()) != "":
                        name, _, value = text.partition(":")
                        asked[name.lower()] = value.strip()
                    self.rfile.read(int(asked.get("content-length", "0")))
                    announced = request.startswith("ANNOUNCE ")
                    answer = [f"RTSP/1.0 {line if announced else '200 OK'}", f"CSeq: {asked.get('cseq', '')}",
                              *(headers if announced else ())]
                    self.wfile.write("\r\n".join([*answer, "", ""]).encode())
                    if request.startswith("RECORD "):
                        done.wait()

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection)
        server.daemon_threads = True
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server.server_address[1]

    yield start
    done.set()
    for server in servers:
        server.shutdown()
        server.server_close()


def status_of(cluster, name):
    return cluster.admin.cli_json("push", "get", name)["status"]


def await_state(cluster, name, state, timeout=20):
    until(lambda: status_of(cluster, name)["state"] == state, timeout,
          lambda: f"{name} is {state}: {status_of(cluster, name)}")
    return status_of(cluster, name)


def ended(child, timeout=60):
    _, errors = child.communicate(timeout=timeout)
    assert child.returncode == 0, errors


@pytest.mark.parametrize("way", ["rtsp", "rtsps", "login"])
def test_every_unit_comes_through(cluster, target, pushes, children, recordings, tmp_path, way):
    """What is published here is played there, unit by unit, picture and sound in step."""
    stream = f"{'locked' if way == 'login' else 'sent'}/{way}"
    url = target.rtsps(stream) if way == "rtsps" else target.rtsp(stream)
    if way == "login":
        url = url.replace("rtsp://", "rtsp://cam:secret-1@")
    name = pushes(f"live/{way}", url, *(["--insecure"] if way == "rtsps" else []))
    reader = children(*FFMPEG, "-copyts", "-rw_timeout", "60000000", "-i", target.flv(stream), "-map", "0", "-c", "copy",
                      "-f", "framemd5", tmp_path / "seen")
    until(lambda: target.admin.sessions(stream=stream), 20, "the viewer waits")
    publisher = children(*FFMPEG, "-re", "-stream_loop", "1", "-i", recordings["av"], "-c", "copy", "-f", "flv",
                         cluster.rtmp(f"live/{way}"))
    session = until(lambda: target.admin.sessions(stream=stream, role=1), 20, "it is published there")[0]
    assert session.protocol == "rtsp"
    assert await_state(cluster, name, "RELAY_RUNNING")["session"]
    ended(publisher)
    ended(reader)
    await_state(cluster, name, "RELAY_WAITING")  # for the stream
    source, seen = packets_of(recordings["av"], tmp_path / "source"), read_framemd5(tmp_path / "seen")
    shifts = []
    for kind, units in source.items():
        own = [u.digest for u in units] * 2
        got = [u.digest for u in seen[kind]]
        begin = own.index(got[0])
        assert len(got) >= len(units) and got == own[begin:begin + len(got)], f"{kind} differs"
        shifts += [after.pts_ms - units[begin + i].pts_ms for i, after in enumerate(seen[kind])
                   if begin + i < len(units) and after.pts_ms > 0]
    assert max(shifts) - min(shifts) <= 3, f"picture and sound are {max(shifts) - min(shifts)} ms apart"


def test_reasons_and_secrets(cluster, target, pushes, tools):
    """Why it does not run is told; how it logs in is not."""
    tools.source(cluster.rtmp("live/reasons")).wait_publishing()
    wrong = pushes("live/reasons", target.rtsp("locked/wrong").replace("rtsp://", "rtsp://cam:not-that-1@"))
    until(lambda: "401: " in status_of(cluster, wrong).get("reason", ""), 20,
          lambda: f"the login is refused: {status_of(cluster, wrong)}")
    certificate = pushes("live/reasons", target.rtsps("sent/tls"))
    until(lambda: "certificate" in status_of(cluster, certificate).get("reason", ""), 20,
          lambda: f"the certificate is refused: {status_of(cluster, certificate)}")
    text = cluster.admin.cli("push", "list").stdout + cluster.admin.cli("push", "list", "--json").stdout
    text += cluster["rtsp0"].process.log() + cluster["control-plane"].process.log()
    assert "not-that-1" not in text
    shown = cluster.admin.cli_json("push", "get", wrong)["url"]
    assert shown == f"rtsp://***@127.0.0.1:{target['rtsp0'].port}/locked/***"


@pytest.mark.parametrize("line", ["403 Forbidden", "404 Stream Not Found", "415 Unsupported Media Type"])
def test_what_the_target_says_is_the_reason(cluster, pushes, tools, answering, line):
    stream = f"live/told-{line[:3]}"
    tools.source(cluster.rtmp(stream)).wait_publishing()
    name = pushes(stream, f"rtsp://127.0.0.1:{answering(line)}/in/here")
    until(lambda: status_of(cluster, name).get("reason", "") == f"the server answered {line}", 20,
          lambda: f"{line} is told: {status_of(cluster, name)}")


def test_a_target_that_does_not_read(cluster, pushes, tools, answering):
    """It runs, is skipped, and is given up; the stream's other viewers miss nothing."""
    tools.source(cluster.rtmp("slow/target"), profile="heavy", run=1).wait_publishing()
    others = tools.viewers(cluster.flv("slow/target")).wait_playing()
    name = pushes("slow/target", f"rtsp://127.0.0.1:{answering('200 OK')}/in/here")
    await_state(cluster, name, "RELAY_RUNNING")
    until(lambda: "too slowly" in status_of(cluster, name).get("reason", ""), 40,
          lambda: f"it is given up: {status_of(cluster, name)}")
    others.wait_frames(60)
    assert_flawless(others.stop())


def test_a_server_that_sends_us_elsewhere(cluster, target, pushes, tools, answering):
    tools.source(cluster.rtmp("live/moved")).wait_publishing()
    port = answering("302 Found", f"Location: {target.rtsp('sent/moved')}")
    name = pushes("live/moved", f"rtsp://127.0.0.1:{port}/in/here")
    await_state(cluster, name, "RELAY_RUNNING")
    tools.viewers(target.flv("sent/moved")).wait_playing().wait_frames(50)


def test_what_rtp_does_not_carry_is_left_out(cluster, target, pushes, tools, elementary, tmp_path):
    """The sound of a stream with VP9 goes on alone; of VP9 alone it is told why nothing does."""
    pushes("live/part", target.rtsp("sent/part"))
    viewers = tools.viewers(target.flv("sent/part") + "?codec=enhanced", record=tmp_path / "seen")
    until(lambda: target.admin.sessions(stream="sent/part"), 20, "the viewer waits")
    tools.source(cluster.rtmp("live/part"), record=tmp_path / "sent",
                 files=f"{elementary / 'v.vp9.ivf'},{elementary / 'a.opus'}").wait_end(60)
    viewers.wait_end(60)
    seen = read_record(tmp_path / "seen")
    assert [line["codec"] for line in media(seen, packet="start")] == ["Opus"]
    assert {line["type"] for line in media(seen)} == {8}
    sent = [line for line in media(read_record(tmp_path / "sent")) if line["type"] == 8]
    assert_same_frames(sent[-len(media(seen)):], seen, 8)  # from where the push began
    assert "a push does without tracks that RTP does not carry" in cluster["rtsp0"].process.log()

    name = pushes("live/none", target.rtsp("sent/none"))
    source = tools.source(cluster.rtmp("live/none"), files=elementary / "v.vp9.ivf").wait_publishing()
    until(lambda: "no codec that RTP carries: vp9" in status_of(cluster, name).get("reason", ""), 20,
          lambda: f"why nothing is sent: {status_of(cluster, name)}")
    source.wait_end(30)


def test_a_target_that_is_away_is_tried_until_it_is_there(cluster, target, pushes, tools):
    """Down, up, kicked: it comes back by itself."""
    tools.source(cluster.rtmp("live/away")).wait_publishing()
    name = pushes("live/away", target.rtsp("sent/away"))
    await_state(cluster, name, "RELAY_RUNNING")
    target["rtsp0"].process.kill()
    until(lambda: "refused" in status_of(cluster, name).get("reason", "")
          and status_of(cluster, name)["state"] == "RELAY_BACKING_OFF", 20,
          lambda: f"it waits, and says why: {status_of(cluster, name)}")
    target["rtsp0"].restart()
    await_state(cluster, name, "RELAY_RUNNING", 40)
    session = until(lambda: target.admin.sessions(stream="sent/away", role=1), 20, "it is published again")[0]
    target.admin.cli("sessions", "kick", session.id)
    again = until(lambda: [s for s in target.admin.sessions(stream="sent/away", role=1) if s.id != session.id], 40,
                  "it comes back after a kick")
    assert again
    tools.viewers(target.flv("sent/away")).wait_playing().wait_frames(50)
    cluster.admin.cli("push", "remove", name)
    until(lambda: not target.admin.sessions(stream="sent/away", role=1), 10, "taken away, it says goodbye")


def test_another_format_is_announced_anew(cluster, target, pushes, children, recordings):
    """The stream goes on with another sound: the target gets what it is now."""
    def rate():
        return run("ffprobe", "-v", "error", "-select_streams", "a", "-show_entries", "stream=sample_rate", "-of", "csv=p=0",
                   "-rw_timeout", "10000000", target.flv("sent/changes"), check=False).stdout.strip()

    name = pushes("live/changes", target.rtsp("sent/changes"))
    publish = [*FFMPEG, "-re", "-stream_loop", "9", "-i", recordings["av"], "-c:v", "copy"]
    first = children(*publish, "-c:a", "copy", "-f", "flv", cluster.rtmp("live/changes"))
    assert rate() == "44100"
    first.terminate()
    first.wait(10)
    children(*publish, "-c:a", "aac", "-ar", "48000", "-f", "flv", cluster.rtmp("live/changes"))
    until(lambda: rate() == "48000", 30, lambda: f"the sound of now is announced: {status_of(cluster, name)}")


def test_ffmpeg_is_the_server(cluster, pushes, children, recordings, tmp_path):
    """An independent peer that is published to."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"rtsp://127.0.0.1:{port}/in/here"
    server = children(*FFMPEG, "-rtsp_flags", "listen", "-timeout", "60", "-i", url, "-map", "0", "-fps_mode", "passthrough",
                      "-t", "4", "-f", "framemd5", tmp_path / "frames")
    name = pushes("live/ffmpeg", url)
    children(*FFMPEG, "-re", "-stream_loop", "5", "-i", recordings["av"], "-c", "copy", "-f", "flv",
             cluster.rtmp("live/ffmpeg"))
    ended(server)
    frames = read_framemd5(tmp_path / "frames")
    assert len(frames["video"]) >= 75 and len(frames["audio"]) >= 140, status_of(cluster, name)
