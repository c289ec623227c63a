"""Records of tags, a line each, that stream-source and stream-check write."""

import json


def read_record(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def media(record, viewer=None, packet="frame"):
    return [line for line in record if line["type"] != 18 and line["packet"] == packet
            and (viewer is None or line["viewer"] == viewer)]


def assert_same_frames(sent, seen, kind):
    """Every frame of one kind, in order, with its time; the stream starts at zero for sender and viewer."""
    sent = [line for line in media(sent) if line["type"] == kind]
    seen = [line for line in media(seen) if line["type"] == kind]
    assert sent and [line["hash"] for line in seen] == [line["hash"] for line in sent]
    assert [line["key"] for line in seen] == [line["key"] for line in sent]
    shifts = {now["ms"] + now["composition"] - then["ms"] - then["composition"]
              for now, then in zip(seen, sent)}
    assert max(shifts) - min(shifts) <= 2, shifts
