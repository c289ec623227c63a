"""mpegts.js and flv.js in Chromium: they play on without a stall, and lose no picture."""

import subprocess

import pytest

from harness.browser import RATE, Browser, Clock, require_browser
from harness.processes import DIES_WITH_PARENT
from harness.waiting import until

PLAYED_S = 60


@pytest.fixture(scope="module")
def browser():
    """browser(target…): a page with these players, open; gone at the module's end."""
    require_browser()
    made = []

    def start(*targets):
        made.append(Browser(*targets))
        return made[-1].wait_open()

    yield start
    for one in made:
        one.kill()


@pytest.fixture(scope="module")
def publish():
    """publish(url): ffmpeg with B-frames and AAC; the picture tells when it was made, by publish.clock."""
    clock, made = Clock(), []

    def start(url):
        made.append(subprocess.Popen(
            [*DIES_WITH_PARENT, "ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin",
             "-re", "-f", "lavfi", "-i", f"testsrc2=size=320x180:rate={RATE},{clock.filters()}",
             "-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100",
             "-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-b_strategy", "0", "-g", str(2 * RATE),
             "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "64k", "-f", "flv", url]))
        return made[-1]

    start.clock = clock
    yield start
    for child in made:
        child.kill()
        child.wait()


def targets_of(cluster, stream):
    """Each player over HTTP and over WebSocket, no two by the same URL: Chromium would hold one of them back until the
    other has its answer."""
    def web_socket(gateway):
        return cluster.flv(stream, gateway).replace("http:", "ws:")

    return [f"mpegts:{cluster.flv(stream, 0)}", f"mpegts:{web_socket(1)}",
            f"flv:{cluster.flv(stream, 1)}", f"flv:{web_socket(0)}"]


def assert_played(players, clock, seconds):
    for player in players:
        name = f"{player['library']} {player['url']}"
        age = clock.age_ms(player["picture"])
        print(f"{name}: {player['media_s']:.1f} s, {player['frames']} frames, "
              f"{player['buffered_to_s'] - player['media_s']:.2f} s behind the edge, {age:.0f} ms old")
        assert player["errors"] == [], name
        assert (player["waits"], player["seeks"], player["paused"]) == (0, 0, False), player
        assert player["wall_s"] >= seconds - 1 and player["standstill_ms"] < 500, player
        assert player["played_s"] == pytest.approx(player["wall_s"], abs=0.3), player
        assert (player["dropped"], player["corrupted"]) == (0, 0), player
        # All that were due, and a few that wait decoded for their time.
        due = RATE * (player["media_s"] - player["buffered_from_s"])
        assert due - 3 <= player["frames"] <= due + 16, player
        assert (player["width"], player["height"]) == (320, 180)
        assert player["audio_bytes"] > 1000 * seconds, player
        assert player["picture"]["deviation"] > 30 and 40 < player["picture"]["mean"] < 215, player
        assert 0 < age < 10000, player


@pytest.fixture(scope="module")
def minute(cluster, browser, publish):
    """Four players that play on while the other tests run."""
    publish(cluster.rtmp("page/minute"))
    until(lambda: "page/minute" in cluster.admin.streams(), 20, "the stream is there")
    return browser(*targets_of(cluster, "page/minute")).wait_playing()


def test_a_page_that_was_there_first_and_a_publisher_who_comes_back(cluster, browser, publish, minute):
    """Players wait for the stream; when it is cut and published anew within the grace, they play on."""
    page = browser(*targets_of(cluster, "page/again"))
    until(lambda: len(cluster.admin.sessions(stream="page/again")) == page.count, 8, "every player waits")
    first = publish(cluster.rtmp("page/again"))
    page.wait_playing()
    until(lambda: all(p["played_s"] > 2 for p in page.snapshot()["players"]), 20, "all play", interval=0.5)
    first.kill()
    first.wait()
    until(lambda: all(p["waits"] for p in page.snapshot()["players"]), 20, "all have run dry", interval=0.5)
    dry = [player["buffered_to_s"] for player in page.snapshot()["players"]]
    returned = publish.clock.now_ms()
    publish(cluster.rtmp("page/again"))

    def beyond(seconds):
        players = page.snapshot()["players"]
        return players if all(p["media_s"] > end + seconds for p, end in zip(players, dry)) else None

    resumed = until(lambda: beyond(0.5), 30, "all have gone on", interval=0.5)
    players = until(lambda: beyond(4), 30, "all play on", interval=0.5)
    page.stop()
    for before, player in zip(resumed, players):
        assert player["errors"] == [] and not player["paused"], player
        # As it ran dry the browser may have found a picture too late; from then on none.
        assert (player["dropped"], player["corrupted"]) == (before["dropped"], 0), (before, player)
        assert player["waits"] == before["waits"], (before, player)
        assert player["picture"]["clock_ms"] > returned, player


def test_a_minute_without_a_stall(minute, publish):
    """Both players over HTTP and WebSocket, at once."""
    until(lambda: min(p["wall_s"] for p in minute.snapshot()["players"]) >= PLAYED_S, PLAYED_S + 20,
          "it has played long enough", interval=1)
    minute.screenshot("browser-players")
    assert_played(minute.stop()["players"], publish.clock, PLAYED_S)
