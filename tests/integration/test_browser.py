"""mpegts.js and flv.js in Chromium: they play on without a stall, and lose no picture."""

import subprocess

import pytest

from harness.browser import RATE, Browser, Clock, require_browser
from harness.processes import DIES_WITH_PARENT
from harness.waiting import until

PLAYED_S = 60
FOUR = 4  # players of the stream that goes on for a minute


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


def page_of(cluster, browser):
    """Both players over HTTP and over WebSocket on the stream that goes on for a minute, and two on one that is yet to
    come. No two have the same URL: Chromium would hold one of them back until the other has its answer."""
    def http(stream, gateway):
        return cluster.flv(stream, gateway)

    def web_socket(stream, gateway):
        return http(stream, gateway).replace("http:", "ws:")

    return browser(f"mpegts:{http('page/minute', 0)}", f"mpegts:{web_socket('page/minute', 1)}",
                   f"flv:{http('page/minute', 1)}", f"flv:{web_socket('page/minute', 0)}",
                   f"mpegts:{http('page/again', 0)}", f"flv:{web_socket('page/again', 1)}")


def assert_played(players, clock, seconds):
    for player in players:
        name = f"{player['library']} {player['url']}"
        age = clock.age_ms(player["picture"])
        print(f"{name}: {player['media_s']:.1f} s, {player['frames']} frames, {player['dropped']} dropped of "
              f"{player['late_pictures']} that came late, {player['buffered_to_s'] - player['media_s']:.2f} s behind the edge, {age:.0f} ms old")
        assert player["errors"] == [], name
        assert (player["waits"], player["seeks"], player["paused"]) == (0, 0, False), player
        assert player["wall_s"] >= seconds - 1 and player["standstill_ms"] < 500, player
        assert player["played_s"] == pytest.approx(player["wall_s"], abs=0.3), player
        # Nothing came too late to be shown, but for the browser, where the machine did not let it run.
        assert player["least_ahead_s"] > 0.2 and player["corrupted"] == 0, player
        assert player["dropped"] <= min(player["late_pictures"], player["frames"] // 100), player
        # All that were due, and a few that wait decoded for their time.
        due = RATE * (player["media_s"] - player["buffered_from_s"])
        assert due - 3 <= player["frames"] <= due + 16, player
        assert (player["width"], player["height"]) == (320, 180)
        assert player["audio_bytes"] > 1000 * seconds, player
        assert player["picture"]["deviation"] > 30 and 40 < player["picture"]["mean"] < 215, player
        assert 0 < age < 10000, player


@pytest.fixture(scope="module")
def page(cluster, browser, publish):
    """Four players that play on while the others are tested."""
    publish(cluster.rtmp("page/minute"))
    until(lambda: "page/minute" in cluster.admin.streams(), 20, "the stream is there")
    return page_of(cluster, browser)


def test_a_page_that_was_there_first_and_a_publisher_who_comes_back(cluster, publish, page):
    """Players wait for the stream; when it is cut and published anew within the grace, they play on."""
    def players(condition, timeout, what):
        def met():
            rows = page.snapshot()["players"][FOUR:]
            return rows if all(condition(row) for row in rows) else None
        return until(met, timeout, lambda: f"{what}: {page.snapshot()}", interval=0.5)

    until(lambda: len(cluster.admin.sessions(stream="page/again")) == 2, 8, "both wait")
    first = publish(cluster.rtmp("page/again"))
    players(lambda row: row["played_s"] > 2, 30, "both play")
    first.kill()
    first.wait()
    dry = players(lambda row: row["waits"], 20, "both have run dry")
    end = max(row["buffered_to_s"] for row in dry)
    returned = publish.clock.now_ms()
    publish(cluster.rtmp("page/again"))
    players(lambda row: row["media_s"] > end + 0.5, 30, "both have gone on")

    # Running dry is the browser's to recover from, on a loaded machine with some pictures dropped. Then every one is shown.
    steady_from = page.snapshot()["players"][FOUR:]

    def undisturbed():
        rows = page.snapshot()["players"][FOUR:]
        for player, now in enumerate(rows):
            assert now["errors"] == [] and not now["paused"] and now["corrupted"] == 0, now
            if any(now[name] != steady_from[player][name] for name in ("waits", "dropped")):
                steady_from[player] = now
        return all(all_shown(*player) for player in zip(steady_from, rows))

    def all_shown(before, now):
        due = RATE * (now["media_s"] - before["media_s"])
        return due >= 4 * RATE and abs(now["frames"] - before["frames"] - due) <= 5 and now["picture"]["clock_ms"] > returned

    until(undisturbed, 30, lambda: f"both play on: {steady_from}, {page.snapshot()}", interval=0.5)


def test_a_minute_without_a_stall(page, publish):
    """Both players over HTTP and WebSocket, at once."""
    until(lambda: min(p["wall_s"] for p in page.snapshot()["players"][:FOUR]) >= PLAYED_S, PLAYED_S + 30,
          "it has played long enough", interval=1)
    page.screenshot("browser-players")
    assert_played(page.stop()["players"][:FOUR], publish.clock, PLAYED_S)
