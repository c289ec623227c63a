"""Configuration reaches running nodes: what can change live does, and no session notices."""

import json
import os

import grpc
import pytest

from harness.admin import admin_pb
from harness.verdict import assert_flawless
from harness.waiting import until

FILE = """
defaults:
  grace: 15s
  wait_timeout: 10m
streams:
  "c/*/low": {publish_idle_timeout: 20s}
"""

# Every section, and as much of each as has an effect on sessions.
OTHER_FILE = """
defaults: {flush: 350ms, audio_hold: 60ms, grace: 2s, wait_timeout: 1s, slow_viewer_timeout: 10s,
           publish_idle_timeout: 5s, viewer_backlog: 8MiB, publish_policy: reject, segment_target: 6s,
           gop_limit: 16MiB, replay_limit: 32MiB, track_wait: 1s, grace_after_unpublish: 1s}
applications: {c: {audio_hold: 50ms}, other: {flush: 0ms}}
streams: {"c/**": {flush: 340ms}, "**/cam": {grace: 1s}}
router: {lease: 5s, cache_limit: 512MiB, stream_cache_limit: 32MiB, publish_credit: 16MiB, max_streams: 10000}
rtmp: {chunk_size: 4096, max_connections: 10000, idle_timeout: 20s}
http: {max_header: 32KiB, max_connections: 10000, header_timeout: 10s, trusted_proxies: [127.0.0.1]}
metrics: {per_stream: true}
bus: {subscription_credit: 16MiB}
public: {host: media.example.org}
"""


def put(cluster, text):
    """The control plane's file, replaced in one step as editors do it."""
    new = cluster.config_path.with_suffix(".new")
    new.write_text(text)
    os.replace(new, cluster.config_path)


def revision(cluster):
    return cluster.admin.call("GetConfiguration", admin_pb.GetConfigurationRequest()).revision


def running(cluster):
    return {n.registration.node: n.configuration_revision for n in cluster.admin.nodes() if n.attached}


def wait_running(cluster, wanted=None):
    """Until every node says that it runs the revision in force (which is `wanted`)."""
    wanted = wanted or revision(cluster)
    nodes = {"router", "rtmp0", "rtmp1", "http0", "http1"}
    until(lambda: {n: running(cluster).get(n) for n in nodes} == dict.fromkeys(nodes, wanted), 15,
          lambda: f"every node runs revision {wanted}: {running(cluster)}")
    return wanted


def session_ids(cluster, stream):
    return sorted(s.id for s in cluster.admin.sessions(stream=stream))


@pytest.fixture(scope="module")
def cluster(make_cluster):
    return make_cluster(FILE)


@pytest.fixture
def live(cluster, tools, request):
    """A stream with a viewer on each gateway: (name, source, viewers), under the module's file."""
    put(cluster, FILE + f"# {request.node.name}\n")
    until(lambda: cluster.admin.call(
        "GetConfiguration", admin_pb.GetConfigurationRequest()).configuration.defaults.grace == 15_000,
        10, "the file is in force")
    wait_running(cluster)
    name = f"c/{request.node.name.replace('_', '-')}/cam"
    source = tools.source(cluster.rtmp(name), profile="bench", run=1).wait_publishing()
    viewers = tools.viewers(cluster.rtmp(name, 0), cluster.rtmp(name, 1), cluster.flv(name, 0),
                            cluster.flv(name, 1), latency="true").wait_playing()
    until(lambda: len(cluster.admin.sessions(stream=name)) == 5, 10, "its sessions are listed")
    return name, source, viewers


def test_a_changed_file_reaches_every_node_and_drops_nobody(cluster, live, tools):
    name, source, viewers = live
    waiting = tools.viewers(cluster.rtmp("c/nobody/cam"))
    until(lambda: cluster.admin.sessions(stream="c/nobody/cam"), 10, "a player waits for ten minutes")
    before, sessions = revision(cluster), session_ids(cluster, name)
    viewers.wait_frames(60)

    put(cluster, OTHER_FILE)
    until(lambda: revision(cluster) == before + 1, 10, "the file is in force")
    wait_running(cluster, before + 1)
    table = cluster.admin.cli("nodes", "list").stdout.splitlines()
    assert table[0].split()[-1] == "CONFIG", table
    assert all(line.split()[-1] == str(before + 1) for line in table[1:]), table

    # wait_timeout: the player that was there has waited too long now.
    ended = waiting.wait_end(10)["viewers"][0]
    assert ended["frames"] == 0 and ended["statuses"], ended
    # flush: the publisher that was there sends in bundles now.
    def bundled():
        viewers.latency()
        viewers.wait_frames(60)
        return viewers.latency()["p50_us"] > 80_000

    until(bundled, 20, "frames wait for each other")
    assert session_ids(cluster, name) == sessions, "not one session was replaced"
    # grace: of the publisher that was there, when it is lost.
    source.cut()
    end = viewers.wait_end(10)
    assert_flawless(end)


def test_apply_shows_the_difference_and_survives_the_control_plane(cluster, live, tmp_path):
    name, source, viewers = live
    sessions, before = session_ids(cluster, name), revision(cluster)
    applied = tmp_path / "applied.yaml"
    applied.write_text('defaults: {grace: 20s}\nstreams: {"c/**": {flush: 330ms}}\n')
    diff = ["@@ defaults @@", "-wait_timeout: 10m", "+wait_timeout: 10s", "-grace: 15s", "+grace: 20s",
            "@@ streams.c/**", "+flush: 330ms", "@@ streams.c/*/low", "-publish_idle_timeout: 20s"]
    for flags in (["--dry-run"], []):
        shown = cluster.admin.cli("config", "apply", str(applied), *flags).stdout
        assert [line for line in diff if not any(seen.startswith(line) for seen in shown.splitlines())] == []
        assert "\x1b" not in shown
        if flags:
            assert revision(cluster) == before
    wait_running(cluster, before + 1)
    assert "no difference" in cluster.admin.cli("config", "apply", str(applied)).stdout
    assert revision(cluster) == before + 1

    # Its file is as it was, so what was applied holds after a restart.
    cluster["control-plane"].process.kill()
    cluster["control-plane"].restart()
    wait_running(cluster, before + 1)
    answer = cluster.admin.call("GetConfiguration", admin_pb.GetConfigurationRequest())
    assert answer.source == admin_pb.CONFIGURATION_APPLIED
    assert answer.configuration.streams["c/**"].flush == 330
    # The file says something else: it holds now.
    put(cluster, "defaults: {grace: 7s}\n")
    until(lambda: revision(cluster) == before + 2, 10, "the file is in force")
    wait_running(cluster, before + 2)
    answer = cluster.admin.call("GetConfiguration", admin_pb.GetConfigurationRequest())
    assert answer.source == admin_pb.CONFIGURATION_FILE and not answer.configuration.streams

    viewers.wait_frames(60)
    assert session_ids(cluster, name) == sessions
    source.stop()
    assert_flawless(viewers.wait_end())


def test_apply_refuses_mistakes_by_line(cluster, tmp_path):
    before = revision(cluster)
    bad = tmp_path / "bad.yaml"
    bad.write_text('streams:\n  "c/*":\n    flsh: 1s\n')
    result = cluster.admin.cli("config", "apply", str(bad), check=False)
    assert result.returncode == 1 and f"{bad}:3:5: unknown key `flsh`" in result.stderr, result
    request = admin_pb.ApplyConfigRequest(yaml="defaults:\n  grace: soon\n", name="mine.yaml")
    with pytest.raises(grpc.RpcError) as refused:
        cluster.admin.call("ApplyConfig", request)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "mine.yaml:2:10" in refused.value.details()
    assert revision(cluster) == before


def test_a_wrong_file_changes_nothing(cluster, live):
    name, source, viewers = live
    before = revision(cluster)
    put(cluster, "defaults:\n  flsh: 1s\n")
    until(lambda: "the last one holds" in cluster["control-plane"].process.log(), 10, "it is refused")
    assert revision(cluster) == before
    viewers.wait_frames(30)
    source.stop()
    assert_flawless(viewers.wait_end())


def test_urls(cluster, live, tools, tmp_path):
    """What is printed can be pasted."""
    name, source, viewers = live
    got = cluster.admin.cli_json("streams", "get", name)["urls"]
    play = {row["protocol"]: row["url"] for row in got["play"]}
    assert play["http-flv"].endswith(f"/{name}.flv") and play["rtmp"].endswith(f"/{name}")
    pasted = tools.viewers(*play.values()).wait_playing()
    pasted.wait_frames(30)
    assert all(url in cluster.admin.cli("streams", "get", name).stdout for url in play.values())
    # Of a stream that does not exist yet.
    new = cluster.admin.cli_json("streams", "urls", "c/new/cam")
    other = tools.source(new["publish"][0]["url"]).wait_publishing()
    assert new["publish"][0]["url"] == f"{new['publish'][0]['server']}/{new['publish'][0]['key']}"
    other.stop()
    applied = tmp_path / "public.yaml"
    applied.write_text("public: {host: media.example.org, rtmp_port: 1936, http_port: 80}\n")
    cluster.admin.cli("config", "apply", str(applied))
    urls = json.dumps(cluster.admin.cli_json("streams", "get", name)["urls"])
    assert f"rtmp://media.example.org:1936/{name}" in urls
    assert f"http://media.example.org/{name}.flv" in urls
    source.stop()
    assert_flawless(viewers.wait_end())
    assert_flawless(pasted.wait_end())
