#!/usr/bin/env python3
"""Writes the golden batches beside it, from proto/README.md alone: a second encoder in another language.

Each .hex file is one batch message, 16 bytes a line; the C++ encoder must produce and read exactly these.
"""

import pathlib
import struct

BATCH = struct.Struct("<4sIQQQQIIIIq")
FRAME = struct.Struct("<BxHHxxIIIIqqqqQ")
RANDOM_ACCESS, DISCONTINUITY = 1, 2  # batch flags


def batch(stream_id, term, epoch, version, flags, frames):
    """`frames`: dictionaries with the fields of the contract; payload includes the TLVs."""
    first = frames[0]
    if first["flags"] & 0x20:
        flags |= DISCONTINUITY
    dts_end = max(f["dts"] + f["duration"] for f in frames)
    out = BATCH.pack(b"MRB1", flags, stream_id, term, epoch, first["sequence"], len(frames), version,
                     first["gop"], 0, dts_end)
    for f in frames:
        out += FRAME.pack(f["track"], f["flags"], f.get("header_len", 0), len(f["payload"]), f["gop"],
                          f["segment"], f["discontinuity"], f["dts"], f["pts"], f["duration"],
                          f["ingest"], f["sequence"])
    return out + b"".join(f["payload"] for f in frames)


def frame(sequence, **fields):
    base = dict(track=1, flags=0, gop=1, segment=1700000000, discontinuity=0, dts=0, pts=0,
                duration=40_000_000, ingest=1_700_000_000_123_456_789, payload=b"")
    return {**base, "sequence": sequence, **fields}


GOLDEN = {
    # A key frame with relayed TLVs in front of its access unit, and the audio that goes with it.
    "gop_start": batch(
        0x0123456789ABCDEF, 7, 1_700_000_000_000, 3, RANDOM_ACCESS,
        [frame(1000, flags=0x01, gop=42, pts=80_000_000, header_len=4,
               payload=bytes.fromhex("06020aff 00000003 658884")),
         frame(1001, track=2, flags=0x01, gop=42, dts=21_333_333, pts=21_333_333,
               duration=21_333_333, payload=bytes.fromhex("2110056020"))]),
    # One picture that nothing depends on, behind an interruption, on a timeline that began below zero.
    "discontinuity": batch(
        1, 0, 2, 1, 0,
        [frame(1, flags=0x20 | 0x10, gop=0, segment=0, discontinuity=5, dts=-40_000_000, pts=-1,
               duration=33_366_667, ingest=0, payload=b"\x00\x00\x00\x01\x41")]),
    # The largest numbers, and a frame without payload.
    "extremes": batch(
        2**64 - 1, 2**64 - 2, 2**62, 2**32 - 1, 0,
        [frame(2**64 - 5000, track=255, flags=0x7F, gop=2**32 - 1, segment=2**32 - 1,
               discontinuity=2**32 - 1, dts=2**62, pts=-(2**62), duration=1, ingest=2**62)]),
}

if __name__ == "__main__":
    folder = pathlib.Path(__file__).parent
    for name, message in GOLDEN.items():
        lines = [message[i:i + 16].hex(" ") for i in range(0, len(message), 16)]
        (folder / f"{name}.hex").write_text("\n".join(lines) + "\n")
