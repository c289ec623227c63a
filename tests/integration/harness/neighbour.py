"""Who must notice nothing of a hostile peer: a stream with viewers on the same gateways, and their memory."""

import contextlib
import resource

from harness.cluster import sanitized
from harness.tools import Source, Viewers
from harness.verdict import flawless

# A sanitizer keeps freed memory in quarantine.
ALLOWED_KB = (400 if sanitized() else 48) * 1024
STREAM = "good/cam"


@contextlib.contextmanager
def many_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16384), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextlib.contextmanager
def playing(cluster):
    """Viewers of STREAM, over RTMP and HTTP-FLV."""
    source = Source(cluster.rtmp(STREAM), profile="small").wait_publishing()
    viewers = Viewers(cluster.rtmp(STREAM), cluster.flv(STREAM)).wait_playing()
    yield viewers
    viewers.kill()
    source.kill()


@contextlib.contextmanager
def unharmed(cluster, viewers):
    """Around what is done to the cluster: its viewers miss nothing, its memory stays what it was."""
    before = {name: cluster[name].process.memory_kb() for name in ("rtmp0", "http0", "router")}
    yield
    viewers.wait_frames(25)
    for report in viewers.snapshot()["viewers"]:
        assert flawless(dict(report, ended="")) is None, report
    for name, kb in before.items():
        after = cluster[name].process.memory_kb()
        assert after - kb < ALLOWED_KB, f"{name} grew from {kb} to {after} kB"
