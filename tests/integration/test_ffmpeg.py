"""ffmpeg publishes, ffmpeg plays: every packet arrives, untouched, in order, with its time."""

import pytest

from harness.media import assert_same_packets, decoded_frames, packets_of, read_framemd5, run

QUIET = ["-hide_banner", "-loglevel", "warning", "-nostdin", "-y"]


def read_back(children, url, folder, name):
    """ffmpeg as a viewer: packet hashes into NAME.md5, the packets into NAME.flv."""
    return children("ffmpeg", *QUIET, "-copyts", "-rw_timeout", "20000000", "-i", url,
                    "-map", "0", "-c", "copy", "-f", "framemd5", folder / f"{name}.md5",
                    "-map", "0", "-c", "copy", "-f", "flv", folder / f"{name}.flv")


@pytest.fixture(scope="module")
def played(cluster, recordings, tmp_path_factory):
    """All three recordings, published at once, and read back by a viewer of every gateway, who wait for it."""
    import subprocess
    folder = tmp_path_factory.mktemp("played")
    readers, publishers = {}, []
    started = []

    def start(*argv):
        child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        started.append(child)
        return child

    try:
        for kind in recordings:
            stream = f"ff/{kind}"
            for label, url in (("rtmp0", cluster.rtmp(stream, 0)), ("rtmp1", cluster.rtmp(stream, 1)),
                               ("flv0", cluster.flv(stream, 0)), ("flv1", cluster.flv(stream, 1))):
                readers[kind, label] = read_back(start, url, folder, f"{kind}-{label}")
        from harness.waiting import until
        until(lambda: len(cluster.admin.sessions()) >= len(readers), 20, "every viewer waits")
        for kind, path in recordings.items():
            publishers.append(start("ffmpeg", *QUIET, "-re", "-i", path, "-c", "copy", "-f", "flv",
                                    cluster.rtmp(f"ff/{kind}")))
        for publisher in publishers:
            _, errors = publisher.communicate(timeout=40)
            assert publisher.returncode == 0, errors
        for key, reader in readers.items():
            _, errors = reader.communicate(timeout=20)
            assert reader.returncode == 0, (key, errors)
    finally:
        for child in started:
            if child.poll() is None:
                child.kill()
                child.communicate()
    return folder


@pytest.mark.parametrize("label", ["rtmp0", "rtmp1", "flv0", "flv1"])
@pytest.mark.parametrize("kind", ["av", "audio", "video"])
def test_every_packet_comes_back(played, recordings, tmp_path, kind, label):
    source = packets_of(recordings[kind], tmp_path / "source.md5")
    seen = read_framemd5(played / f"{kind}-{label}.md5")
    assert_same_packets(source, seen)


def test_source_has_b_frames(recordings, tmp_path):
    video = packets_of(recordings["av"], tmp_path / "source.md5")["video"]
    assert any(after.pts_ms < before.pts_ms for before, after in zip(video, video[1:]))


@pytest.mark.parametrize("label", ["rtmp0", "flv1"])
@pytest.mark.parametrize("kind", ["av", "audio", "video"])
def test_it_decodes(played, recordings, kind, label):
    wanted = decoded_frames(recordings[kind])
    assert wanted and all(count > 100 for count in wanted.values())
    assert decoded_frames(played / f"{kind}-{label}.flv") == wanted


def test_timestamps_start_at_zero(played):
    for label in ("rtmp0", "flv0"):
        packets = read_framemd5(played / f"av-{label}.md5")
        assert min(p.dts_ms for track in packets.values() for p in track) == 0


def test_a_late_viewer_starts_at_a_key_frame(cluster, recordings, children, tmp_path):
    """It joins in the middle, gets the current GOP at once, and from there on everything."""
    publisher = children("ffmpeg", *QUIET, "-re", "-i", recordings["av"], "-c", "copy", "-f", "flv",
                         cluster.rtmp("ff/late"))
    from harness.waiting import until
    until(lambda: cluster.admin.streams("ff/late").get("ff/late") is not None
          and cluster.admin.streams("ff/late")["ff/late"].last_sequence > 60, 20,
          "the stream has been going for a while")
    readers = {label: read_back(children, url, tmp_path, label)
               for label, url in (("rtmp", cluster.rtmp("ff/late", 1)),
                                  ("flv", cluster.flv("ff/late", 1)))}
    source = packets_of(recordings["av"], tmp_path / "source.md5")
    for label, reader in readers.items():
        _, errors = reader.communicate(timeout=40)
        assert reader.returncode == 0, errors
        seen = read_framemd5(tmp_path / f"{label}.md5")
        assert_same_packets(source, seen, whole=False)
        first = [p.digest for p in source["video"]].index(seen["video"][0].digest)
        assert first % 50 == 0, f"the first video packet is number {first}"
        assert seen["video"][-1].digest == source["video"][-1].digest
    assert publisher.wait(20) == 0


def test_probe_sees_the_tracks(cluster, tools):
    """ffprobe, which reads a little and goes, is told everything: codec, size, rate."""
    import json
    source = tools.source(cluster.rtmp("ff/probe"), profile="bench").wait_publishing()
    for url in (cluster.rtmp("ff/probe", 1), cluster.flv("ff/probe")):
        found = run("ffprobe", "-v", "fatal", "-show_streams", "-of", "json", url)
        tracks = {t["codec_type"]: t for t in json.loads(found.stdout)["streams"]}
        assert (tracks["video"]["codec_name"], tracks["video"]["width"]) == ("h264", 1280)
        assert (tracks["audio"]["codec_name"], tracks["audio"]["sample_rate"]) == ("aac", "44100")
    source.stop()
