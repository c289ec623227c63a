"""Codecs over RTSP beside those of test_rtsp.py: each is published and comes back, byte by byte."""

import array
import threading
import time

import pytest

from harness.av1_rtp import SEQUENCE_HEADER, Depacketizer, packetize, read_ivf, split_obus
from harness.http import request
from harness.media import packets_of, read_framemd5, run
from harness.places import need
from harness.raw_rtmp import VIDEO, flv_tags
from harness.raw_rtsp import Client, announce, rtp, sdp
from harness.waiting import until

QUIET = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y"]
GST = ["gst-launch-1.0", "-q"]
TCP = ["-rtsp_transport", "tcp"]
CONFIG = """
rtsp: {udp_ports: "off"}
defaults: {track_wait: 100ms}
applications:
  aac: {audio_transcode: aac, track_wait: 2s}
"""
SECONDS = 4
TONE = 440  # Hz


@pytest.fixture(scope="module")
def cluster(make_cluster):
    return make_cluster(CONFIG, rtmp=1, http=1, rtsp=2)


def wait_viewers(cluster, stream, count=1):
    until(lambda: len(cluster.admin.sessions(stream=stream)) >= count, 15, f"{count} viewer(s) wait for {stream}")


def ended(child, timeout=40):
    _, errors = child.communicate(timeout=timeout)
    assert child.returncode == 0, errors


def sent_whole(cluster, children, stream, arrived, *publisher):
    """rtspclientsink does not always end when its sources have: it is over when all has come, frame `arrived` or whatever
    it finds."""
    need("gst-launch-1.0")
    child = children(*GST, *publisher, "!", "rtspclientsink", "protocols=tcp", f"location={cluster.rtsp(stream)}")

    def has_come():
        if callable(arrived):
            return arrived()
        row = cluster.admin.streams(stream).get(stream)
        return row is not None and row.last_sequence >= arrived
    until(lambda: child.poll() is not None or has_come(), 40, "all of it has come")
    cluster.admin.cli("streams", "kick", stream)


def copy(children, url, out, *flags):
    """What ffmpeg plays, packet by packet."""
    flags = flags or ("-map", "0", "-c", "copy", "-f", "framemd5")
    transport = TCP if url.startswith("rtsp") else []
    return children(*QUIET, *transport, "-i", url, *flags, out)


def publish(children, file, url):
    form = ["-f", "flv"] if url.startswith("rtmp") else [*TCP, "-f", "rtsp"]
    return children(*QUIET, "-re", "-i", file, "-c", "copy", *form, url)


def heard(path):
    """The frequency of a tone, by how often it goes through zero, and how loud it is; of the second before the last."""
    pcm = run(*QUIET, "-i", path, "-map", "0:a", "-ac", "1", "-ar", "8000", "-f", "s16le", path.with_suffix(".s16le"))
    assert pcm.stderr == "", "it decodes without a complaint"
    samples = array.array("h", path.with_suffix(".s16le").read_bytes())[-16_000:-8_000]
    crossings = sum((a < 0) != (b < 0) for a, b in zip(samples, samples[1:]))
    return crossings / 2, max(samples)


def advice_on(cluster, stream, codec):
    def known():
        row = cluster.admin.streams(stream).get(stream)
        return row is not None and codec in [track.codec for track in row.tracks]
    until(known, 20, f"{stream} has {codec}")
    return cluster.admin.cli_json("streams", "get", stream)["advice"]


# ---- MPEG audio, RFC 2250 ----


@pytest.fixture(scope="module")
def mp3(tmp_path_factory):
    """Frames of 418 bytes (several go into a packet) and of 960 (one does)."""
    folder = tmp_path_factory.mktemp("mp3")
    for name, *encoder in (("small", "-ar", "44100", "-b:a", "128k"), ("large", "-ar", "48000", "-b:a", "320k")):
        run(*QUIET, "-f", "lavfi", "-i", f"sine=frequency={TONE}", "-t", str(SECONDS), "-c:a", "libmp3lame", "-ac", "2",
            *encoder, folder / f"{name}.mp3")
    return folder


def assert_same_sound(source, seen):
    """Frame by frame, bit by bit. A player by RTSP asks what there is before it plays, and misses what comes meanwhile;
    ffmpeg forgets the last ones."""
    wanted, got = source["audio"], seen["audio"]
    assert len(got) > 0.7 * len(wanted), (len(got), len(wanted))
    first = [frame.digest for frame in wanted].index(got[0].digest)
    wanted = wanted[first:first + len(got)]
    assert [frame.digest for frame in got] == [frame.digest for frame in wanted]
    # The first frame's time is a guess of ffmpeg's parser.
    shifts = [after.pts_ms - before.pts_ms for before, after in zip(wanted, got)][1:]
    assert max(shifts) - min(shifts) < 3, (min(shifts), max(shifts))


@pytest.mark.parametrize("name", ["small", "large"])
@pytest.mark.parametrize("by", ["rtsp", "rtmp"])
def test_mp3(cluster, children, mp3, tmp_path, name, by):
    """Published by either protocol, played by RTSP and, what RTSP brought, by HTTP-FLV."""
    stream, file = f"mp3/{name}-{by}", mp3 / f"{name}.mp3"
    players = {"rtsp": copy(children, cluster.rtsp(stream, 1), tmp_path / "rtsp"),
               "flv": copy(children, cluster.flv(stream), tmp_path / "flv")}
    wait_viewers(cluster, stream, 2)
    ended(publish(children, file, getattr(cluster, by)(stream)))
    source = packets_of(file, tmp_path / "source")
    for player, child in players.items():
        ended(child)
        assert_same_sound(source, read_framemd5(tmp_path / player))


def test_mp3_of_gstreamer(cluster, children, mp3, tmp_path):
    stream, file = "mp3/gst", mp3 / "large.mp3"
    player = copy(children, cluster.rtsp(stream, 1), tmp_path / "rtsp")
    wait_viewers(cluster, stream)
    source = packets_of(file, tmp_path / "source")
    sent_whole(cluster, children, stream, len(source["audio"]), "filesrc", f"location={file}", "!", "mpegaudioparse")
    ended(player)
    assert_same_sound(source, read_framemd5(tmp_path / "rtsp"))


# ---- L16, RFC 3551 ----


def pcm(path, rate, channels):
    run(*QUIET, "-f", "lavfi", "-i", f"sine=frequency={TONE}:sample_rate={rate}", "-f", "lavfi", "-i",
        f"anoisesrc=amplitude=0.3:seed=1:sample_rate={rate}", "-filter_complex", "amix,volume=2", "-t", str(SECONDS),
        "-ac", str(channels), "-f", "s16be", path)
    return ["-f", "s16be", "-ar", str(rate), "-ac", str(channels), "-i", path]


@pytest.mark.parametrize("rate, channels", [(44_100, 2), (44_100, 1), (8_000, 1), (48_000, 2)])
def test_l16(cluster, children, tmp_path, rate, channels):
    """With a payload type of its own and with none: every sample."""
    stream = f"l16/{rate}x{channels}"
    source = pcm(tmp_path / "source", rate, channels)
    player = copy(children, cluster.rtsp(stream, 1), tmp_path / "rtsp", "-c", "copy", "-f", "s16be")
    wait_viewers(cluster, stream)
    ended(children(*QUIET, "-re", *source, "-c", "copy", *TCP, "-f", "rtsp", cluster.rtsp(stream)))
    ended(player)
    sent, seen = (tmp_path / "source").read_bytes(), (tmp_path / "rtsp").read_bytes()
    assert len(seen) > 0.7 * len(sent) and seen in sent


def test_l16_of_gstreamer_to_gstreamer(cluster, children, tmp_path):
    stream, file, out = "l16/gst", tmp_path / "source", tmp_path / "seen"
    pcm(file, 48_000, 2)
    player = children(*GST, "rtspsrc", f"location={cluster.rtsp(stream, 1)}", "protocols=tcp", "latency=100", "!",
                      "rtpL16depay", "!", "filesink", f"location={out}")
    wait_viewers(cluster, stream)
    sent_whole(cluster, children, stream, lambda: out.exists() and out.stat().st_size > 0.7 * file.stat().st_size,
               "filesrc", f"location={file}", "!", "rawaudioparse", "format=pcm", "pcm-format=s16be", "sample-rate=48000",
               "num-channels=2")
    until(lambda: player.poll() is not None, 20, "the player ends with the stream")
    sent, seen = file.read_bytes(), out.read_bytes()
    assert len(seen) > 0.6 * len(sent) and seen in sent


@pytest.fixture(scope="module")
def picture_and_l16(tmp_path_factory):
    file = tmp_path_factory.mktemp("l16") / "av.mkv"
    run(*QUIET, "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f", "lavfi", "-i",
        f"sine=frequency={TONE}:sample_rate=44100", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-c:a",
        "pcm_s16be", "-ac", "2", "-t", "8", file)
    return file


def test_l16_is_not_in_flv_and_the_api_says_so(cluster, children, picture_and_l16, tmp_path):
    stream = "l16/flv"
    viewer = copy(children, cluster.flv(stream), tmp_path / "seen")
    wait_viewers(cluster, stream)
    publisher = publish(children, picture_and_l16, cluster.rtsp(stream))
    advice = advice_on(cluster, stream, "pcm")
    assert any("(pcm) is left out for RTMP and HTTP-FLV viewers" in one for one in advice), advice
    ended(publisher)
    ended(viewer)
    seen = read_framemd5(tmp_path / "seen")
    assert set(seen) == {"video"} and len(seen["video"]) > 190


def test_l16_becomes_aac(cluster, children, picture_and_l16, tmp_path):
    stream, seen = "aac/l16", tmp_path / "seen.flv"
    viewer = copy(children, cluster.flv(stream), seen, "-map", "0", "-c", "copy")
    wait_viewers(cluster, stream)
    publisher = publish(children, picture_and_l16, cluster.rtsp(stream))
    assert advice_on(cluster, stream, "aac") == []
    ended(publisher)
    ended(viewer)
    frequency, level = heard(seen)
    assert abs(frequency - TONE) < 3 and 2_000 < level < 6_000, (frequency, level)


# ---- G.726, RFC 3551 ----


@pytest.mark.parametrize("encoder, name, kilobits", [("g726", "AAL2-G726-", 24), ("g726", "AAL2-G726-", 32),
                                                     ("g726le", "G726-", 16), ("g726le", "G726-", 40)])
def test_g726(cluster, children, tmp_path, encoder, name, kilobits):
    """Every code, at each rate and from either end of the bytes."""
    stream = f"g726/{encoder}-{kilobits}"
    encode = ["-f", "lavfi", "-i", f"sine=frequency={TONE}:sample_rate=8000", "-t", str(SECONDS), "-map", "0:a", "-c:a",
              encoder, "-b:a", f"{kilobits}k", "-ac", "1"]
    player = copy(children, cluster.rtsp(stream, 1), tmp_path / "seen", "-map", "0:a", "-c", "copy", "-f", "data")
    wait_viewers(cluster, stream)
    publisher = children(*QUIET, "-re", *encode, *TCP, "-f", "rtsp", cluster.rtsp(stream))
    advice = advice_on(cluster, stream, "g726")
    assert any("(g726) is left out for RTMP and HTTP-FLV viewers" in one for one in advice), advice
    with Client(cluster["rtsp0"].port) as client:
        assert f"a=rtpmap:96 {name}{kilobits}/8000".encode() in client.ask("DESCRIBE", stream).body
    ended(publisher)
    ended(player)
    run(*QUIET, *encode, "-f", "data", tmp_path / "sent")
    sent, seen = (tmp_path / "sent").read_bytes(), (tmp_path / "seen").read_bytes()
    assert len(seen) > 0.6 * len(sent) and seen in sent, (len(seen), len(sent))


@pytest.mark.parametrize("encoder", ["g726", "g726le"])
def test_g726_becomes_aac(cluster, children, tmp_path, encoder):
    stream, seen = f"aac/{encoder}", tmp_path / "seen.flv"
    viewer = copy(children, cluster.flv(stream), seen, "-map", "0", "-c", "copy")
    wait_viewers(cluster, stream)
    publisher = children(*QUIET, "-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-re", "-f", "lavfi", "-i",
                         f"sine=frequency={TONE}:sample_rate=8000", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25",
                         "-c:a", encoder, "-b:a", "32k", "-ac", "1", "-t", "8", *TCP, "-f", "rtsp", cluster.rtsp(stream))
    assert advice_on(cluster, stream, "aac") == []
    ended(publisher)
    ended(viewer)
    frequency, level = heard(seen)
    assert abs(frequency - TONE) < 3 and 2_000 < level < 6_000, (frequency, level)


# ---- Motion JPEG, RFC 2435 ----


@pytest.fixture(scope="module")
def mjpeg(tmp_path_factory):
    file = tmp_path_factory.mktemp("mjpeg") / "v.mkv"
    run(*QUIET, "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-f", "lavfi", "-i",
        f"sine=frequency={TONE}:sample_rate=44100", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-huffman", "default",
        "-force_duplicated_matrix", "1", "-q:v", "5", "-c:a", "aac", "-t", str(SECONDS), file)
    return file


def pictures(children, url, out, *flags):
    return children(*QUIET, *flags, "-i", url, "-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", out)


def test_mjpeg(cluster, children, mjpeg, tmp_path):
    """Every picture as it was sent; FLV viewers get the sound, and the API says why no more."""
    stream = "mjpeg/tcp"
    player = pictures(children, cluster.rtsp(stream, 1), tmp_path / "seen", *TCP)
    viewer = copy(children, cluster.flv(stream), tmp_path / "flv")
    wait_viewers(cluster, stream, 2)
    publisher = publish(children, mjpeg, cluster.rtsp(stream))
    advice = advice_on(cluster, stream, "mjpeg")
    assert any("(mjpeg) is left out for RTMP and HTTP-FLV viewers" in one for one in advice), advice
    ended(publisher)
    ended(player)
    ended(viewer)
    run(*QUIET, "-i", mjpeg, "-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", tmp_path / "source")
    sent, seen = read_framemd5(tmp_path / "source")["video"], read_framemd5(tmp_path / "seen")["video"]
    assert len(seen) > 0.6 * len(sent)
    begin = [one.digest for one in sent].index(seen[0].digest)
    assert [one.digest for one in seen] == [one.digest for one in sent[begin:begin + len(seen)]]
    times = [one.pts_ms - seen[1].pts_ms - 40 * i for i, one in enumerate(seen[1:])]
    assert max(map(abs, times)) <= 2, times
    assert set(read_framemd5(tmp_path / "flv")) == {"audio"}


def test_mjpeg_of_gstreamer(cluster, children, tmp_path):
    """GStreamer's images to GStreamer."""
    stream = "mjpeg/gst"
    player = children(*GST, "rtspsrc", f"location={cluster.rtsp(stream, 1)}", "protocols=tcp", "latency=100", "!",
                      "rtpjpegdepay", "!", "jpegdec", "!", "videoconvert", "!", "video/x-raw,format=GRAY8", "!",
                      "filesink", f"location={tmp_path / 'seen'}")
    wait_viewers(cluster, stream)
    sent_whole(cluster, children, stream, 90, "videotestsrc", "num-buffers=100", "is-live=true", "pattern=ball", "!",
               "video/x-raw,format=I420,width=320,height=240,framerate=25/1", "!", "jpegenc")
    until(lambda: player.poll() is not None, 20, "the player ends with the stream")
    size = (tmp_path / "seen").stat().st_size
    assert size % (320 * 240) == 0 and size >= 50 * 320 * 240, size / (320 * 240)


# ---- AV1 ----


def assert_same_units(wanted, units):
    assert len(units) == len(wanted)
    for i, (unit, obus) in enumerate(zip(units, wanted)):
        assert [obu[:2] for obu in unit] == [obu[:2] for obu in obus], i
        assert unit == obus, i


def test_av1_is_played(cluster, tools, elementary):
    """By a reader that is strict: every OBU of every temporal unit, in packets as they are specified."""
    stream = "av1/play"
    reader, packets = Depacketizer(), []
    with Client(cluster["rtsp0"].port) as player:
        player.request("DESCRIBE", stream, Accept="application/sdp")
        wait_viewers(cluster, stream)
        source = tools.source(cluster.rtmp(stream), files=str(elementary / "v.av1.ivf"))
        described = player.reply()
        assert described.status == 200 and b"AV1/90000" in described.body, described.body
        setup = player.ask("SETUP", f"{stream}/trackID=0", Transport="RTP/AVP/TCP;unicast;interleaved=0-1")
        assert setup.status == 200 and player.ask("PLAY", stream).status == 200
        try:
            while True:
                packets.append(player.next_frame(0)[1])
        except EOFError:
            pass
        source.wait_end(30)
    for packet in packets:
        reader.push(packet)
    assert max(map(len, packets)) <= 1400 and min(map(len, packets)) < 1400
    wanted = read_ivf(elementary / "v.av1.ivf")
    assert_same_units(wanted, [unit.obus for unit in reader.units])
    assert [unit.new_sequence for unit in reader.units] == [unit[0].kind == SEQUENCE_HEADER for unit in wanted]
    begin = reader.units[0].timestamp
    late = [(unit.timestamp - begin & 0xFFFFFFFF) - 3600 * i for i, unit in enumerate(reader.units)]
    assert all(abs(ticks) <= 90 for ticks in late), late


@pytest.mark.parametrize("counted", [True, False])
def test_av1_is_published(cluster, elementary, counted):
    """In packets with W and without it, OBUs in pieces; by HTTP-FLV it comes back."""
    stream = f"av1/publish-{counted}".lower()
    units = read_ivf(elementary / "v.av1.ivf")
    answers = []
    viewer = threading.Thread(target=lambda: answers.append(request(cluster["http0"].port, f"/{stream}.flv")))
    viewer.start()
    wait_viewers(cluster, stream)
    with Client(cluster["rtsp0"].port) as publisher:
        description = sdp("m=video 0 RTP/AVP 97\r\na=rtpmap:97 AV1/90000\r\n")
        assert announce(publisher, stream, description).status == 200
        sequence = 0
        for i, unit in enumerate(units):
            for payload, marker in packetize(unit, 700, counted):
                publisher.frame(0, rtp(sequence, 3600 * i, payload, kind=97, marker=marker))
                sequence += 1
            time.sleep(0.02)
        assert publisher.ask("TEARDOWN", stream).status == 200
    viewer.join(20)
    assert answers[0].status == 200
    tags = [(at, body) for kind, at, body in flv_tags(answers[0].body) if kind == VIDEO]
    assert all(body[0] & 0x80 and body[1:5] == b"av01" for _, body in tags)
    record = next(body[5:] for _, body in tags if body[0] & 15 == 0)
    assert split_obus(record[4:])[0] == units[0][0], "the sequence header is in the configuration"
    frames = [(at, body) for at, body in tags if body[0] & 15 in (1, 3)]
    assert_same_units(units, [split_obus(body[5:]) for _, body in frames])
    assert all(abs(at - frames[0][0] - 40 * i) <= 1 for i, (at, _) in enumerate(frames))
