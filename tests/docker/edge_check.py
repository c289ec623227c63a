"""Through the edge: viewers of a gateway that is killed are back within two seconds, the others miss nothing.

    edge_check.py RTMP_URL HTTP_URL CONTROL_PLANE_CONTAINER NETWORK_GATEWAY

Needs three http-gateways and two rtmp-gateways behind the edge; kills one http-gateway. One line a check, as check.sh
prints them; exit code 1 where one failed. NETWORK_GATEWAY is the address by which clients on this machine come in.
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


def main():
    made = []

    def start(tool):
        made.append(tool)
        return tool

    try:
        run(start)
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
