"""What operators and programs see and do: gRPC, the command line, kicks and bans."""

import json
import re
import threading
import time

import grpc
import pytest

from harness.admin import admin_pb, config_pb, node_pb
from harness.verdict import assert_flawless
from harness.waiting import until


@pytest.fixture
def live(cluster, tools, request):
    """A stream of the test's own with a viewer on each protocol: (name, source, viewers)."""
    name = "a/" + "".join(c if c.isalnum() else "-" for c in request.node.name)
    source = tools.source(cluster.rtmp(name), profile="bench", run=1).wait_publishing()
    viewers = tools.viewers(cluster.rtmp(name, 1), cluster.flv(name, 1)).wait_playing()
    until(lambda: len(cluster.admin.sessions(stream=name)) == 3, 10, "its sessions are listed")
    return name, source, viewers


def code_of(call):
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.code()


def test_list_and_get_streams(cluster, live):
    name, _, _ = live
    until(lambda: cluster.admin.streams(name)[name].viewers == 2, 10, "both viewers are counted")
    until(lambda: cluster.admin.streams(name)[name].frames_in > 100, 10, "frames are counted")
    stream = cluster.admin.call("GetStream", admin_pb.GetStreamRequest(name=name))
    assert stream.state == node_pb.STREAM_LIVE
    assert stream.publisher_node == "rtmp0"
    assert stream.epoch > 1_600_000_000_000
    assert abs(stream.started_unix_ms - time.time() * 1000) < 60_000
    tracks = {t.kind: t for t in stream.tracks}
    assert (tracks["video"].width, tracks["video"].height) == (1280, 720)
    assert tracks["video"].codec_string == "avc1.64001f", tracks["video"]
    assert tracks["audio"].codec_string == "mp4a.40.2", tracks["audio"]
    assert (tracks["audio"].sample_rate, tracks["audio"].channels) == (44100, 2)
    assert list(stream.advice) == []
    until(lambda: cluster.admin.streams(name)[name].key_frame_interval_ms == 2000, 10,
          lambda: f"the GOP's length is known: {cluster.admin.streams(name)[name].key_frame_interval_ms}")
    until(lambda: 1e6 < cluster.admin.streams(name)[name].bitrate_bps < 4e6, 15,
          lambda: f"the bit rate is about 2 Mbit/s: {cluster.admin.streams(name)[name].bitrate_bps}")
    assert code_of(lambda: cluster.admin.call("GetStream", admin_pb.GetStreamRequest(name="a/none"))) \
        == grpc.StatusCode.NOT_FOUND


def test_sessions(cluster, live):
    name, _, _ = live
    sessions = {s.protocol + str(s.role): s for s in cluster.admin.sessions(stream=name)}
    assert set(sessions) == {"rtmp1", "rtmp2", "http-flv2"}
    publisher = sessions["rtmp1"]
    until(lambda: cluster.admin.call("GetSession", admin_pb.GetSessionRequest(id=publisher.id)).bytes_in
          > 100_000, 10, "bytes of the publisher are counted")
    assert publisher.address.startswith("127.0.0.1:")
    assert publisher.node == "rtmp0"
    assert sessions["http-flv2"].user_agent == "millrace-live"
    assert len(cluster.admin.sessions(stream=name, role=node_pb.ROLE_VIEWER)) == 2
    assert len(cluster.admin.sessions(stream=name, node="http1")) == 1
    assert code_of(lambda: cluster.admin.call("GetSession", admin_pb.GetSessionRequest(id="none"))) \
        == grpc.StatusCode.NOT_FOUND


def test_pages(cluster, tools):
    source = tools.source(cluster.rtmp("page/s"), streams=5).wait_publishing()
    until(lambda: len(cluster.admin.streams("page/")) == 5, 10, "five streams")
    names, token = [], ""
    while True:
        page = cluster.admin.call("ListStreams", admin_pb.ListStreamsRequest(
            prefix="page/", page_size=2, page_token=token))
        names += [s.name for s in page.streams]
        token = page.next_page_token
        if not token:
            break
    assert sorted(names) == [f"page/s{i}" for i in range(5)] and len(names) == 5
    bad = admin_pb.ListStreamsRequest(page_token="not a token")
    assert code_of(lambda: cluster.admin.call("ListStreams", bad)) == grpc.StatusCode.INVALID_ARGUMENT
    source.stop()


def test_watch(cluster, tools):
    events = []
    call = cluster.admin.watch("w/")

    def read():
        try:
            for event in call:
                events.append(event)
        except grpc.RpcError:
            pass

    thread = threading.Thread(target=read)
    thread.start()
    E = admin_pb.StreamEvent
    until(lambda: any(e.type == E.SYNCED for e in events), 10, "the watch is in step")
    source = tools.source(cluster.rtmp("w/cam")).wait_publishing()
    until(lambda: any(e.type == E.UP and e.stream.name == "w/cam" for e in events), 5, "it is up")
    source.stop()
    until(lambda: any(e.type == E.DOWN and e.stream.name == "w/cam" for e in events), 5, "it is down")
    call.cancel()
    thread.join()


def test_nodes(cluster):
    nodes = {n.registration.node: n for n in cluster.admin.nodes()}
    assert {"router", "rtmp0", "rtmp1", "http0", "http1"} <= set(nodes)
    assert all(nodes[n].ready for n in ("router", "rtmp0", "http0"))
    assert nodes["rtmp0"].registration.kind == node_pb.NODE_KIND_RTMP_GATEWAY
    rows = cluster.admin.cli_json("nodes", "list")
    assert "rtmp1" in json.dumps(rows)


def test_kick_session(cluster, live):
    """The viewer is told why within a second; the others go on."""
    name, source, viewers = live
    victim = cluster.admin.sessions(stream=name, node="rtmp1")[0]
    since = time.monotonic()
    cluster.admin.cli("sessions", "kick", victim.id, "--reason", "shift is over")
    viewers.wait_event("closed", viewer=0)
    assert time.monotonic() - since < 1.5  # the second, and what starting the program takes
    assert any("shift is over" in s["text"] for s in viewers.snapshot()["viewers"][0]["statuses"])
    viewers.wait_frames(60, viewers=[1])
    until(lambda: len(cluster.admin.sessions(stream=name)) == 2, 10, "the session is gone")
    source.stop()
    assert_flawless(viewers.wait_end())


def test_kick_stream_with_ban(cluster, live, tools):
    """Publisher and viewers go within a second, with the reason, and the publisher cannot just come back."""
    name, source, viewers = live
    since = time.monotonic()
    cluster.admin.call("KickStream", admin_pb.KickStreamRequest(
        name=name, reason="not licensed", ban_ms=60_000))
    source.wait_event("closed")
    end = viewers.wait_end()
    assert time.monotonic() - since < 1.0
    assert any("not licensed" in e.get("description", "") for e in source.events)
    assert any("not licensed" in s["text"] for s in end["viewers"][0]["statuses"]), end["viewers"][0]
    again = tools.source(cluster.rtmp(name, 1))
    refusal = again.wait_event("status", level="error")
    assert "not licensed" in refusal["description"], refusal
    again.wait_end()
    late = tools.viewers(cluster.flv(name)).wait_end()["viewers"][0]
    assert late["status"] == 403, late
    bans = cluster.admin.call("ListBans", admin_pb.ListBansRequest()).bans
    ban = next(b for b in bans if b.value == name)
    assert ban.kind == config_pb.BAN_STREAM
    cluster.admin.call("RemoveBan", admin_pb.RemoveBanRequest(id=ban.id))
    back = tools.source(cluster.rtmp(name, 1)).wait_publishing()
    back.stop()


def test_kick_stream_by_command_line(cluster, live, tools):
    name, source, viewers = live
    kicked = cluster.admin.cli("streams", "kick", name, "--reason", "maintenance", "--ban", "1m")
    assert re.search(r"[1-9]\d* sessions told", kicked.stdout), kicked.stdout
    source.wait_end()
    viewers.wait_end()
    listed = cluster.admin.cli("bans", "list").stdout
    assert name in listed and "maintenance" in listed
    refusal = tools.source(cluster.rtmp(name)).wait_event("status", level="error")
    assert "maintenance" in refusal["description"]
    ban = next(b for b in cluster.admin.call("ListBans", admin_pb.ListBansRequest()).bans
               if b.value == name)
    cluster.admin.cli("bans", "remove", ban.id)
    tools.source(cluster.rtmp(name)).wait_publishing().stop()


def test_ban_by_address(cluster, tools):
    cluster.admin.cli("bans", "add", "address", "127.0.0.77", "--reason", "scraper", "--for", "1m")
    source = tools.source(cluster.rtmp("a/address"), profile="bench").wait_publishing()
    banned = tools.viewers(cluster.flv("a/address"), bind="127.0.0.77").wait_end()["viewers"][0]
    assert banned["status"] == 403, banned
    free = tools.viewers(cluster.flv("a/address"), bind="127.0.0.78").wait_playing()
    source.stop()
    assert_flawless(free.wait_end())


def test_kick_with_a_ban_ends_what_the_address_has_elsewhere(cluster, tools):
    source = tools.source(cluster.rtmp("a/elsewhere"), profile="bench").wait_publishing()
    here = tools.viewers(cluster.flv("a/elsewhere"), bind="127.0.0.79").wait_playing()
    there = tools.viewers(cluster.rtmp("a/elsewhere", 1), bind="127.0.0.79").wait_playing()
    free = tools.viewers(cluster.flv("a/elsewhere"), bind="127.0.0.80").wait_playing()
    victim = until(lambda: next((s for s in cluster.admin.sessions(stream="a/elsewhere")
                                 if s.address.startswith("127.0.0.79") and s.protocol == "http-flv"), None),
                   10, "the viewer is listed")
    cluster.admin.cli("sessions", "kick", victim.id, "--reason", "scraper", "--ban", "1m")
    here.wait_end()
    ended = there.wait_end()["viewers"][0]
    assert any("scraper" in status["text"] for status in ended["statuses"]), ended
    free.wait_frames(60)
    source.stop()
    assert_flawless(free.wait_end())


def test_bans_survive_the_control_plane(cluster, tools):
    ban = cluster.admin.call("AddBan", admin_pb.AddBanRequest(
        kind=config_pb.BAN_STREAM, value="a/banned", reason="kept", duration_ms=120_000))
    cluster["control-plane"].process.kill()
    refusal = tools.source(cluster.rtmp("a/banned")).wait_event("status", level="error")
    assert "kept" in refusal["description"]
    cluster["control-plane"].restart()
    assert ban.id in [b.id for b in cluster.admin.call("ListBans", admin_pb.ListBansRequest()).bans]
    cluster.admin.call("RemoveBan", admin_pb.RemoveBanRequest(id=ban.id))
    assert code_of(lambda: cluster.admin.call("AddBan", admin_pb.AddBanRequest(
        kind=config_pb.BAN_STREAM, value="a/x"))) == grpc.StatusCode.INVALID_ARGUMENT
    until(lambda: len(cluster.admin.nodes()) >= 5, 20, "every node is back")


def test_kicks_of_what_is_not_there(cluster):
    kick = admin_pb.KickStreamRequest(name="a/nothing", reason="x")
    assert code_of(lambda: cluster.admin.call("KickStream", kick)) == grpc.StatusCode.NOT_FOUND
    kick = admin_pb.KickSessionRequest(id="rtmp-0-0", reason="x")
    assert code_of(lambda: cluster.admin.call("KickSession", kick)) == grpc.StatusCode.NOT_FOUND
    failed = cluster.admin.cli("streams", "get", "a/nothing", check=False)
    assert failed.returncode != 0 and "a/nothing" in failed.stderr


def test_command_line_tables_and_json(cluster, live):
    name, _, _ = live
    table = cluster.admin.cli("streams", "list").stdout
    assert name in table and table.splitlines()[0].split()[0].isupper()
    assert name in json.dumps(cluster.admin.cli_json("streams", "list"))
    assert cluster.admin.cli_json("streams", "get", name)["name"] == name
    sessions = cluster.admin.cli("sessions", "list").stdout
    assert "http-flv" in sessions and name in sessions
    session = cluster.admin.sessions(stream=name)[0]
    assert cluster.admin.cli_json("sessions", "get", session.id)["id"] == session.id


def test_server_from_the_environment(cluster):
    import os
    import subprocess
    from harness.places import BIN
    shown = subprocess.run([BIN / "millrace", "nodes", "list"], text=True, capture_output=True, timeout=20,
                           env=dict(os.environ, MILLRACE_SERVER=cluster.admin.address))
    assert shown.returncode == 0 and "rtmp0" in shown.stdout, shown


def test_config_show_and_check(cluster, tmp_path):
    assert "wait_timeout: 10s" in cluster.admin.cli("config", "show").stdout
    good = tmp_path / "good.yaml"
    good.write_text("defaults:\n  flush: 350ms\napplications:\n  live:\n    grace: 5s\n")
    assert cluster.admin.cli("config", "check", str(good)).returncode == 0
    for text, line in (("defaults:\n  flush: 350ms\n  flsh: 1s\n", 3),
                       ("defaults:\n  grace: soon\n", 2),
                       ("router:\n  lease: 3s\nnonsense: 1\n", 3),
                       ("defaults:\n  publish_policy: maybe\n", 2)):
        bad = tmp_path / "bad.yaml"
        bad.write_text(text)
        result = cluster.admin.cli("config", "check", str(bad), check=False)
        assert result.returncode != 0, text
        assert f":{line}" in result.stderr + result.stdout, (text, result)


def test_reflection_and_health(cluster):
    """Bytes by hand, so that no generated code stands between: list_services "*", and Check of ""."""
    def raw(data):
        return data
    reflect = cluster.admin.channel.stream_stream(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        request_serializer=raw, response_deserializer=raw)
    answer = next(iter(reflect(iter([b"\x3a\x01*"]), timeout=10)))
    for service in (b"millrace.v1.AdminService", b"millrace.v1.NodeService", b"grpc.health.v1.Health"):
        assert service in answer, service
    check = cluster.admin.channel.unary_unary("/grpc.health.v1.Health/Check", request_serializer=raw,
                                              response_deserializer=raw)
    assert check(b"", timeout=10) == b"\x08\x01"
