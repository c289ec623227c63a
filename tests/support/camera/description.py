"""The session description of a profile, and the URLs that it leads to."""

import base64
from dataclasses import dataclass
from urllib.parse import urlsplit

from payload import latm_config
from recording import START_CODE

STATIC = {"pcmu": 0, "pcma": 8}


@dataclass
class Media:
    """One m= section. `url` is where its SETUP must go, without scheme and host; `track` is what it sends, if anything."""

    kind: str
    payload_type: int
    lines: list
    url: str = ""
    track: object = None


def describe(profile, recording, host):
    """(text of the description, [Media])"""
    medias = []
    if profile.video == "vp8":
        medias.append(Media("video", 96, ["a=rtpmap:96 VP8/90000"]))
    elif recording.video is not None:
        medias.append(_video(profile, recording.video, 96))
        if profile.second_video:
            medias.append(_video(profile, recording.video, 98))
    if recording.audio is not None:
        medias.append(_audio(profile, recording.audio))
    if profile.back_channel == "right":
        medias.append(Media("audio", 0, ["a=rtpmap:0 PCMU/8000", "a=sendonly"]))
    if profile.metadata:
        medias.append(Media("application", 107, ["a=rtpmap:107 vnd.onvif.metadata/90000"]))
    address = "192.168.1.64:554" if profile.base == "foreign" else host
    lines = ["v=0", "o=- 1109162014219182 1 IN IP4 0.0.0.0", "s=Media Presentation", "c=IN IP4 0.0.0.0", "t=0 0"]
    if profile.session_control == "*":
        lines.append("a=control:*")
    elif profile.session_control == "absolute":
        lines.append(f"a=control:rtsp://{address}{profile.path}")
    for i, media in enumerate(medias):
        media.url, control = _control(profile, i, address)
        lines.append(f"m={media.kind} 0 RTP/AVP {media.payload_type}")
        lines += media.lines
        if control:
            lines.append(f"a=control:{control}")
    return profile.line_end.join(lines) + profile.line_end, medias


def path_of(uri):
    """The path with its query, as it stands in a request line."""
    parts = urlsplit(uri)
    return parts.path + ("?" + parts.query if parts.query else "")


def _control(profile, index, address):
    """(the path that SETUP must name, the value of a=control)"""
    name = profile.control_name % index
    if profile.control == "none":
        return profile.path, ""
    path = profile.path.rstrip("/") + "/" + name
    return path, f"rtsp://{address}{path}" if profile.control == "absolute" else name


def _video(profile, track, payload_type):
    lines = []
    name = {"h264": "H264", "h265": "H265"}[track.codec]
    if profile.video_rtpmap:
        lines.append(f"a=rtpmap:{payload_type} {name}/90000")
    sets = track.parameter_sets
    if profile.sprop == "start_codes":
        sets = [START_CODE + nal for nal in sets]
    elif profile.sprop == "broken":
        sets = [b"\x67" + bytes(5)] * len(sets)
    coded = [base64.b64encode(nal).decode() for nal in sets]
    settings = []
    if track.codec == "h264":
        if profile.packetization_mode:
            settings.append(f"packetization-mode={profile.packetization_mode}")
        if profile.sprop != "none":
            settings.append("sprop-parameter-sets=" + ",".join(coded))
    elif profile.sprop != "none":
        settings += [f"sprop-{kind}={text}" for kind, text in zip(("vps", "sps", "pps"), coded)]
    if settings:
        lines.append(f"a=fmtp:{payload_type} " + ";".join(settings))
    return Media("video", payload_type, lines, track=track)


def _audio(profile, track):
    if track.codec in STATIC:
        payload_type = STATIC[track.codec] if track.clock_rate == 8000 else 97
        lines = [f"a=rtpmap:{payload_type} {track.codec.upper()}/{track.clock_rate}"] if profile.audio_rtpmap else []
    elif profile.latm:
        payload_type = 97
        lines = [f"a=rtpmap:97 MP4A-LATM/{track.clock_rate}/{track.channels}",
                 f"a=fmtp:97 profile-level-id=1;cpresent=0;config={latm_config(track).hex()}"]
    else:
        payload_type = 97
        config = f";config={track.config.hex()}" if profile.audio_config else ""
        lines = [f"a=rtpmap:97 mpeg4-generic/{track.clock_rate}/{track.channels}",
                 "a=fmtp:97 streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;"
                 "indexdeltalength=3" + config]
    if profile.back_channel == "wrong":
        lines.append("a=sendonly")
    elif profile.back_channel == "right":
        lines.append("a=recvonly")
    return Media("audio", payload_type, lines, track=track)
