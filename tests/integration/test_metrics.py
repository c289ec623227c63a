"""What Prometheus sees."""

import json
import shutil
import urllib.request

import pytest

from harness.http import request
from harness.ports import free_port
from harness.processes import Process
from harness.waiting import until

GATEWAYS = ("rtmp0", "rtmp1", "http0", "http1")


@pytest.fixture(scope="module")
def busy(cluster):
    """One stream with a viewer on each gateway, for as long as the module."""
    from harness.tools import Source, Viewers
    source = Source(cluster.rtmp("m/cam"), profile="bench").wait_publishing()
    viewers = Viewers(cluster.rtmp("m/cam", 0), cluster.rtmp("m/cam", 1), cluster.flv("m/cam", 0),
                      cluster.flv("m/cam", 1)).wait_playing()
    viewers.wait_frames(60)
    yield source, viewers
    source.stop()
    viewers.wait_end()


def moves(cluster, node, name, **labels):
    """The sample grows."""
    before = cluster[node].metrics().sum(name, **labels)
    until(lambda: cluster[node].metrics().sum(name, **labels) > before, 10,
          lambda: f"{name}{labels} of {node} grows beyond {before}")


def test_every_process_is_healthy_and_ready(cluster):
    for node in cluster.nodes.values():
        for path in ("/healthz", "/readyz"):
            assert request(node.metrics_port, path).status == 200, (node.name, path)
        info = node.metrics().rows("millrace_build_info")
        assert len(info) == 1 and info[0][0]["version"] and info[0][0]["kind"], info


def test_sessions_are_counted(cluster, busy):
    assert cluster["rtmp0"].metrics().sum("millrace_sessions", protocol="rtmp", role="publisher") == 1
    for node, protocol in (("rtmp1", "rtmp"), ("http0", "http-flv"), ("http1", "http-flv")):
        until(lambda: cluster[node].metrics().sum("millrace_sessions", protocol=protocol, role="viewer") == 1,
              5, f"one viewer on {node}")
        assert cluster[node].metrics().sum("millrace_sessions_total", protocol=protocol) >= 1


def test_ends_have_reasons(cluster, busy, tools):
    viewers = tools.viewers(cluster.rtmp("m/cam", 1), cluster.flv("m/cam", 1)).wait_playing()
    before = {n: cluster[n].metrics().sum("millrace_session_ends_total") for n in ("rtmp1", "http1")}
    viewers.stop()
    for node, then in before.items():
        until(lambda: cluster[node].metrics().sum("millrace_session_ends_total") == then + 1, 5,
              f"the end of a session on {node} is counted")
        for labels, _ in cluster[node].metrics().rows("millrace_session_ends_total"):
            assert labels["reason"] and labels["protocol"] and labels["role"], labels


def test_media_in_and_out(cluster, busy):
    for kind in ("video", "audio"):
        moves(cluster, "rtmp0", "millrace_ingest_frames_total", protocol="rtmp", kind=kind)
        moves(cluster, "rtmp0", "millrace_ingest_bytes_total", protocol="rtmp", kind=kind)
        for node, protocol in (("rtmp1", "rtmp"), ("http0", "http-flv")):
            moves(cluster, node, "millrace_egress_frames_total", protocol=protocol, kind=kind)
            moves(cluster, node, "millrace_egress_bytes_total", protocol=protocol, kind=kind)


def test_delays_per_hop(cluster, busy):
    seen = {hop: cluster.metric("millrace_hop_delay_seconds_count", hop=hop)
            for hop in ("ingest_to_router", "router_to_gateway", "gateway_to_socket")}
    assert all(seen.values()), seen
    for hop in seen:
        total = cluster.metric("millrace_hop_delay_seconds_sum", hop=hop)
        assert 0 <= total / seen[hop] < 1, (hop, total, seen[hop])
    assert cluster["http0"].metrics().sum("millrace_first_frame_seconds_count", protocol="http-flv") >= 1
    assert cluster["rtmp1"].metrics().sum("millrace_first_frame_seconds_count", protocol="rtmp") >= 1


def test_fill_of_what_is_bounded(cluster, busy):
    router = cluster["router"].metrics()
    assert 0 < router.sum("millrace_cache_bytes") < router.sum("millrace_cache_limit_bytes")
    assert router.sum("millrace_streams", state="live") == 1
    for node in GATEWAYS:
        rows = cluster[node].metrics().rows("millrace_queue_limit_bytes")
        for labels, limit in rows:
            fill = cluster[node].metrics().sum("millrace_queue_bytes", **labels)
            assert fill <= limit, (node, labels, fill, limit)
    assert any(cluster[n].metrics().rows("millrace_queue_limit_bytes") for n in GATEWAYS)


def test_bus_and_grpc(cluster, busy):
    moves(cluster, "router", "millrace_bus_messages_total")
    moves(cluster, "http0", "millrace_bus_messages_total")
    for node in GATEWAYS:
        assert cluster[node].metrics().sum("millrace_bus_sequence_gaps_total") == 0
        assert cluster[node].metrics().rows("millrace_bus_reconnects_total") is not None
    cluster.admin.nodes()
    rows = cluster["control-plane"].metrics().rows("millrace_grpc_calls_total")
    assert any(labels["method"].endswith("ListNodes") and labels["code"] == "OK" for labels, _ in rows), rows


def test_series_are_bounded(cluster, busy, tools):
    """Neither stream names nor addresses become labels unless they are asked for."""
    for node in cluster.nodes.values():
        for name, labels, _ in node.metrics().samples:
            assert "m/cam" not in labels.values() and "stream" not in labels, (node.name, name, labels)


def test_http_sd_lists_every_process(cluster):
    groups = json.loads(request(cluster.http_port, "/sd/prometheus").body)
    targets = {target.rpartition(":")[2] for group in groups for target in group["targets"]}
    assert targets >= {str(node.metrics_port) for node in cluster.nodes.values()}, (groups, targets)


def test_prometheus_scrapes_all(cluster, busy, tmp_path):
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed")
    port = free_port()
    config = tmp_path / "prometheus.yml"
    config.write_text(f"""
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: millrace
    http_sd_configs:
      - url: http://127.0.0.1:{cluster.http_port}/sd/prometheus
        refresh_interval: 1s
""")
    server = Process("prometheus", ["prometheus", f"--config.file={config}",
                                    f"--storage.tsdb.path={tmp_path}/data",
                                    f"--web.listen-address=127.0.0.1:{port}"], tmp_path)
    server.start()

    def up():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/targets", timeout=5) as answer:
                active = json.load(answer)["data"]["activeTargets"]
        except OSError:
            return False
        return len(active) >= len(cluster.nodes) and all(t["health"] == "up" for t in active)

    try:
        until(up, 40, lambda: "every target is up\n" + server.log()[-3000:])
    finally:
        server.terminate()


def test_per_stream_series_are_capped(make_cluster, tools):
    small = make_cluster("metrics:\n  per_stream: true\n  per_stream_limit: 2\n", rtmp=1, http=1)
    source = tools.source(small.rtmp("m/s"), streams=4).wait_publishing()

    def series():
        rows = [labels for n in small.nodes.values()
                for labels, _ in n.metrics().rows("millrace_stream_bytes_total")]
        return {labels["stream"] for labels in rows}

    until(lambda: len(series()) == 2, 15, lambda: f"two series: {series()}")
    until(lambda: small.metric("millrace_stream_series_overflow_total") > 0, 10, "the others are counted")
    source.stop()
