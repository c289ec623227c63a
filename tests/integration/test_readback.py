"""Demuxers that nobody here wrote read enhanced FLV, and find every packet that was published."""

import subprocess

import pytest

from harness import newer_ffprobe
from harness.browser import Browser, require_browser
from harness.records import media, read_record
from harness.tools import Source
from harness.waiting import until

FILES = {"hevc": "v.hevc", "av1": "v.av1.ivf", "vp9": "v.vp9.ivf"}
IN_THE_PAGE = {"hevc": "hvc1", "av1": "av01"}  # mpegts.js knows no VP9 in FLV
SECONDS = 3  # of the files
VIDEO, AUDIO = 9, 8
# mpegts.js keeps the last packet of a track back, for the next one to tell how long it lasts.
HELD_BACK = 1


@pytest.fixture(scope="module")
def read_back(cluster, elementary, tmp_path_factory):
    """Every codec, with Opus, published once, from beginning to end, to readers who wait for it.

    {codec: what was sent}, {codec: ffprobe's packets, of each gateway}, {codec: the player's report}
    """
    require_browser()
    folder = tmp_path_factory.mktemp("sent")
    page, sources, readers = None, {}, {}
    try:
        page = Browser(*(f"mpegts:{cluster.flv(f'back/{codec}')}" for codec in IN_THE_PAGE), record=True).wait_open()
        for codec in FILES:
            urls = [cluster.flv(f"back/{codec}", gateway, "?only=video") for gateway in (0, 1)]
            readers[codec] = [subprocess.Popen(newer_ffprobe.command(url), env=newer_ffprobe.ENVIRONMENT,
                                               stdout=subprocess.PIPE, text=True) for url in urls]
        until(lambda: len(cluster.admin.sessions()) == 2 * len(FILES) + len(IN_THE_PAGE), 8, "every reader waits",
              interval=0.2)
        for codec, file in FILES.items():
            sources[codec] = Source(cluster.rtmp(f"back/{codec}"), record=folder / codec,
                                    files=f"{elementary / file},{elementary / 'a.opus'}")
        for source in sources.values():
            source.wait_end(60)
        probed = {codec: [one.communicate(timeout=30)[0] for one in both] for codec, both in readers.items()}
        until(lambda: played_to_the_end(page.snapshot()["players"]), 15,
              lambda: f"both play to the end: {without_appends(page)}", interval=0.5)
        players = dict(zip(IN_THE_PAGE, page.stop()["players"]))
    finally:
        for child in [one for both in readers.values() for one in both]:
            child.kill()
        for tool in [*sources.values(), *([page] if page else [])]:
            tool.kill()
    sent = {codec: media(read_record(folder / codec)) for codec in FILES}
    return sent, probed, players


def without_appends(page):
    return [{**player, "appends": None} for player in page.snapshot()["players"]]


def played_to_the_end(players):
    """The sound of both, and the pictures where there is a decoder."""
    return all(player["media_s"] > SECONDS - 0.2 for player in players) and \
        players[list(IN_THE_PAGE).index("av1")]["frames"] >= 25 * SECONDS - 5


def assert_same(sent, kind, seen, held_back=0):
    """The same bytes in the same order; all times moved by one constant at most."""
    sent = [line for line in sent if line["type"] == kind]
    assert len(sent) > 20 * SECONDS and len(seen) >= len(sent) - held_back, (len(seen), len(sent))
    assert [packet["hash"] for packet in seen] == [line["hash"] for line in sent[:len(seen)]]
    shifts = [packet["pts_ms"] - line["ms"] - line["composition"] for packet, line in zip(seen, sent)]
    shifts += [packet["dts_ms"] - line["ms"] for packet, line in zip(seen, sent)]
    assert max(shifts) - min(shifts) <= 1, (min(shifts), max(shifts))


@pytest.mark.parametrize("codec", FILES)
def test_ffmpeg_7_reads_every_packet(read_back, codec):
    sent, probed, _ = read_back
    keys = [line["key"] for line in sent[codec] if line["type"] == VIDEO]
    for output in probed[codec]:
        seen = newer_ffprobe.packets_of(output)
        assert set(seen) == {codec}
        assert_same(sent[codec], VIDEO, seen[codec])
        assert [packet["key"] for packet in seen[codec]] == keys


@pytest.mark.parametrize("codec", IN_THE_PAGE)
def test_mpegts_js_reads_every_packet(read_back, codec):
    """What it hands to the browser's decoders, with the Opus beside it."""
    sent, _, players = read_back
    assert players[codec]["errors"] == []
    tracks = {track["mime"].partition("/")[0]: track for track in players[codec]["appends"]}
    assert IN_THE_PAGE[codec] in tracks["video"]["mime"] and "opus" in tracks["audio"]["mime"]
    assert [track["inits"] for track in tracks.values()] == [1, 1], "nothing made it start a track over"
    assert_same(sent[codec], VIDEO, tracks["video"]["samples"], HELD_BACK)
    assert_same(sent[codec], AUDIO, tracks["audio"]["samples"], HELD_BACK)


def test_av1_and_opus_play_in_the_page(read_back):
    player = read_back[2]["av1"]
    assert (player["errors"], player["corrupted"], player["width"], player["height"]) == ([], 0, 320, 180)
    assert player["picture"]["deviation"] > 30 and player["audio_bytes"] > 1000, player
