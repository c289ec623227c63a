"""`audio_transcode: aac`: sound that browsers cannot play becomes AAC, in time with the picture."""

import json
import re

import pytest

from harness.media import run
from harness.waiting import until

FILE = "applications: {sound: {audio_transcode: aac}, plain: {}}\n"
QUIET = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y"]
SECONDS = 6


@pytest.fixture(scope="module")
def cluster(make_cluster):
    return make_cluster(FILE)


def flashes_and_beeps(path, *audio):
    """A picture that is white, and a tone that is loud, in the first half of each second."""
    run(*QUIET, "-f", "lavfi", "-i", "color=black:size=320x180:rate=25,"
        "drawbox=color=white:t=fill:enable='lt(mod(t,1),0.5)'", "-f", "lavfi", "-i",
        "aevalsrc='if(lt(mod(t,1),0.5),0.5*sin(2*PI*1000*t),0)':s=48000",
        "-t", str(SECONDS), "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-c:a", *audio, path)


def beginnings(path):
    """When the picture becomes white, and when the sound becomes loud."""
    said = run("ffmpeg", "-hide_banner", "-nostdin", "-i", path, "-vf", "blackdetect=d=0.2:pix_th=0.5", "-af",
               "silencedetect=noise=-30dB:d=0.2", "-f", "null", "-").stderr
    return ([float(at) for at in re.findall(r"black_end:([\d.]+)", said)],
            [float(at) for at in re.findall(r"silence_end: ([\d.]+)", said)])


def streams_of(path):
    shown = run("ffprobe", "-v", "error", "-show_streams", "-of", "json", path).stdout
    return {one["codec_type"]: one for one in json.loads(shown)["streams"]}


@pytest.mark.parametrize("name, encoder", [("alaw", ["pcm_alaw", "-ar", "8000", "-ac", "1"]),
                                           ("mulaw", ["pcm_mulaw", "-ar", "8000", "-ac", "1"]),
                                           ("mp3", ["libmp3lame", "-ar", "44100", "-ac", "2"])])
def test_sound_becomes_aac_in_time_with_the_picture(cluster, children, tmp_path, name, encoder):
    stream, file, seen = f"sound/{name}", tmp_path / f"{name}.flv", tmp_path / "seen.flv"
    flashes_and_beeps(file, *encoder)
    reader = children(*QUIET, "-rw_timeout", "20000000", "-i", cluster.flv(stream), "-map", "0", "-c", "copy", seen)
    until(lambda: cluster.admin.sessions(stream=stream), 20, "the viewer waits")
    run(*QUIET, "-re", "-i", file, "-c", "copy", "-f", "flv", cluster.rtmp(stream))
    _, errors = reader.communicate(timeout=30)
    assert reader.returncode == 0, errors
    streams = streams_of(seen)
    assert streams["audio"]["codec_name"] == "aac", streams["audio"]
    assert streams["audio"]["sample_rate"] == ("44100" if name == "mp3" else "48000")
    assert run(*QUIET, "-i", seen, "-f", "null", "-").stderr == "", "it decodes without a complaint"
    white, loud = beginnings(seen)
    source_white, source_loud = beginnings(file)
    # At 1 s, 2 s …; where the file ends, its last silence and its last darkness do, too.
    edges = list(zip(loud, white, source_loud, source_white))[:SECONDS - 1]
    assert len(edges) == SECONDS - 1, (loud, white, source_loud, source_white)
    assert all(abs((a - b) - (c - d)) < 0.005 for a, b, c, d in edges), edges


def test_where_nobody_asks_sound_stays_and_the_api_says_who_does_not_hear_it(cluster, children, tmp_path):
    stream, file = "plain/alaw", tmp_path / "plain.flv"
    flashes_and_beeps(file, "pcm_alaw", "-ar", "8000", "-ac", "1")
    publisher = children(*QUIET, "-re", "-i", file, "-c", "copy", "-f", "flv", cluster.rtmp(stream))
    until(lambda: stream in cluster.admin.streams() and len(cluster.admin.streams()[stream].tracks) == 2, 20,
          "the stream and its tracks are there")
    shown = cluster.admin.cli_json("streams", "get", stream)
    assert [track["codec"] for track in shown["tracks"]] == ["h264", "g711a"]
    assert any("audio_transcode: aac" in advice for advice in shown["advice"]), shown
    assert "audio_transcode: aac" in cluster.admin.cli("streams", "get", stream).stdout
    publisher.kill()
