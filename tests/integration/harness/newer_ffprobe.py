"""ffprobe 7.1, from npm: unlike Debian's it reads HEVC, AV1 and VP9 in enhanced FLV."""

import json
import os
import re

from harness.browser import FOLDER

_FOLDER = FOLDER / "node_modules/@remotion/compositor-linux-x64-gnu"
PROGRAM = _FOLDER / "ffprobe"
ENVIRONMENT = dict(os.environ, LD_LIBRARY_PATH=str(_FOLDER))


def command(url):
    """What prints every packet that comes from there, as JSON for packets_of()."""
    return [PROGRAM, "-v", "error", "-rw_timeout", "20000000", "-show_streams", "-show_packets", "-show_data", "-of",
            "json", url]


def packets_of(output):
    """The streams, and their packets in order: {codec: [{"hash", "dts_ms", "pts_ms", "key"}…]}."""
    said = json.loads(output)
    names = {stream["index"]: stream["codec_name"] for stream in said["streams"]}
    packets = {name: [] for name in names.values()}
    for packet in said["packets_and_frames"] if "packets_and_frames" in said else said["packets"]:
        packets[names[packet["stream_index"]]].append({
            "hash": fnv1a(_bytes_of(packet["data"])), "dts_ms": 1000 * float(packet["dts_time"]),
            "pts_ms": 1000 * float(packet["pts_time"]), "key": "K" in packet["flags"]})
    return packets


def _bytes_of(dump):
    """The bytes of a dump: "00000000: 0000 0001 …  text" a line."""
    digits = (re.sub(r"^[0-9a-f]+: ((?:[0-9a-f]{2,4} )+).*$", r"\1", line) for line in dump.splitlines() if line)
    return bytes.fromhex("".join(digits))


def fnv1a(data):
    """64 bits, in decimal, as stream-source records it."""
    value = 0xcbf29ce484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001b3) & 0xffffffffffffffff
    return str(value)
