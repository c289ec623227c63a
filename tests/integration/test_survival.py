"""Processes die under load; viewers must not notice."""

import re
import threading

import pytest

from harness.verdict import assert_flawless, assert_saw_the_end
from harness.waiting import until


@pytest.fixture
def own_cluster(make_cluster):
    return make_cluster()


def everywhere(cluster, stream, count):
    """Targets for `count` viewers on each of the four gateways."""
    return [f"{url}*{count}" for gateway in (0, 1)
            for url in (cluster.rtmp(stream, gateway), cluster.flv(stream, gateway))]


def finish(sources, viewers, timeout=30):
    """Stops the sources; the viewers end by themselves when their streams do."""
    ends = [source.stop() for source in sources]
    return ends, viewers.wait_end(timeout)


@pytest.mark.parametrize("away", ["at once", "after a second"])
def test_router_is_killed(own_cluster, tools, away):
    """Two publishers, twenty viewers: nobody loses the connection, no frame is missing or doubled."""
    cluster = own_cluster
    sources = [tools.source(cluster.rtmp("s/one", 0), run=1).wait_publishing(),
               tools.source(cluster.rtmp("s/two", 1), run=2).wait_publishing()]
    viewers = tools.viewers(*everywhere(cluster, "s/one", 3), *everywhere(cluster, "s/two", 2))
    viewers.wait_playing()
    viewers.wait_frames(60)
    for _ in range(2):
        cluster["router"].process.kill()
        if away == "after a second":
            before = [s["video"] for source in sources for s in source.snapshot()["streams"]]
            until(lambda: all(s["video"] >= then + 25 for source, then in zip(sources, before)
                              for s in source.snapshot()["streams"]), 10, "a second of video has gone by")
        cluster["router"].restart()
        viewers.wait_frames(150)
    written, end = finish(sources, viewers)
    assert_flawless(end)
    assert_saw_the_end(end, written)
    assert cluster.metric("millrace_bus_reconnects_total") > 0
    assert cluster.metric("millrace_bus_sequence_gaps_total") == 0


def test_control_plane_is_killed(own_cluster, tools):
    """Playing goes on, new viewers and publishers are served, and later the plane knows everything again."""
    cluster = own_cluster
    source = tools.source(cluster.rtmp("s/cp"), run=1).wait_publishing()
    old = tools.viewers(*everywhere(cluster, "s/cp", 1)).wait_playing()
    until(lambda: len(cluster.admin.sessions(stream="s/cp")) == 5, 10, "all sessions are listed")
    cluster["control-plane"].process.kill()
    new = tools.viewers(*everywhere(cluster, "s/cp", 1)).wait_playing()
    another = tools.source(cluster.rtmp("s/cp2", 1), run=9).wait_publishing()
    fresh = tools.viewers(cluster.flv("s/cp2", 1)).wait_playing()
    old.wait_frames(100)
    cluster["control-plane"].restart()
    until(lambda: len(cluster.admin.sessions(stream="s/cp")) == 9, 20, "all sessions are listed again")
    until(lambda: {"s/cp", "s/cp2"} <= set(cluster.admin.streams("s/")), 20, "and both streams")
    old.wait_frames(30)
    written, end = finish([source], old)
    assert_flawless(end)
    assert_saw_the_end(end, written)
    assert_flawless(new.wait_end())
    another.stop()
    assert_flawless(fresh.wait_end())


def test_control_plane_restarts_without_a_trace(own_cluster, tools):
    """Nodes that start while it is away come up from their state on disk."""
    cluster = own_cluster
    cluster["control-plane"].process.kill()
    cluster["http1"].process.kill()
    cluster["http1"].restart()
    source = tools.source(cluster.rtmp("s/disk"), run=1).wait_publishing()
    viewers = tools.viewers(cluster.flv("s/disk", 1)).wait_playing()
    cluster["control-plane"].restart()
    until(lambda: {"http0", "http1", "rtmp0", "rtmp1", "router"}
          <= {n.registration.node for n in cluster.admin.nodes()}, 20, "every node is back")
    _, end = finish([source], viewers)
    assert_flawless(end)


def test_a_gateway_is_killed(own_cluster, tools):
    """Viewers on other gateways see nothing; the gateway serves again once it is back."""
    cluster = own_cluster
    source = tools.source(cluster.rtmp("s/gw"), run=1).wait_publishing()
    rest = tools.viewers(cluster.rtmp("s/gw", 0) + "*5", cluster.flv("s/gw", 0) + "*5").wait_playing()
    lost = tools.viewers(cluster.rtmp("s/gw", 1) + "*3", cluster.flv("s/gw", 1) + "*3").wait_playing()
    for name in ("rtmp1", "http1"):
        cluster[name].process.kill()
    assert all(not row["open"] for row in lost.wait_end()["viewers"])
    rest.wait_frames(100)
    for name in ("rtmp1", "http1"):
        cluster[name].restart()
    again = tools.viewers(cluster.rtmp("s/gw", 1), cluster.flv("s/gw", 1)).wait_playing()
    until(lambda: len(cluster.admin.sessions(stream="s/gw")) == 13, 20,
          lambda: f"sessions of the dead are gone: {len(cluster.admin.sessions(stream='s/gw'))}")
    written, end = finish([source], rest)
    assert_flawless(end)
    assert_saw_the_end(end, written)
    assert_flawless(again.wait_end())


def test_publishing_gateway_is_killed(own_cluster, tools):
    """Its encoder comes back through the other gateway within grace: viewers stay, on one timeline."""
    cluster = own_cluster
    first = tools.source(cluster.rtmp("s/pgw", 0), run=1).wait_publishing()
    viewers = tools.viewers(cluster.rtmp("s/pgw", 1) + "*3", cluster.flv("s/pgw", 1) + "*3").wait_playing()
    viewers.wait_frames(60)
    cluster["rtmp0"].process.kill()
    first.wait_end()
    second = tools.source(cluster.rtmp("s/pgw", 1), run=2).wait_publishing()
    viewers.wait_frames(100)
    written, end = finish([second], viewers)
    assert_flawless(end)
    assert_saw_the_end(end, written)
    assert all([r["run"] for r in row["runs"]] == [1, 2] for row in end["viewers"])


def test_a_frozen_node_delays_no_other(own_cluster, tools):
    """SIGSTOP of one http-gateway: the other's viewers see no delay; woken up, its own go on."""
    cluster = own_cluster
    source = tools.source(cluster.rtmp("s/frozen"), profile="bench", run=1).wait_publishing()
    healthy = tools.viewers(cluster.flv("s/frozen", 0) + "*5", cluster.rtmp("s/frozen", 1) + "*5",
                            latency=True).wait_playing()
    behind = tools.viewers(cluster.flv("s/frozen", 1) + "*2").wait_playing()
    healthy.latency()  # without the start
    healthy.wait_frames(100)
    before = healthy.latency()
    cluster["http1"].process.freeze()
    healthy.wait_frames(500)  # about seven seconds: longer than the lease
    during = healthy.latency()
    cluster["http1"].process.thaw()
    behind.wait_frames(150)
    written, end = finish([source], healthy)
    assert_flawless(end)
    assert_saw_the_end(end, written)
    assert during["p50_us"] <= max(3 * before["p50_us"], 20000), (before, during)
    assert during["p99_us"] <= max(3 * before["p99_us"], 150000), (before, during)
    for row in behind.wait_end()["viewers"]:
        assert not row["ended"].startswith("protocol"), row["ended"]
        for name in ("doubled", "reordered", "damaged", "dts_backwards", "starts_without_key"):
            assert row[name] == 0, (name, row)


def test_a_frozen_router_loses_nothing(own_cluster, tools):
    """Stopped for longer than its nodes' leases: when it goes on, nodes re-attach and the replay fills in."""
    cluster = own_cluster
    source = tools.source(cluster.rtmp("s/fr"), run=1).wait_publishing()
    viewers = tools.viewers(*everywhere(cluster, "s/fr", 1)).wait_playing()
    viewers.wait_frames(60)
    cluster["router"].process.freeze()
    then = source.snapshot()["streams"][0]["video"]
    until(lambda: source.snapshot()["streams"][0]["video"] >= then + 95, 10, "3.8 seconds have gone by")
    cluster["router"].process.thaw()
    viewers.wait_frames(100)
    written, end = finish([source], viewers)
    assert_flawless(end)
    assert_saw_the_end(end, written)


def test_a_frozen_publishing_gateway_comes_back(own_cluster, tools):
    """Its lease is lost, the stream is in grace; when it goes on, it re-attaches and sends what it holds."""
    cluster = own_cluster
    source = tools.source(cluster.rtmp("s/fp", 0), run=1).wait_publishing()
    viewers = tools.viewers(cluster.rtmp("s/fp", 1) + "*2", cluster.flv("s/fp", 1) + "*2").wait_playing()
    viewers.wait_frames(60)
    cluster["rtmp0"].process.freeze()
    until(lambda: cluster.admin.streams("s/fp")["s/fp"].state == 2, 10, "the stream is in grace")
    cluster["rtmp0"].process.thaw()
    viewers.wait_frames(150)
    written, end = finish([source], viewers)
    assert_flawless(end)
    assert_saw_the_end(end, written)


def test_who_comes_while_the_router_is_away(own_cluster, tools):
    """A new publisher and new viewers, of old streams and new, wait and are then served."""
    cluster = own_cluster
    old = tools.source(cluster.rtmp("s/old", 0), run=1).wait_publishing()
    watching = tools.viewers(cluster.flv("s/old", 0)).wait_playing()
    cluster["router"].process.kill()
    new = tools.source(cluster.rtmp("s/new", 1), run=2)
    joining = tools.viewers(cluster.flv("s/old", 0), cluster.flv("s/old", 1), cluster.rtmp("s/new", 0),
                            cluster.flv("s/new", 1))
    joining.wait_event("playing", viewer=0)  # its gateway has the stream's last GOP
    cluster["router"].restart()
    new.wait_publishing()
    joining.wait_playing()
    joining.wait_frames(60)
    written, end = finish([old, new], joining)
    assert_flawless(end)
    assert_saw_the_end(end, written)
    assert_flawless(watching.wait_end())


def test_drain_on_sigterm(own_cluster, tools):
    """SIGTERM: not ready, no new sessions, the rest is closed with a word at the deadline, exit code 0."""
    cluster = own_cluster
    source = tools.source(cluster.rtmp("s/drain", 0), run=1).wait_publishing()
    viewers = tools.viewers(cluster.rtmp("s/drain", 1), cluster.flv("s/drain", 1)).wait_playing()
    codes = {}
    ends = [threading.Thread(target=lambda n=name: codes.update({n: cluster[n].process.terminate()}))
            for name in ("rtmp1", "http1")]
    for thread in ends:
        thread.start()
    for thread in ends:
        thread.join()
    assert codes == {"rtmp1": 0, "http1": 0}
    end = viewers.wait_end()
    assert_flawless(end)
    texts = [s["code"] + " " + s["text"] for s in end["viewers"][0]["statuses"]]
    assert re.search("NetStream.Play", texts[-1]) and "Start" not in texts[-1], texts
    assert end["viewers"][1]["ended"] == "complete", end["viewers"][1]
    for name in ("rtmp1", "http1"):
        cluster[name].restart()
    source.stop()
