"""Enhanced RTMP and FLV: every codec is published and comes back, frame by frame, in the form that a viewer asks for."""

import json

import pytest

from harness.http import request
from harness.media import assert_same_packets, packets_of, read_framemd5, run
from harness.records import assert_same_frames, media, read_record
from harness.waiting import until

SECONDS = "3"


def published_and_played(cluster, tools, elementary, folder, stream, files, targets, source_flags=None, **flags):
    """Viewers wait for the stream, it is published from its beginning to its end: both records."""
    viewers = tools.viewers(*targets, record=folder / "seen", **flags)
    until(lambda: len(cluster.admin.sessions()) >= len(targets), 20, "every viewer waits")
    source = tools.source(cluster.rtmp(stream), record=folder / "sent",
                          files=",".join(str(elementary / name) for name in files), **(source_flags or {}))
    source.wait_end(60)
    viewers.wait_end(60)
    return read_record(folder / "sent"), read_record(folder / "seen")


@pytest.mark.parametrize("codec, file", [("hvc1", "v.hevc"), ("av01", "v.av1.ivf"), ("vp09", "v.vp9.ivf")])
def test_every_frame_comes_back(cluster, tools, elementary, tmp_path, codec, file):
    """Over RTMP to a player that announces the codecs, and over HTTP-FLV, from either gateway."""
    stream = f"enhanced/{codec}"
    targets = [cluster.rtmp(stream, 0), cluster.rtmp(stream, 1), cluster.flv(stream, 0), cluster.flv(stream, 1)]
    sent, seen = published_and_played(cluster, tools, elementary, tmp_path, stream, [file, "a.opus"], targets,
                                      fourccs=f"{codec},Opus")
    for viewer in range(len(targets)):
        mine = [line for line in seen if line["viewer"] == viewer]
        starts = media(mine, packet="start")
        assert [(line["codec"], line["form"]) for line in starts] == [(codec, "enhanced"), ("Opus", "enhanced")]
        assert_same_frames(sent, mine, 9)
        assert_same_frames(sent, mine, 8)


def test_hevc_in_both_forms(cluster, tools, elementary, tmp_path):
    """Published with CodecID 12; each viewer gets the form that it chose, or that suits what it announced."""
    stream = "enhanced/forms"
    targets = [cluster.flv(stream) + "?codec=legacy", cluster.flv(stream) + "?codec=enhanced", cluster.flv(stream),
               cluster.rtmp(stream), cluster.rtmp(stream, 1) + "?codec=enhanced"]
    sent, seen = published_and_played(cluster, tools, elementary, tmp_path, stream, ["v.hevc"], targets,
                                      source_flags={"codec_id_12": "true"})
    forms = [("12", "legacy"), ("hvc1", "enhanced"), ("hvc1", "enhanced"), ("12", "legacy"), ("hvc1", "enhanced")]
    for viewer, form in enumerate(forms):
        mine = [line for line in seen if line["viewer"] == viewer]
        assert {(line["codec"], line["form"]) for line in mine if line["type"] == 9} == {form}, viewer
        assert_same_frames(sent, mine, 9)


def test_additional_tracks_go_to_those_who_take_them(cluster, tools, elementary, tmp_path):
    stream = "enhanced/tracks"
    targets = [cluster.flv(stream) + "?codec=enhanced", cluster.flv(stream), cluster.rtmp(stream)]
    sent, seen = published_and_played(cluster, tools, elementary, tmp_path, stream,
                                      ["v.hevc", "a.opus", "v.vp9.ivf"], targets, fourccs="hvc1,vp09,Opus")
    for viewer, tracks in enumerate([{0, 1}, {0}, {0, 1}]):
        mine = [line for line in seen if line["viewer"] == viewer]
        assert {line["track"] for line in media(mine) if line["type"] == 9} == tracks, viewer
        for track in tracks:
            assert_same_frames([line for line in sent if line["track"] == track],
                               [line for line in mine if line.get("track") == track], 9)


def test_a_player_that_takes_none_of_it_is_told(cluster, tools, elementary):
    stream = "enhanced/av1only"
    source = tools.source(cluster.rtmp(stream), files=elementary / "v.av1.ivf").wait_publishing()
    viewers = tools.viewers(cluster.rtmp(stream), cluster.flv(stream) + "?codec=legacy")
    closed = viewers.wait_event("status", viewer=0, level="error")
    assert "?codec=enhanced" in closed["description"]
    viewers.wait_event("response", viewer=1, status=404)
    source.wait_end(30)


def test_a_form_that_does_not_exist(cluster):
    answer = request(cluster["http0"].port, "/enhanced/any.flv?codec=h264")
    problem = json.loads(answer.body)
    assert (answer.status, problem["code"]) == (400, "bad_query")
    assert "legacy" in problem["detail"]


@pytest.mark.parametrize("name, encoder", [("mp3", ["libmp3lame", "-ar", "44100"]),
                                           ("g711a", ["pcm_alaw", "-ar", "8000", "-ac", "1"]),
                                           ("g711u", ["pcm_mulaw", "-ar", "8000", "-ac", "1"])])
def test_legacy_sound(cluster, children, tmp_path, name, encoder):
    """ffmpeg publishes MP3 and G.711 beside H.264; ffmpeg, which knows no enhanced form, plays them."""
    stream, file = f"enhanced/{name}", tmp_path / f"{name}.flv"
    quiet = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y"]
    run(*quiet, "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f", "lavfi", "-i",
        "sine=frequency=440", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-c:a", *encoder,
        "-t", SECONDS, file)
    readers = {label: children(*quiet, "-copyts", "-rw_timeout", "20000000", "-i", url, "-map", "0", "-c",
                               "copy", "-f", "framemd5", tmp_path / label)
               for label, url in (("rtmp", cluster.rtmp(stream, 1)), ("flv", cluster.flv(stream)))}
    until(lambda: len(cluster.admin.sessions()) >= len(readers), 20, "every viewer waits")
    run(*quiet, "-re", "-i", file, "-c", "copy", "-f", "flv", cluster.rtmp(stream))
    source = packets_of(file, tmp_path / "source")
    for label, reader in readers.items():
        _, errors = reader.communicate(timeout=30)
        assert reader.returncode == 0, (label, errors)
        assert_same_packets(source, read_framemd5(tmp_path / label))


def test_what_an_encoder_says_beyond_its_tracks(cluster, tools, recordings, children, tmp_path):
    """A title in ffmpeg's metadata reaches who waited and who comes later, with the server's own metadata."""
    stream = "enhanced/title"
    urls = [cluster.rtmp(stream, 1), cluster.flv(stream)]
    early = tools.viewers(*urls, record=tmp_path / "early")
    until(lambda: len(cluster.admin.sessions()) >= 2, 20, "every viewer waits")
    publisher = children("ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-re", "-i", recordings["av"],
                         "-t", "5", "-c", "copy", "-metadata", "title=Launch", "-f", "flv", cluster.rtmp(stream))
    early.wait_playing()
    late = tools.viewers(*urls, record=tmp_path / "late").wait_playing()
    for viewers in (early, late):
        viewers.wait_end(30)
    publisher.wait(10)
    for record in ("early", "late"):
        seen = read_record(tmp_path / record)
        for viewer in range(2):
            tags = [line for line in seen if line["viewer"] == viewer]
            said = [line for line in tags if line.get("name") == "onMetaData"]
            assert len(said) == 1 and tags.index(said[0]) < tags.index(media(tags)[0]), (record, viewer, said)
            assert said[0]["members"]["title"] == "Launch", said
            assert said[0]["members"]["width"] > 0 and said[0]["members"]["encoder"].startswith("Millrace/")


def test_colour_information_comes_back(cluster, tools, elementary, tmp_path):
    """HDR: what a publisher says of colour beside the bitstream, in the enhanced form only."""
    stream = "enhanced/hdr"
    targets = [cluster.flv(stream), cluster.rtmp(stream, 1), cluster.flv(stream, 1) + "?codec=legacy"]
    sent, seen = published_and_played(cluster, tools, elementary, tmp_path, stream, ["v.hevc"], targets,
                                      source_flags={"hdr": "true"}, fourccs="hvc1")
    said = media(sent, packet="metadata")[0]["members"]
    assert said["colorConfig.bitDepth"] == 10
    for viewer in range(len(targets)):
        mine = [line for line in seen if line["viewer"] == viewer]
        colours = media(mine, packet="metadata")
        if viewer == 2:
            assert colours == []
            continue
        assert len(colours) == 1 and mine.index(colours[0]) < mine.index(media(mine)[0])
        assert {key: value for key, value in colours[0]["members"].items() if value != 0} == said
        assert_same_frames(sent, mine, 9)
