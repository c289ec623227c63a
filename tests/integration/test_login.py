"""Publishing that takes a login: Adobe's challenge as ffmpeg, GStreamer and librtmp answer it, and credentials in
addresses and keys."""


import pytest

from harness.places import need
from harness.waiting import until

QUIET = ["-hide_banner", "-loglevel", "warning", "-nostdin", "-y"]
CONFIG = """
applications:
  closed:
    publishers: {joe: "s3cret+=", ann: "other"}
  keyed:
    publishers: {joe: s3cret}
    publish_login: in_key
"""


@pytest.fixture(scope="module")
def cluster(make_cluster):
    return make_cluster(CONFIG, rtmp=1, http=1)


def publish(children, recordings, url):
    return children("ffmpeg", *QUIET, "-re", "-i", recordings["av"], "-c", "copy", "-f", "flv", url)


def wait_publisher(cluster, stream, user):
    def live():
        row = cluster.admin.streams(stream).get(stream)
        return row is not None and row.last_sequence > 10
    until(live, 60, f"{stream} is live")
    users = [s.user for s in cluster.admin.sessions(stream=stream)]
    assert users == [user], users


def failures(cluster):
    return cluster["rtmp0"].metrics().sum("millrace_protocol_errors_total", error="rtmp_login_failed")


def test_ffmpeg_answers_the_challenge(cluster, recordings, children, tmp_path):
    before = failures(cluster)
    url = cluster.rtmp("closed/ff")
    publisher = publish(children, recordings, url.replace("rtmp://", "rtmp://joe:s3cret+=@"))
    wait_publisher(cluster, "closed/ff", "joe")
    # Players need no login.
    player = children("ffmpeg", *QUIET, "-rw_timeout", "10000000", "-i", url, "-c", "copy", "-t", "1",
                      tmp_path / "played.flv")
    assert player.wait(20) == 0, player.stderr.read()
    _, errors = publisher.communicate(timeout=30)
    assert publisher.returncode == 0, errors
    assert failures(cluster) == before


@pytest.mark.parametrize("credentials", ["joe:wrong", "jane:s3cret", "ann:s3cret+="])
def test_ffmpeg_is_told_that_its_password_is_wrong(cluster, recordings, children, credentials):
    before = failures(cluster)
    url = cluster.rtmp("closed/wrong").replace("rtmp://", f"rtmp://{credentials}@")
    publisher = publish(children, recordings, url)
    _, errors = publisher.communicate(timeout=30)
    assert publisher.returncode != 0
    assert "Incorrect username/password" in errors, errors
    assert "closed/wrong" not in cluster.admin.streams("closed/")
    assert failures(cluster) == before + 1


def test_ffmpeg_without_credentials_is_asked_for_them(cluster, recordings, children):
    publisher = publish(children, recordings, cluster.rtmp("closed/none"))
    _, errors = publisher.communicate(timeout=30)
    assert publisher.returncode != 0
    assert "No credentials set" in errors, errors


def test_credentials_in_the_key(cluster, recordings, children):
    publisher = publish(children, recordings, cluster.rtmp("keyed/ff?user=joe&pass=s3cret"))
    wait_publisher(cluster, "keyed/ff", "joe")
    _, errors = publisher.communicate(timeout=30)
    assert publisher.returncode == 0, errors
    before = failures(cluster)
    publisher = publish(children, recordings, cluster.rtmp("keyed/no?user=joe&pass=wrong"))
    _, errors = publisher.communicate(timeout=30)
    assert publisher.returncode != 0
    assert "wrong user or password" in errors, errors
    assert failures(cluster) == before + 1


def test_gstreamer_answers_the_challenge(cluster, children):
    """rtmp2sink. Not rtmpsink: Debian's librtmp corrupts its own memory when it logs in, and may crash at any time
    (what it sends is a case of the protocol's tests)."""
    need("gst-launch-1.0")
    stream = "closed/rtmp2sink"
    publisher = children(
        "gst-launch-1.0", "-q", "flvmux", "name=mux", "streamable=true", "!", "rtmp2sink",
        f"location={cluster.rtmp(stream)}", "username=ann", "password=other", "authmod=adobe",
        "videotestsrc", "num-buffers=125", "is-live=true", "!",
        "video/x-raw,width=320,height=240,framerate=25/1", "!",
        "x264enc", "speed-preset=ultrafast", "key-int-max=25", "tune=zerolatency", "!", "mux.")
    wait_publisher(cluster, stream, "ann")
    _, errors = publisher.communicate(timeout=40)
    assert publisher.returncode == 0, errors
