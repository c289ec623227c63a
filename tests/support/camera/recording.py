"""What a camera sends: access units with their times, out of any file that ffmpeg reads.

Video is split from its Annex-B elementary stream, AAC from ADTS, G.711 from its bare bytes; only times come from ffprobe.
"""

import json
import subprocess
from dataclasses import dataclass, field

START_CODE = b"\0\0\0\1"
ADTS_RATES = [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350]
G711_PACKET_S = 0.04  # as most cameras cut it


@dataclass
class Unit:
    """An access unit. Times in seconds from the beginning of the recording; video is in the order of decoding."""

    dts: float
    pts: float
    nals: list = field(default_factory=list)  # video, without parameter sets and delimiters
    data: bytes = b""  # audio
    key: bool = False


@dataclass
class Track:
    codec: str  # h264 h265 aac pcma pcmu
    units: list
    clock_rate: int
    channels: int = 1
    parameter_sets: list = field(default_factory=list)  # (VPS,) SPS, PPS
    config: bytes = b""  # AudioSpecificConfig


@dataclass
class Recording:
    video: Track = None
    audio: Track = None
    duration: float = 0


def load(path):
    streams = json.loads(_run("ffprobe", "-v", "error", "-show_streams", "-of", "json", path))["streams"]
    kinds = {"h264": "h264", "hevc": "h265", "aac": "aac", "pcm_alaw": "pcma", "pcm_mulaw": "pcmu"}
    recording = Recording()
    for stream in streams:
        codec = kinds.get(stream.get("codec_name"))
        if codec in ("h264", "h265") and recording.video is None:
            recording.video = _load_video(path, codec)
        elif codec and codec not in ("h264", "h265") and recording.audio is None:
            recording.audio = _load_audio(path, codec, stream)
    tracks = [t for t in (recording.video, recording.audio) if t is not None]
    if not tracks:
        raise SystemExit(f"{path}: neither H.264, H.265, AAC nor G.711 in it")
    _rebase(recording, tracks)
    return recording


def make(path, video="h264", audio="aac", seconds=8, rate=48000, gop=50, bframes=0, slices=1, size="320x240",
         bitrate=0):
    """Makes a recording. Eight seconds are a whole number of AAC units at 48 and 16 kHz: it loops without a seam."""
    command = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y"]
    if video:
        command += ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25"]
    if audio:
        # A sound that never repeats, so that each access unit is one of a kind.
        command += ["-f", "lavfi", "-i", f"aevalsrc=0.3*sin(2*PI*t*(200+60*t)):s={rate}"]
    if video == "h264":
        command += ["-c:v", "libx264", "-preset", "veryfast", "-x264-params",
                    f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={bframes}:slices={slices}"]
        if bitrate:  # noise, so that there is something to spend it on
            command += ["-vf", "noise=alls=30:allf=t", "-b:v", str(bitrate), "-maxrate", str(bitrate), "-bufsize", str(bitrate)]
    elif video == "h265":
        command += ["-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params",
                    f"log-level=error:keyint={gop}:min-keyint={gop}:scenecut=0:bframes={bframes}:open-gop=0"]
    if audio:
        command += {"aac": ["-c:a", "aac", "-b:a", "64k"], "pcma": ["-c:a", "pcm_alaw"],
                    "pcmu": ["-c:a", "pcm_mulaw"]}[audio] + ["-ac", "1"]
    _run(*command, "-pix_fmt", "yuv420p", "-t", str(seconds), "-f", "mov", path)


def make_for(profile, path):
    """A recording of what a profile sends."""
    audio = None if profile.audio == "none" else profile.audio
    make(path, profile.video, audio, profile.seconds, profile.audio_rate, profile.gop, profile.bframes, profile.slices)


def _run(*argv):
    result = subprocess.run([str(a) for a in argv], capture_output=True, stdin=subprocess.DEVNULL, check=False)
    if result.returncode != 0:
        raise SystemExit(f"{argv[0]}: {result.stderr.decode(errors='replace').strip()}")
    return result.stdout


def _packet_times(path, selector):
    text = _run("ffprobe", "-v", "error", "-select_streams", selector, "-show_entries", "packet=pts_time,dts_time",
                "-of", "json", path)
    packets = json.loads(text)["packets"]
    return [(float(p.get("dts_time", p.get("pts_time"))), float(p["pts_time"])) for p in packets]


def split_annexb(stream):
    """NAL units without their start codes."""
    nals, at = [], stream.find(b"\0\0\1")
    while at >= 0:
        following = stream.find(b"\0\0\1", at + 3)
        nals.append(stream[at + 3:following if following >= 0 else len(stream)].rstrip(b"\0"))
        at = following
    return nals


def nal_kind(codec, nal):
    """(type, "picture" | "sets" | "delimiter" | "other")"""
    if codec == "h264":
        kind = nal[0] & 31
        names = {1: "picture", 5: "picture", 7: "sets", 8: "sets", 9: "delimiter"}
    else:
        kind = nal[0] >> 1 & 63
        names = {32: "sets", 33: "sets", 34: "sets", 35: "delimiter", **{i: "picture" for i in range(32)}}
    return kind, names.get(kind, "other")


def is_key(codec, nal):
    kind, _ = nal_kind(codec, nal)
    return kind == 5 if codec == "h264" else 16 <= kind <= 21


def access_units(codec, nals):
    """Lists of NAL units, one list a picture: a picture begins where its first slice says that it is the first."""
    units, current, has_picture = [], [], False
    for nal in nals:
        kind, name = nal_kind(codec, nal)
        if name == "picture":
            begins = nal[1 if codec == "h264" else 2] & 0x80
        else:
            begins = not (codec == "h265" and kind in (36, 37, 38, 40))  # those belong to the picture before
        if has_picture and begins:
            units.append(current)
            current, has_picture = [], False
        current.append(nal)
        has_picture = has_picture or name == "picture"
    return units + [current] if has_picture else units


def _load_video(path, codec):
    format_name = {"h264": "h264", "h265": "hevc"}[codec]
    stream = _run("ffmpeg", "-v", "error", "-nostdin", "-i", path, "-map", "0:v:0", "-c", "copy", "-f", format_name, "-")
    grouped = access_units(codec, split_annexb(stream))
    times = _packet_times(path, "v:0")
    if len(grouped) != len(times):
        raise SystemExit(f"{path}: {len(grouped)} pictures with {len(times)} times")
    sets = {}
    units = []
    for nals, (dts, pts) in zip(grouped, times):
        for nal in nals:
            kind, name = nal_kind(codec, nal)
            if name == "sets":
                sets.setdefault(kind, nal)
        kept = [nal for nal in nals if nal_kind(codec, nal)[1] in ("picture", "other")]
        units.append(Unit(dts, pts, nals=kept, key=any(is_key(codec, nal) for nal in kept)))
    return Track(codec, units, 90000, parameter_sets=[sets[kind] for kind in sorted(sets)])


def _load_audio(path, codec, stream):
    rate, channels = int(stream["sample_rate"]), int(stream["channels"])
    format_name = {"aac": "adts", "pcma": "alaw", "pcmu": "mulaw"}[codec]
    data = _run("ffmpeg", "-v", "error", "-nostdin", "-i", path, "-map", "0:a:0", "-c", "copy", "-f", format_name, "-")
    start = _packet_times(path, "a:0")[0][1]
    track = Track(codec, [], rate, channels)
    if codec != "aac":
        size = int(rate * G711_PACKET_S) * channels
        for i, at in enumerate(range(0, len(data) - size + 1, size)):
            time = start + i * G711_PACKET_S
            track.units.append(Unit(time, time, data=data[at:at + size]))
        return track
    at = 0
    while at + 7 <= len(data):
        header = data[at:at + 7]
        size = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
        time = start + len(track.units) * 1024 / rate
        track.units.append(Unit(time, time, data=data[at + (7 if header[1] & 1 else 9):at + size]))
        if not track.config:
            profile, index = header[2] >> 6, header[2] >> 2 & 15
            config = (profile + 1) << 11 | index << 7 | channels << 3
            track.config = config.to_bytes(2, "big")
        at += size
    return track


def _rebase(recording, tracks):
    """The first picture is decoded at 0; sound begins and ends with the pictures."""
    lead = recording.video or recording.audio
    start = lead.units[0].dts
    for track in tracks:
        for unit in track.units:
            unit.dts -= start
            unit.pts -= start
    step = lead.units[1].dts - lead.units[0].dts
    recording.duration = lead.units[-1].dts + step
    for track in tracks:
        track.units = [u for u in track.units if -1e-6 <= u.dts < recording.duration - 1e-6]


def adts_header(track, size):
    """The seven bytes that some cameras leave in front of each AAC unit."""
    full = size + 7
    index = ADTS_RATES.index(track.clock_rate)
    return bytes([0xFF, 0xF1, 1 << 6 | index << 2 | track.channels >> 2, (track.channels & 3) << 6 | full >> 11,
                  full >> 3 & 0xFF, (full & 7) << 5 | 0x1F, 0xFC])
