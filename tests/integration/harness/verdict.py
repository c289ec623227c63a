"""What a viewer's report must say when nothing went wrong."""


def flawless(report, tolerance_ms=2):
    """None where every frame from the first to the last is there once, in order, intact, at its time; else why."""
    for name in ("missing", "doubled", "reordered", "damaged", "foreign", "dts_backwards", "before_header",
                 "starts_without_key"):
        if report[name]:
            return f"{name} = {report[name]}"
    if not report["runs"]:
        return "no frames"
    for run in report["runs"]:
        if run["offset_spread_ms"] > tolerance_ms:
            return f"timestamps wander by {run['offset_spread_ms']} ms"
    if report["ended"].startswith("protocol"):
        return report["ended"]
    return None


def assert_flawless(end, viewers=None, **options):
    for i, report in enumerate(end["viewers"]):
        if viewers is None or i in viewers:
            problem = flawless(report, **options)
            assert problem is None, (f"viewer {i}: {problem}", report)


def assert_saw_the_end(end, sources, viewers=None):
    """Each viewer's last frames are the last that the source of their run has written."""
    written = {row["run"]: row for source in sources for row in source["streams"]}
    for i, report in enumerate(end["viewers"]):
        if viewers is not None and i not in viewers:
            continue
        last = report["runs"][-1]
        for kind in ("video", "audio"):
            if kind in last:
                assert last[kind]["last"] == written[last["run"]][kind] - 1, (i, kind, last, written)
