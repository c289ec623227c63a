"""Who plays logs in where an application names its viewers: by RTSP, HTTP-FLV, WS-FLV and RTMP."""

import base64
import subprocess

import pytest

from harness.media import run
from harness.raw_rtsp import Client
from harness.waiting import until

QUIET = ["-hide_banner", "-loglevel", "error", "-nostdin", "-y"]
CONFIG = """
applications:
  locked: {viewers: {eye: see-1-secret}, publishers: {cam: cam-1-secret}, publish_login: in_key}
"""
STREAM = "locked/cam1"


@pytest.fixture(scope="module")
def cluster(make_cluster):
    return make_cluster(CONFIG, rtmp=1, http=1, rtsp=1)


@pytest.fixture(scope="module")
def live(cluster, recordings):
    """A stream whose viewers log in, and one whose do not."""
    publishers = [subprocess.Popen(["ffmpeg", *QUIET, "-re", "-stream_loop", "60", "-i", recordings["av"], "-c", "copy", "-f",
                                    "flv", cluster.rtmp(stream) + query])
                  for stream, query in ((STREAM, "?user=cam&pass=cam-1-secret"), ("open/cam1", ""))]
    until(lambda: {STREAM, "open/cam1"} <= set(cluster.admin.streams("")), 30, "both are live")
    yield
    for publisher in publishers:
        publisher.kill()
        publisher.wait()


def probe(url, *flags):
    return run("ffprobe", "-v", "error", *flags, "-show_entries", "stream=codec_name", "-of", "csv=p=0", url, check=False)


LOGINS = [("eye", "see-1-secret", True), ("cam", "cam-1-secret", True), ("eye", "cam-1-secret", False),
          ("nobody", "see-1-secret", False), ("", "", False)]


def errors(cluster, node, name):
    return cluster[node].metrics().sum("millrace_protocol_errors_total", error=name)


@pytest.mark.parametrize("user, password, welcome", LOGINS)
def test_rtsp(cluster, live, user, password, welcome):
    url = cluster.rtsp(STREAM)
    result = probe(url.replace("rtsp://", f"rtsp://{user}:{password}@") if user else url, "-rtsp_transport", "tcp")
    assert ("h264" in result.stdout) == welcome, result
    if not welcome:
        assert "401 Unauthorized" in result.stderr
    assert ("h264" in probe(f"{url}?user={user}&pass={password}", "-rtsp_transport", "tcp").stdout) == welcome


def test_rtsp_by_basic_and_by_setup_alone(cluster, live):
    """The scheme that the client chooses; and a client that does not describe first is asked, too."""
    login = base64.b64encode(b"eye:see-1-secret").decode()
    with Client(cluster["rtsp0"].port) as client:
        asked = client.ask("DESCRIBE", STREAM, Accept="application/sdp")
        assert asked.status == 401
        assert client.ask("DESCRIBE", STREAM, Authorization=f"Basic {login}").status == 200
    with Client(cluster["rtsp0"].port) as client:
        transport = "RTP/AVP/TCP;unicast;interleaved=0-1"
        assert client.ask("SETUP", f"{STREAM}/trackID=0", Transport=transport).status == 401
        assert client.ask("SETUP", f"{STREAM}/trackID=0", Transport=transport,
                          Authorization=f"Basic {login}").status == 200


@pytest.mark.parametrize("user, password, welcome", LOGINS)
def test_http_flv(cluster, live, user, password, welcome):
    url = f"http://127.0.0.1:{cluster['http0'].port}/{STREAM}.flv"
    by = {"Basic": ["-u", f"{user}:{password}", url] if user else [url], "query": [f"{url}?user={user}&pass={password}"]}
    for arguments in by.values():
        wrong = errors(cluster, "http0", "wrong_login")
        answer = run("curl", "-sS", "--max-time", "2", "-o", "/dev/null", "-w", "%{http_code} %{size_download}", *arguments,
                     check=False)
        status, size = answer.stdout.split()[-2:]
        assert status == ("200" if welcome else "401"), answer
        if welcome:
            assert int(size) > 20_000
        assert errors(cluster, "http0", "wrong_login") - wrong == (0 if welcome or not user else 1)


def test_http_says_how(cluster, live):
    answer = run("curl", "-sS", "-i", f"http://127.0.0.1:{cluster['http0'].port}/{STREAM}.flv").stdout
    assert answer.startswith("HTTP/1.1 401") and 'WWW-Authenticate: Basic realm="millrace"' in answer, answer
    assert '"code":"login"' in answer
    wrong = run("curl", "-sS", "-i", "-u", "eye:wrong-1", f"http://127.0.0.1:{cluster['http0'].port}/{STREAM}.flv").stdout
    assert '"code":"wrong_login"' in wrong and "connection: close" in wrong.lower(), "who guesses has to connect each time"
    upgrade = run("curl", "-sS", "-i", "-H", "Upgrade: websocket", "-H", "Connection: Upgrade", "-H",
                  "Sec-WebSocket-Version: 13", "-H", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
                  f"http://127.0.0.1:{cluster['http0'].port}/{STREAM}.flv").stdout
    assert upgrade.startswith("HTTP/1.1 401"), upgrade


@pytest.mark.parametrize("user, password, welcome", LOGINS)
def test_rtmp(cluster, live, user, password, welcome):
    refused = errors(cluster, "rtmp0", "rtmp_login_failed")
    result = probe(cluster.rtmp(STREAM) + (f"?user={user}&pass={password}" if user else ""), "-rw_timeout", "15000000")
    assert ("h264" in result.stdout) == welcome, result
    assert errors(cluster, "rtmp0", "rtmp_login_failed") - refused == (0 if welcome else 1)


def test_rtmp_with_the_login_behind_the_application(cluster, live):
    """As the "Server" of a player's settings; who publishes there logs in otherwise."""
    server, _, name = cluster.rtmp(STREAM).rpartition("/")
    for password, welcome in (("see-1-secret", True), ("wrong-1", False)):
        result = probe(f"{server}?user=eye&pass={password}/{name}", "-rw_timeout", "15000000", "-rtmp_app",
                       f"locked?user=eye&pass={password}", "-rtmp_playpath", name)
        assert ("h264" in result.stdout) == welcome, result


def test_without_viewers_everybody_plays(cluster, live):
    for url in (cluster.rtsp("open/cam1"), cluster.rtmp("open/cam1"), cluster.flv("open/cam1")):
        assert "h264" in probe(url).stdout


def test_who_plays_is_listed_and_secrets_are_not(cluster, live, children):
    children("ffmpeg", *QUIET, "-i", cluster.flv(STREAM) + "?user=eye&pass=see-1-secret", "-f", "null", "-")
    row = until(lambda: [s for s in cluster.admin.sessions(stream=STREAM, role=2) if s.user == "eye"], 15, "eye plays")[0]
    assert row.protocol == "http-flv"
    text = cluster.admin.cli("config", "show").stdout + cluster.admin.cli("sessions", "list", "--json").stdout
    for node in ("rtmp0", "rtsp0", "http0", "control-plane"):
        text += cluster[node].process.log()
    assert "see-1-secret" not in text and "cam-1-secret" not in text
    assert "eye" in cluster.admin.cli("config", "show").stdout
