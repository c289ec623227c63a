"""Through the edge: viewers of a gateway that is killed or scaled away are back within 2 s, the others miss nothing.

    edge_check.py RTMP_URL HTTP_URL CONTROL_PLANE_CONTAINER NETWORK_GATEWAY

Needs three http-gateways and two rtmp-gateways behind the edge, and Compose's environment as check.sh sets it; kills
one http-gateway, brings it back, scales to one and to three again. One line a check, as check.sh prints them; exit code
1 where one failed. NETWORK_GATEWAY is the address by which clients on this machine come in.
"""

import json
import pathlib
import subprocess
import sys
import time
from collections import Counter

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from harness.tools import Source, Viewers  # noqa: E402
from harness.verdict import flawless  # noqa: E402
from harness.waiting import until  # noqa: E402

RTMP, HTTP, CONTROL_PLANE, NETWORK_GATEWAY = sys.argv[1:5]
STREAM = "live/edge"
BACK_WITHIN_S = 2.0
ROOT = pathlib.Path(__file__).resolve().parents[2]
failed = []


def check(what, good, detail=""):
    print(f"{time.strftime('%H:%M:%S')} docker: {'ok' if good else 'FAILED'}: {what}", flush=True)
    if not good:
        failed.append(what)
        print(f"    {detail}", flush=True)


def cli(*arguments):
    return json.loads(subprocess.run(["docker", "exec", CONTROL_PLANE, "millrace", *arguments, "--json"],
                                     check=True, capture_output=True, text=True, timeout=20).stdout)


def sessions(protocol=None, stream=STREAM):
    return [s for s in cli("sessions", "list", f"--stream={stream}")["sessions"]
            if protocol in (None, s["protocol"])]


# --- scaling ---

def compose(*arguments):
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0
    return subprocess.Popen([*(["docker", "compose"] if plugin else ["docker-compose"]), *arguments], cwd=ROOT,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def scale(http):
    return compose("up", "--detach", "--no-recreate", "--scale", f"http-gateway={http}", "--scale", "rtmp-gateway=2")


def http_nodes():
    return {n["registration"]["node"] for n in cli("nodes", "list")["nodes"]
            if n["registration"]["node"].startswith("http-gateway-") and n.get("ready") and n.get("attached")}


class Players:
    """Viewers over HTTP who come back at once when they are closed, as players do."""

    def __init__(self, start, url, count):
        self.url = url
        self.tool = start(Viewers(f"{url}*{count}", steered="true")).wait_playing()
        self.opened = count
        self.seen = 0          # events that were looked at
        self.closed = set()    # viewers, each of them once
        self.away = {}         # viewer that has been opened again: since when its place is empty
        self.took = []

    def open(self):
        self.tool.command(f"open {self.url}")
        self.opened += 1

    def follow(self):
        """Reacts to what has happened; true while everybody plays."""
        while self.seen < len(self.tool.events):
            event = self.tool.events[self.seen]
            self.seen += 1
            if event["event"] == "closed":
                self.closed.add(event["viewer"])
                self.away[self.opened] = self.away.pop(event["viewer"], time.monotonic())
                self.open()
            elif event["event"] == "playing" and event["viewer"] in self.away:
                self.took.append(time.monotonic() - self.away.pop(event["viewer"]))
        return not self.away

    def problems(self):
        """Of those who play now and of those who were closed, from their first frame to their last one."""
        rows = self.tool.snapshot()["viewers"]
        rows += [e["report"] for e in self.tool.events if e["event"] == "gone"]
        return [problem for problem in map(flawless, rows) if problem]


def wait_spread(players, wanted):
    """Until each of the nodes has a viewer; opens one a second, since the edge gives new ones to the idlest."""
    next_open = 0.0

    def spread():
        nonlocal next_open
        players.follow()
        if time.monotonic() >= next_open:
            next_open = time.monotonic() + 1
            players.open()
        return wanted <= {s["node"] for s in sessions("http-flv")}

    until(spread, 40, lambda: f"{wanted} have viewers: {Counter(s['node'] for s in sessions('http-flv'))}")


def scaled(players, count):
    """Scales, following the players meanwhile; the nodes that are there when it is over."""
    process = scale(count)
    try:
        until(lambda: players.follow() and process.poll() is not None, 90, f"Compose has scaled to {count}",
              interval=0.02)
    finally:
        _, errors = process.communicate()
    check(f"Compose scales to {count}", process.returncode == 0, errors[-2000:])
    until(lambda: players.follow() and len(http_nodes()) == count, 30, lambda: f"{count} nodes: {http_nodes()}")
    return http_nodes()


def run_scaling(start):
    source = start(Source(f"{RTMP}/{STREAM}", profile="small", run=2)).wait_publishing()
    rtmp = start(Viewers(f"{RTMP}/{STREAM}*2")).wait_playing()
    players = Players(start, f"{HTTP}/{STREAM}.flv", 3)
    wait_spread(players, scaled(players, 3))
    players.tool.wait_frames(30)
    before = Counter(s["node"] for s in sessions("http-flv"))

    left = scaled(players, 1)
    removed = sum(count for node, count in before.items() if node not in left)
    until(lambda: players.follow() and len(players.took) >= removed, 20,
          lambda: f"{removed} viewers are back: {players.took}, away {players.away}")
    worst = max(players.took, default=0)
    check(f"scaled from three to one: viewers are back within 2 s of their gateway's end ({worst:.2f} s)",
          removed > 0 and len(players.closed) == removed and worst < BACK_WITHIN_S,
          (before, left, players.closed, players.took))
    nodes = {s["node"] for s in sessions("http-flv")}
    check("… all of them on the one that is left", nodes == left, nodes)
    players.tool.wait_frames(30)
    problems = players.problems()
    check("… and nobody else misses anything", not problems, problems)

    closed = len(players.closed)
    wait_spread(players, scaled(players, 3))
    check("scaled from one to three: the new ones take viewers", True)
    players.tool.wait_frames(30)
    rtmp.wait_frames(30)
    problems = players.problems()
    check("… and nobody is closed or misses anything", len(players.closed) == closed and not problems,
          (players.closed, problems))
    source.stop()
    problems = [problem for problem in map(flawless, rtmp.wait_end()["viewers"]) if problem]
    check("… nor did the viewers of the rtmp-gateways all the time", not problems, problems)


def main():
    made = []

    def start(tool):
        made.append(tool)
        return tool

    try:
        run(start)
        run_scaling(start)
    finally:
        for tool in made:
            tool.kill()


def run(start):
    url = f"{HTTP}/{STREAM}.flv"
    source = start(Source(f"{RTMP}/{STREAM}", profile="bench", run=1)).wait_publishing()
    viewers = start(Viewers(f"{url}*6", f"{RTMP}/{STREAM}*2")).wait_playing()
    until(lambda: len(sessions()) == 9, 15, "every session is listed")
    listed = sessions()
    per_node = Counter(s["node"] for s in sessions("http-flv"))
    check("the edge spreads viewers over three http-gateways", sorted(per_node.values()) == [2, 2, 2], per_node)
    nodes = {s["node"] for s in sessions("rtmp")}
    check("… and RTMP over two rtmp-gateways", len(nodes) == 2, nodes)
    # X-Forwarded-For has no port.
    strangers = [s for s in listed if s["address"].split(":")[0] != NETWORK_GATEWAY]
    check("sessions have their clients' addresses, not the edge's", not strangers, strangers)

    victim = next(iter(per_node))
    container = victim.removeprefix("http-gateway-")
    viewers.wait_frames(60)
    began = time.monotonic()
    subprocess.run(["docker", "kill", "--signal=KILL", container], check=True, capture_output=True, timeout=20)
    killed = time.monotonic()
    viewers.wait_event("closed", count=per_node[victim])
    gone = {e["viewer"] for e in viewers.events if e["event"] == "closed"}
    noticed = time.monotonic()
    back = start(Viewers(f"{url}*{len(gone)}")).wait_playing()
    took = time.monotonic() - noticed
    check(f"viewers of a killed http-gateway are back within 2 s ({took:.2f} s)", took < BACK_WITHIN_S,
          f"docker kill took {killed - began:.2f} s, noticed after {noticed - began:.2f} s")
    others = [i for i in range(8) if i not in gone]
    viewers.wait_frames(60, viewers=others)
    back.wait_frames(30)
    source.stop()
    end, back_end = viewers.wait_end(), back.wait_end()
    problems = {i: flawless(end["viewers"][i]) for i in others}
    problems.update({f"back {i}": flawless(row) for i, row in enumerate(back_end["viewers"])})
    check("the others miss nothing", len(gone) == per_node[victim] and not any(problems.values()),
          (gone, problems))


main()
sys.exit(bool(failed))
