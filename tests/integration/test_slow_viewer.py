"""A viewer that stops reading harms itself only."""

import pytest

from harness.cluster import sanitized
from harness.verdict import assert_flawless, assert_saw_the_end
from harness.waiting import until

CONFIG = """
defaults:
  slow_viewer_timeout: 3s
  viewer_backlog: 1MiB
applications:
  patient:
    slow_viewer_timeout: 60s
"""
SMALL_BUFFER = 65536


@pytest.fixture(scope="module")
def cluster(make_cluster):
    return make_cluster(CONFIG)


def url_of(cluster, stream, protocol):
    return cluster.rtmp(stream, 1) if protocol == "rtmp" else cluster.flv(stream, 1)


@pytest.mark.parametrize("protocol", ["rtmp", "flv"])
def test_dropped_to_the_next_key_frame(cluster, tools, protocol):
    """It stalls, is skipped, reads again, and goes on at a random-access point; the drops are counted."""
    stream = f"patient/{protocol}"
    gateway = cluster["rtmp1" if protocol == "rtmp" else "http1"]
    source = tools.source(cluster.rtmp(stream), profile="heavy", run=1).wait_publishing()
    slow = tools.viewers(url_of(cluster, stream, protocol), receive_buffer=SMALL_BUFFER).wait_playing()
    dropped_before = gateway.metrics().sum("millrace_frames_dropped_total")
    slow.command("stall 0")
    until(lambda: gateway.metrics().sum("millrace_frames_dropped_total") > dropped_before, 30,
          "dropped frames are counted")
    until(lambda: any(s.frames_dropped > 0 for s in cluster.admin.sessions(stream=stream)), 10,
          "and shown in the session")
    slow.command("resume 0")
    slow.wait_frames(200)
    source.stop()
    row = slow.wait_end()["viewers"][0]
    assert row["missing"] > 0
    for name in ("doubled", "reordered", "damaged", "dts_backwards", "starts_without_key"):
        assert row[name] == 0, (name, row)
    # All tracks are dropped together: a gap in the one is a gap in the other.
    run = row["runs"][0]
    assert run["video"]["gaps"] > 0 and run["audio"]["gaps"] > 0, run
    assert run["offset_spread_ms"] <= 2, run


@pytest.mark.parametrize("protocol", ["rtmp", "flv"])
def test_closed_with_a_reason_while_fifty_others_miss_nothing(cluster, tools, protocol):
    stream = f"slow/{protocol}"
    gateway = cluster["rtmp1" if protocol == "rtmp" else "http1"]
    source = tools.source(cluster.rtmp(stream), profile="heavy", run=1).wait_publishing()
    others = tools.viewers(url_of(cluster, stream, protocol) + "*50").wait_playing()
    others.wait_frames(60)
    memory_before = gateway.process.memory_kb()
    ends_before = gateway.metrics().sum("millrace_session_ends_total", reason="too_slow")
    slow = tools.viewers(url_of(cluster, stream, protocol), receive_buffer=SMALL_BUFFER).wait_playing()
    slow.command("stall 0")
    until(lambda: gateway.metrics().sum("millrace_session_ends_total", reason="too_slow") == ends_before + 1,
          30, lambda: "the slow one is closed: "
          + str(gateway.metrics().rows("millrace_session_ends_total")))
    memory_after = gateway.process.memory_kb()
    assert "too_slow" in gateway.process.log()
    slow.command("resume 0")
    assert not slow.wait_end()["viewers"][0]["open"]
    written = source.stop()
    end = others.wait_end()
    assert_flawless(end)
    assert_saw_the_end(end, [written])
    # The backlog that it may have (1 MiB) and a GOP or two; a sanitizer keeps freed memory in quarantine.
    allowed_kb = (300 if sanitized() else 24) * 1024
    assert memory_after - memory_before < allowed_kb, (memory_before, memory_after)
