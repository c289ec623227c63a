"""Fixtures: clusters of real processes, and the tools that publish to and play from them."""

import os
import subprocess

import pytest

from harness.cluster import Cluster
from harness.media import run
from harness.places import BIN, TOOLS
from harness.tools import Source, Viewers

_running = []


def pytest_configure(config):
    needed = [BIN / "millrace-control-plane", BIN / "millrace-router", BIN / "millrace-rtmp-gateway",
              BIN / "millrace-http-gateway", BIN / "millrace-rtsp-gateway", BIN / "millrace", TOOLS / "stream-source",
              TOOLS / "stream-check"]
    missing = [str(path) for path in needed if not path.exists()]
    if missing and not config.option.collectonly:
        raise pytest.UsageError("not built: " + ", ".join(missing) + " (set MILLRACE_BIN)")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for cluster in _running:
            report.sections.append((f"cluster in {cluster.folder}", cluster.logs()))


@pytest.fixture(scope="module")
def make_cluster(tmp_path_factory):
    """make_cluster(config="yaml", rtmp=2, http=2): a started cluster, stopped and judged at the module's end."""
    made = []

    def make(config="", **counts):
        cluster = Cluster(tmp_path_factory.mktemp("cluster"), config, **counts)
        made.append(cluster)
        _running.append(cluster)
        return cluster.start()

    yield make
    problems = []
    for cluster in made:
        try:
            problems += cluster.stop()
        finally:
            cluster.kill()
            _running.remove(cluster)
    assert not problems, "\n".join(problems)


@pytest.fixture(scope="module")
def cluster(make_cluster):
    """The module's own cluster: two gateways of each kind, every setting at its default."""
    return make_cluster()


@pytest.fixture
def tools():
    """tools.source(url, flag=value…) and tools.viewers(target…, flag=value…), gone at the test's end."""

    class Tools:
        def __init__(self):
            self.made = []

        def source(self, url, **flags):
            self.made.append(Source(url, **flags))
            return self.made[-1]

        def viewers(self, *targets, **flags):
            self.made.append(Viewers(*targets, **flags))
            return self.made[-1]

    tools = Tools()
    yield tools
    for tool in tools.made:
        tool.kill()


@pytest.fixture
def children():
    """children(argv…): a client program in the background, gone at the test's end."""
    made = []

    def start(*argv, **options):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
                   "text": True, **options}
        made.append(subprocess.Popen([str(a) for a in argv], **options))
        return made[-1]

    yield start
    for child in made:
        if child.poll() is None:
            child.kill()
        child.communicate()


@pytest.fixture(scope="session")
def recordings(tmp_path_factory):
    """Source files, 6 s each: B-frames + AAC ("av"), audio only ("audio"), video only ("video")."""
    folder = tmp_path_factory.mktemp("recordings")
    video = ["-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "50", "-pix_fmt", "yuv420p"]
    audio = ["-c:a", "aac", "-b:a", "96k", "-ac", "2"]
    picture = ["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25"]
    sound = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100"]
    common = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y"]
    files = {name: folder / f"{name}.flv" for name in ("av", "audio", "video")}
    run(*common, *picture, *sound, *video, *audio, "-t", "6", files["av"])
    run(*common, *sound, *audio, "-t", "6", files["audio"])
    run(*common, *picture, *video, "-t", "6", files["video"])
    return files


@pytest.fixture(scope="session")
def elementary(tmp_path_factory):
    """Elementary streams that ffmpeg makes; video without reordering, a key frame each second (AV1: only the first)."""
    folder = tmp_path_factory.mktemp("elementary")
    picture = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25"]
    sound = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]
    encoders = {
        "v.hevc": [*picture, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
                   "log-level=error:bframes=0:keyint=25:aud=1:repeat-headers=1", "-f", "hevc"],
        "v.av1.ivf": [*picture, "-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-g", "75",
                      "-lag-in-frames", "0", "-f", "ivf"],
        "v.vp9.ivf": [*picture, "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "25",
                      "-lag-in-frames", "0", "-f", "ivf"],
        "a.opus": [*sound, "-c:a", "libopus", "-b:a", "48k", "-ac", "2", "-frame_duration", "20"],
    }
    for name, arguments in encoders.items():
        run("ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y", *arguments, "-t", "3",
            folder / name)
    return folder


@pytest.fixture(scope="session")
def nobody():
    """A command prefix that runs what follows without root's rights, or nothing where we have none."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"]
