"""IP cameras are pulled over RTSP: each device's quirks, and a stream that is clean at the viewer all the same."""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from harness.admin import admin_pb, node_pb
from harness.cameras import PROFILES, Camera, RecordingShelf, Relay, match
from harness.flv import FlvStream
from harness.media import run
from harness.waiting import until

TRANSPORTS = {"tcp": "PULL_TCP", "udp": "PULL_UDP", "udp_then_tcp": "PULL_UDP_THEN_TCP"}
PICTURES = 110  # that a viewer waits for


@dataclass(frozen=True)
class Run:
    """A camera that is pulled, and what its viewer may say of it."""

    profile: str
    transport: str = "tcp"
    over: str = ""  # what the media must come by in the end
    pictures: int = PICTURES
    offset_ms: float = 100  # between sound and picture
    spread_ms: float = 60  # of times against the file's; None: they are repaired
    gaps: bool = False  # whether units may be missing
    settings: tuple = field(default=())

    @property
    def name(self):
        return f"{self.profile}-{self.transport}"


# By arrival alone, on a busy machine.
LOOSE = {"offset_ms": 250, "spread_ms": 150}
SPECIAL = {
    "hikvision": {"transport": "udp_then_tcp", "over": "tcp"},
    "hikvision_smart": {"pictures": 330, **LOOSE},
    "dahua": {"pictures": 200, "spread_ms": None, "offset_ms": 250},
    "intelbras": LOOSE,
    "openipc": {"transport": "udp", "over": "udp", **LOOSE},
    "udp_refused": {"transport": "udp_then_tcp", "over": "tcp"},
    "udp_only": {"transport": "udp_then_tcp", "over": "udp"},
    "sleepy": {"pictures": 250},
    "sleepy_options": {"pictures": 250},
    "bosch": {"pictures": 200},
    "new_ssrc": {"pictures": 200, "gaps": True, **LOOSE},
    "bye": {"pictures": 150, "gaps": True, "spread_ms": None, "offset_ms": 250},
    "b_frames": {"offset_ms": 150},
}
RUNS = [Run(name, **SPECIAL.get(name, {})) for name in PROFILES if name != "vp8_only"]
RUNS += [Run(name, "udp", "udp", **{k: v for k, v in SPECIAL.get(name, {}).items() if k not in ("transport", "over")})
         for name in ("plain", "b_frames", "reolink", "tapo", "wraps", "flir")]


@pytest.fixture(scope="module")
def cluster(make_cluster):
    return make_cluster("defaults:\n  wait_timeout: 40s\n", rtmp=0, http=1, rtsp=1)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    return RecordingShelf(tmp_path_factory.mktemp("recordings"))


@pytest.fixture
def cameras(shelf):
    """cameras(profile, argument…): a camera, gone at the test's end."""
    made = []

    def make(name, *arguments):
        made.append(start_camera(shelf, name, *arguments))
        return made[-1]

    yield make
    for camera in made:
        camera.kill()


def start_camera(shelf, name, *arguments):
    path, _ = shelf.get(name)
    return Camera("--profile", name, *(("--file", path) if path else ()), *arguments)


def add_pull(cluster, stream, url, transport="tcp", **options):
    pull = node_pb.Pull(stream=stream, url=url, transport=node_pb.PullTransport.Value(TRANSPORTS[transport]), **options)
    return cluster.admin.call("AddPull", admin_pb.AddPullRequest(pull=pull))


def get_pull(cluster, stream):
    return cluster.admin.call("GetPull", admin_pb.GetPullRequest(stream=stream))


def remove_pull(cluster, stream):
    cluster.admin.call("RemovePull", admin_pb.RemovePullRequest(stream=stream))


def watch(cluster, stream, pictures=PICTURES):
    viewer = FlvStream(cluster["http0"].port, f"/{stream}.flv", timeout=45)
    try:
        return viewer.read_until(lambda v: len(v.video.units) >= pictures, 45)
    finally:
        viewer.close()


# --- each device ---

@pytest.fixture(scope="module")
def seen(cluster, shelf):
    """What a viewer has of each run: {name: (FlvStream, Recording, events of the camera) or an exception}."""

    def pull(one):
        stream = f"cameras/{one.name}"
        camera = start_camera(shelf, one.profile, *one.settings)
        try:
            add_pull(cluster, stream, camera.url, one.transport)
            flv = watch(cluster, stream, one.pictures)
            remove_pull(cluster, stream)
            return flv, shelf.get(one.profile)[1], list(camera.events)
        except (AssertionError, OSError, EOFError) as error:
            return AssertionError(f"{error!r}; {get_pull(cluster, stream)}; camera: {camera.events[-6:]}")
        finally:
            camera.kill()

    with ThreadPoolExecutor(6) as pool:
        return dict(zip([one.name for one in RUNS], pool.map(pull, RUNS)))


@pytest.mark.parametrize("one", RUNS, ids=lambda one: one.name)
def test_a_camera_is_seen_as_it_is(seen, one, tmp_path):
    result = seen[one.name]
    if isinstance(result, Exception):
        raise result
    stream, recording, events = result
    if one.over:
        assert [e["over"] for e in events if e["event"] == "playing"][-1] == one.over
    profile = PROFILES[one.profile]
    found = match(stream, recording)
    assert set(found) == ({"video", "audio"} if profile.audio != "none" else {"video"})
    for kind, units in found.items():
        assert units.unknown == 0, f"{units.unknown} {kind} units are not the camera's"
        assert one.gaps or units.gaps() == 0, f"{kind}: {units.gaps()} units are missing"
        if one.spread_ms is not None:
            drifts = units.drifts()
            assert max(drifts) - min(drifts) <= one.spread_ms, (kind, min(drifts), max(drifts))
    for track in (stream.video, stream.audio):
        for before, after in zip(track.units, track.units[1:]):
            assert after.time_ms >= before.time_ms, f"time goes back from {before.time_ms} to {after.time_ms}"
    if "audio" in found:
        offset = statistics.median(found["video"].drifts()) - statistics.median(found["audio"].drifts())
        assert abs(offset) <= one.offset_ms, f"the picture is {offset:.0f} ms behind the sound"
    assert_decodes(stream, tmp_path)


def assert_decodes(stream, folder):
    """Every picture and every sound decodes without a complaint."""
    pictures = folder / ("pictures." + stream.video.codec)
    pictures.write_bytes(stream.annexb())
    form = {"h264": "h264", "h265": "hevc"}[stream.video.codec]
    result = run("ffmpeg", "-v", "error", "-nostdin", "-f", form, "-i", pictures, "-f", "null", "-")
    assert result.stderr == "", result.stderr[-1000:]
    if stream.audio.units and stream.video.codec == "h264":  # Debian's ffmpeg does not know HEVC in FLV
        whole = folder / "whole.flv"
        whole.write_bytes(stream.raw)
        result = run("ffmpeg", "-v", "error", "-nostdin", "-i", whole, "-map", "0:a", "-f", "null", "-")
        assert result.stderr == "", result.stderr[-1000:]


# --- what goes wrong, and is said ---

@pytest.mark.parametrize("profile,change,reason", [
    ("hikvision", lambda url: url.replace("hik12345%2B", "hik54321"), "401: wrong user or password"),
    ("tapo", lambda url: url.replace("cam%40home:p%40ss%3Aw%25rd%2F%23%3F@", ""), "401: the server wants a user"),
    ("plain", lambda url: url + "x", "404 Stream Not Found"),
    ("vp8_only", lambda url: url, "no video or audio track that is supported; there is: video unknown_format"),
])
def test_the_reason_of_a_failure_is_shown_without_secrets(cluster, cameras, profile, change, reason):
    camera = cameras(profile)
    stream = f"wrong/{profile}"
    add_pull(cluster, stream, change(camera.url))
    row = until(lambda: next((p for p in cluster.admin.cli_json("pull", "list")["pulls"]
                              if p["stream"] == stream and reason in p.get("status", {}).get("reason", "")), None),
                20, lambda: f"{reason}: {get_pull(cluster, stream)}")
    text = str(row) + cluster["rtsp0"].process.log() + cluster["control-plane"].process.log()
    for secret in ("hik12345", "hik54321", "p@ss:w%rd", "p%40ss"):
        assert secret not in text
    remove_pull(cluster, stream)


def test_a_camera_that_is_away_is_tried_until_it_is_there(cluster, cameras):
    camera = cameras("plain")
    stream = "away/cam"
    add_pull(cluster, stream, camera.url)
    watch(cluster, stream, 10)
    camera.command("quit")
    camera.wait_end()
    until(lambda: "Connection refused" in get_pull(cluster, stream).status.reason, 20, "the pull says why it waits")
    port = camera.url.rpartition(":")[2].partition("/")[0]
    cameras("plain", "--port", port)
    until(lambda: get_pull(cluster, stream).status.state == node_pb.RELAY_RUNNING, 30, "the pull runs again")
    watch(cluster, stream, 10)
    remove_pull(cluster, stream)


def test_on_demand(cluster, cameras):
    camera = cameras("hikvision")
    stream = "demand/cam"
    add_pull(cluster, stream, camera.url, on_demand=True, idle_timeout_ms=500)
    until(lambda: get_pull(cluster, stream).status.state == node_pb.RELAY_WAITING, 10, "it waits")
    assert not camera.asked("PLAY")
    watch(cluster, stream, 30)
    assert camera.asked("PLAY")
    camera.wait_event("disconnected", 20)
    until(lambda: get_pull(cluster, stream).status.state == node_pb.RELAY_WAITING, 10, "it waits again")
    watch(cluster, stream, 30)
    remove_pull(cluster, stream)


def test_removing_a_pull_says_goodbye(cluster, cameras):
    camera = cameras("tapo")
    add_pull(cluster, "bye/cam", camera.url)
    watch(cluster, "bye/cam", 10)
    assert len(camera.asked("PLAY")) == 1
    remove_pull(cluster, "bye/cam")
    until(lambda: camera.asked("TEARDOWN"), 10, "the camera is told")
    until(lambda: "bye/cam" not in cluster.admin.streams("bye/"), 10, "the stream is gone")


def test_a_pull_is_kept_alive_and_reported_on(cluster, cameras):
    camera = cameras("sleepy")
    add_pull(cluster, "alive/cam", camera.url)
    watch(cluster, "alive/cam", 10)
    until(lambda: len(camera.asked("GET_PARAMETER")) >= 2, 20, "keep-alives")
    until(lambda: any(s["receiver_reports"] for s in camera.counters()["sessions"]), 20, "receiver reports")
    assert not [e for e in camera.events if e["event"] == "timed_out"]
    remove_pull(cluster, "alive/cam")


# --- losses ---

LOSSES = {
    "0.1%": ("--loss", "0.001"),
    "1%": ("--loss", "0.01", "--duplicate", "0.01"),
    "5%": ("--loss", "0.05"),
    "bursts": ("--burst", "0.002", "--burst-length", "12"),
    "reorder": ("--reorder", "50", "--reorder-rate", "0.01", "--duplicate", "0.01"),
}


@pytest.fixture(scope="module")
def lossy(make_lossy_cluster, shelf):
    """What a viewer has of each camera behind a bad network: {name: FlvStream}. All losses are counted by one gateway."""
    cluster = make_lossy_cluster

    def counted():
        return cluster.metric("millrace_rtp_lost_packets_total")

    def begin(name):
        """Small packets, so that there are many; the network is bad from the second key frame on."""
        camera = start_camera(shelf, "video_only", "--set", "mtu=150", "--grace", "800", *LOSSES[name])
        stream = "lossy/" + name.strip("%").replace(".", "-")
        add_pull(cluster, stream, camera.url, "udp")
        return camera, stream, FlvStream(cluster["http0"].port, f"/{stream}.flv", timeout=45), time.monotonic()

    before = counted()
    begun = {name: begin(name) for name in LOSSES}
    try:
        lost = {}
        for name, (camera, _, _, _) in begun.items():
            until(lambda camera=camera: camera.counters()["udp"]["packets"] >= 4000, 60, "the network has had its chance")
            lost[name] = camera.calm()["udp"]["lost"]
        assert all(lost[name] > 0 for name in LOSSES if name != "reorder"), lost
        total = sum(lost.values())
        until(lambda: counted() - before >= total, 10, lambda: f"{lost} packets are counted: {counted() - before}")
        for _, _, viewer, began in begun.values():
            until_ms = 1000 * (time.monotonic() - began) + 3000  # behind the next key frame
            viewer.read_until(lambda v, until_ms=until_ms: v.video.units and v.video.units[-1].time_ms > until_ms)
            viewer.close()
        assert counted() - before == total
        return {name: viewer for name, (_, _, viewer, _) in begun.items()}
    finally:
        for camera, stream, _, _ in begun.values():
            remove_pull(cluster, stream)
            camera.kill()


@pytest.mark.parametrize("name", LOSSES)
def test_what_is_lost_is_counted_and_never_seen(lossy, shelf, tmp_path, name):
    found = match(lossy[name], shelf.get("video_only")[1])["video"]
    assert found.unknown == 0, "a damaged picture was shown"
    assert found.gaps() == 0 if name == "reorder" else found.gaps() > 0
    assert_decodes(lossy[name], tmp_path)


@pytest.fixture(scope="module")
def make_lossy_cluster(make_cluster):
    return make_cluster("defaults:\n  wait_timeout: 40s\n", rtmp=0, http=1, rtsp=1)


def test_a_publisher_over_a_bad_network(make_lossy_cluster, children, shelf, tmp_path):
    cluster = make_lossy_cluster
    path, recording = shelf.get("video_only")
    relay = Relay(cluster["rtsp0"].port, "--loss", "0.01", "--duplicate", "0.01")
    lost_before = cluster.metric("millrace_rtp_lost_packets_total")
    children("ffmpeg", "-v", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i", path, "-c", "copy", "-pkt_size", "250",
             "-f", "rtsp", "-rtsp_transport", "udp", f"rtsp://127.0.0.1:{relay.port}/lossy/push")
    viewer = FlvStream(cluster["http0"].port, "/lossy/push.flv", timeout=45)
    until(lambda: relay.ask("counters")["packets"] >= 1500, 40, "the network has had its chance")
    lost = relay.ask("calm")["lost"]
    assert lost > 0
    until(lambda: cluster.metric("millrace_rtp_lost_packets_total") - lost_before >= lost, 10, "losses are counted")
    viewer.read_until(lambda v: len(v.video.units) >= 150)
    viewer.close()
    relay.kill()
    assert cluster.metric("millrace_rtp_lost_packets_total") - lost_before == lost
    assert match(viewer, recording)["video"].unknown == 0
    assert_decodes(viewer, tmp_path)
