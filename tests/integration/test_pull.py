"""Streams fetched from another server and sent there: the origin is a cluster of its own."""

import time

import pytest

from harness.cluster import sanitized
from harness.media import assert_same_packets, packets_of, read_framemd5, run
from harness.waiting import until

FFMPEG = ["ffmpeg", "-hide_banner", "-loglevel", "warning", "-nostdin", "-y"]
SETTINGS = """
defaults: {wait_timeout: 60s}
streams: {"**/short": {grace: 1s}}
"""


@pytest.fixture(scope="module")
def cluster(make_cluster):
    return make_cluster(SETTINGS, rtsp=1)


@pytest.fixture(scope="module")
def origin(make_cluster, tmp_path_factory):
    folder = tmp_path_factory.mktemp("origin-tls")
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
        "1", "-subj", "/CN=origin", "-out", folder / "c.pem", "-keyout", folder / "k.pem")
    return make_cluster(SETTINGS + f"tls: {{certificate: {folder}/c.pem, key: {folder}/k.pem}}\n", rtmp=1, http=1, rtsp=1)


@pytest.fixture
def relays(cluster):
    """relays.pull(name, url, …), relays.push(stream, url, …): gone at the test's end."""

    class Relays:
        made = []

        def _add(self, noun, name, *arguments):
            added = cluster.admin.cli_json(noun, "add", name, *arguments)
            self.made.append((noun, added.get("name") or name))
            return added

        def pull(self, stream, url, *options):
            return self._add("pull", stream, url, *options)

        def push(self, stream, url, *options):
            return self._add("push", stream, url, *options)

        @staticmethod
        def status(noun, name):
            return cluster.admin.cli_json(noun, "get", name)["status"]

        def await_state(self, noun, name, state, timeout=20):
            until(lambda: self.status(noun, name)["state"] == state, timeout,
                  lambda: f"{noun} {name} is {state}: {self.status(noun, name)}")
            return self.status(noun, name)

    relays = Relays()
    relays.made = []
    yield relays
    for noun, name in relays.made:
        cluster.admin.cli(noun, "remove", name, check=False)


def read_back(children, url, path):
    return children(*FFMPEG, "-copyts", "-rw_timeout", "60000000", "-i", url, "-map", "0", "-c", "copy",
                    "-f", "framemd5", path)


def publish(children, recording, url):
    return children(*FFMPEG, "-re", "-i", recording, "-c", "copy", "-f", "flv", url)


def finish(child, timeout=60):
    _, errors = child.communicate(timeout=timeout)
    assert child.returncode == 0, errors


def test_every_packet_comes_through(cluster, origin, relays, children, recordings, tmp_path):
    """The pull and two viewers wait for the origin's publisher; each packet arrives, untouched."""
    readers = {label: read_back(children, url, tmp_path / f"{label}.md5")
               for label, url in (("rtmp", cluster.rtmp("pulled/short", 1)),
                                  ("flv", cluster.flv("pulled/short", 0)))}
    relays.pull("pulled/short", origin.rtmp("live/a"))
    until(lambda: [s for s in origin.admin.sessions(stream="live/a")], 20, "the pull waits at the origin")
    finish(publish(children, recordings["av"], origin.rtmp("live/a")))
    source = packets_of(recordings["av"], tmp_path / "source.md5")
    for label, reader in readers.items():
        finish(reader)
        assert_same_packets(source, read_framemd5(tmp_path / f"{label}.md5"))


def test_a_pull_is_a_publisher(cluster, origin, relays, tools):
    """It is listed with the far end's address, and says how it is doing."""
    tools.source(origin.rtmp("live/p")).wait_publishing()
    relays.pull("pulled/p", origin.rtmp("live/p"))
    status = relays.await_state("pull", "pulled/p", "RELAY_RUNNING")
    session = until(lambda: cluster.admin.sessions(stream="pulled/p"), 10, "its session is listed")[0]
    assert (session.role, session.protocol) == (1, "rtmp-pull")
    assert session.address == f"127.0.0.1:{origin['rtmp0'].port}"
    assert (session.id, session.node) == (status["session"], status["node"])
    tools.viewers(cluster.rtmp("pulled/p", 0), cluster.flv("pulled/p", 1)).wait_playing().wait_frames(50)
    assert cluster.metric("millrace_pulls", state="running") == 1
    assert "running" in cluster.admin.cli("pull", "list").stdout
    # Taken away, it ends its stream at once.
    cluster.admin.cli("pull", "remove", "pulled/p")
    until(lambda: "pulled/p" not in cluster.admin.streams("pulled/p")
          or cluster.admin.streams("pulled/p")["pulled/p"].state != 1, 10, "the stream is over")
    assert cluster.admin.cli("pull", "remove", "pulled/p", check=False).returncode == 3


def test_on_demand(cluster, origin, relays, tools):
    tools.source(origin.rtmp("live/d")).wait_publishing()
    relays.pull("pulled/d", origin.rtmp("live/d"), "--on-demand", "--idle-timeout", "2s")
    assert relays.status("pull", "pulled/d")["state"] == "RELAY_WAITING"
    assert not origin.admin.sessions(stream="live/d", role=2)
    start = time.monotonic()
    viewers = tools.viewers(cluster.flv("pulled/d", 0)).wait_playing()
    taken = time.monotonic() - start
    assert taken < (10 if sanitized() else 2), f"{taken:.2f} s from the request to the picture"
    viewers.wait_frames(100)  # as long as somebody looks
    viewers.stop()
    relays.await_state("pull", "pulled/d", "RELAY_WAITING", 10)
    until(lambda: not origin.admin.sessions(stream="live/d", role=2), 10, "nobody plays at the origin")


def test_the_origin_restarts(cluster, origin, relays, tools):
    """Within grace the viewers stay, and the pull comes back by itself."""
    tools.source(origin.rtmp("live/r")).wait_publishing()
    relays.pull("pulled/r", origin.rtmp("live/r"))
    viewers = tools.viewers(cluster.rtmp("pulled/r", 0), cluster.flv("pulled/r", 1)).wait_playing()
    viewers.wait_frames(50)
    origin["rtmp0"].process.kill()
    status = relays.await_state("pull", "pulled/r", "RELAY_BACKING_OFF")
    assert status["reason"]
    origin["rtmp0"].restart()
    tools.source(origin.rtmp("live/r")).wait_publishing()
    relays.await_state("pull", "pulled/r", "RELAY_RUNNING")
    viewers.wait_frames(50)
    viewers.stop()


def test_another_node_takes_over(cluster, origin, relays, tools):
    tools.source(origin.rtmp("live/o")).wait_publishing()
    relays.pull("pulled/o", origin.rtmp("live/o"))
    owner = relays.await_state("pull", "pulled/o", "RELAY_RUNNING")["node"]
    viewers = tools.viewers(cluster.flv("pulled/o", 0), cluster.flv("pulled/o", 1)).wait_playing()
    viewers.wait_frames(50)
    cluster[owner].process.kill()
    until(lambda: relays.status("pull", "pulled/o")["node"] not in ("", owner), 15, "another node has it")
    other = relays.await_state("pull", "pulled/o", "RELAY_RUNNING")["node"]
    viewers.wait_frames(50)
    # And it is given up by a node that drains.
    cluster[owner].restart()
    until(lambda: [n for n in cluster.admin.nodes() if n.registration.node == owner and n.ready], 15,
          "the first one is back")
    assert cluster[other].process.terminate() == 0
    until(lambda: relays.status("pull", "pulled/o")["node"] == owner, 15, "it has gone back")
    relays.await_state("pull", "pulled/o", "RELAY_RUNNING")
    viewers.wait_frames(50)
    cluster[other].restart()
    viewers.stop()


def test_the_control_plane_restarts(cluster, origin, relays, tools):
    """What runs goes on, in the same session, and what is desired is still desired."""
    tools.source(origin.rtmp("live/c")).wait_publishing()
    relays.pull("pulled/c", origin.rtmp("live/c"))
    before = relays.await_state("pull", "pulled/c", "RELAY_RUNNING")
    viewers = tools.viewers(cluster.rtmp("pulled/c", 0), cluster.flv("pulled/c", 1)).wait_playing()
    cluster["control-plane"].process.kill()
    viewers.wait_frames(75)
    cluster["control-plane"].restart()
    after = relays.await_state("pull", "pulled/c", "RELAY_RUNNING")
    assert (after["session"], after["node"]) == (before["session"], before["node"])
    viewers.wait_frames(75)
    assert relays.status("pull", "pulled/c")["session"] == before["session"]
    viewers.stop()


def test_a_kick_with_a_ban_keeps_it_away(cluster, origin, relays, tools):
    tools.source(origin.rtmp("live/k")).wait_publishing()
    relays.pull("pulled/k", origin.rtmp("live/k"))
    relays.await_state("pull", "pulled/k", "RELAY_RUNNING")
    cluster.admin.cli("streams", "kick", "pulled/k", "--reason", "not now", "--ban", "10m")
    status = relays.await_state("pull", "pulled/k", "RELAY_BACKING_OFF")
    assert "not now" in status["reason"]
    assert not cluster.admin.sessions(stream="pulled/k")
    cluster.admin.cli("bans", "remove", "stream", "pulled/k")
    relays.await_state("pull", "pulled/k", "RELAY_RUNNING")


@pytest.mark.parametrize("scheme", ["rtmps", "rtsps"])
def test_certificates_are_looked_at(cluster, origin, relays, tools, scheme):
    stream = f"pulled/{scheme}"
    url = getattr(origin, scheme)("live/" + scheme)
    tools.source(origin.rtmp("live/" + scheme)).wait_publishing()
    relays.pull(stream, url)
    status = relays.await_state("pull", stream, "RELAY_BACKING_OFF")
    assert "certificate" in status["reason"], status
    relays.pull(stream, url, "--insecure", "--replace")
    relays.await_state("pull", stream, "RELAY_RUNNING")
    tools.viewers(cluster.flv(stream)).wait_playing().wait_frames(50)


def test_secrets_are_told_to_nobody(cluster, origin, relays, tools):
    """Passwords, tokens and stream keys are in the store and on the wire, and nowhere else."""
    secrets = ["s3cret-pass", "s3cret-token", "s3cret-key"]
    at = f"127.0.0.1:{origin['rtmp0'].port}"
    tools.source(origin.rtmp("live/s")).wait_publishing()
    relays.pull("pulled/s", f"rtmp://joe:{secrets[0]}@{at}/live/s?token={secrets[1]}")
    relays.pull("pulled/gone", f"rtmp://joe:{secrets[0]}@127.0.0.1:1/live/s?token={secrets[1]}")
    relays.push("pulled/s", f"rtmp://joe:{secrets[0]}@{at}/live/{secrets[2]}?token={secrets[1]}")
    relays.await_state("pull", "pulled/s", "RELAY_RUNNING")
    relays.await_state("pull", "pulled/gone", "RELAY_BACKING_OFF")
    relays.await_state("push", "pulled/s", "RELAY_RUNNING")
    said = [cluster.admin.cli(noun, *words, *options).stdout for noun in ("pull", "push")
            for words in (["get", "pulled/s"], ["list"]) for options in ([], ["--json"])]
    said += [cluster.admin.cli("sessions", "list", "--json").stdout,
             cluster.admin.cli("streams", "list", "--json").stdout]
    refused = cluster.admin.cli("pull", "add", "pulled/s", f"rtmp://joe:{secrets[0]}@other/a/b", check=False)
    assert refused.returncode == 1 and "--replace" in refused.stderr
    said.append(refused.stdout + refused.stderr)
    said += [node.process.log() for node in cluster.nodes.values()]
    said += [str(node.metrics().samples) for node in cluster.nodes.values()]
    for text in said:
        for secret in secrets:
            assert secret not in text, text[max(0, text.index(secret) - 200):][:400]
    shown = cluster.admin.cli_json("push", "get", "pulled/s")["url"]
    assert shown == f"rtmp://***@{at}/live/***?token=***"


def test_push(cluster, origin, relays, tools, children, recordings, tmp_path):
    """Whenever the stream is live it plays over there, every packet."""
    relays.push("show/short", origin.rtmp("live/key-1"))
    assert relays.status("push", "show/short")["state"] == "RELAY_WAITING"
    reader = read_back(children, origin.flv("live/key-1"), tmp_path / "seen.md5")
    publisher = publish(children, recordings["av"], cluster.rtmp("show/short"))
    status = relays.await_state("push", "show/short", "RELAY_RUNNING")
    sessions = {s.protocol: s for s in cluster.admin.sessions(stream="show/short")}
    assert sessions["rtmp-push"].id == status["session"]
    assert sessions["rtmp-push"].address == f"127.0.0.1:{origin['rtmp0'].port}"
    finish(publisher)
    finish(reader)
    assert_same_packets(packets_of(recordings["av"], tmp_path / "source.md5"),
                        read_framemd5(tmp_path / "seen.md5"), whole=False)
    relays.await_state("push", "show/short", "RELAY_WAITING")


def test_a_push_outlives_its_publishers_connection(cluster, origin, relays, tools):
    relays.push("show/b", origin.rtmp("live/key-2"), "--name", "second")
    source = tools.source(cluster.rtmp("show/b", 0)).wait_publishing()
    first = relays.await_state("push", "second", "RELAY_RUNNING")
    viewers = tools.viewers(origin.rtmp("live/key-2"), origin.flv("live/key-2")).wait_playing()
    viewers.wait_frames(50)
    source.cut()
    tools.source(cluster.rtmp("show/b", 1)).wait_publishing()
    viewers.wait_frames(50)
    assert relays.status("push", "second")["session"] == first["session"]
    viewers.stop()
