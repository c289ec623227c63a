"""Cameras, one entry each: a profile is how a device differs from the one that does all as the books say."""

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True)
class Profile:
    about: str = ""
    path: str = "/live"
    server: str = "Rtsp Server"
    # What it sends.
    video: str = "h264"  # h264 h265 or vp8 (described, and never sent)
    audio: str = "aac"  # aac pcma pcmu or none
    audio_rate: int = 16000
    bframes: int = 0
    slices: int = 1
    gop: int = 50
    seconds: int = 8

    # --- login ---
    user: str = ""
    password: str = ""
    auth: str = "digest"  # basic digest both sha256 (listed beside MD5)
    digest_uri: str = "any"  # any; request: the digest's uri must be the request line's
    nonce_life: str = "connection"  # connection; camera: one for all; method: another nonce for each method; request: for each request
    stale_flag: bool = True  # says so when a nonce was
    hangs_up_after_401: bool = False
    needs_user_agent: bool = False  # 401 without a challenge to whoever does not name itself

    # --- messages ---
    line_end: str = "\r\n"
    folded_headers: bool = False
    cseq_name: str = "CSeq"
    public: str = "OPTIONS, DESCRIBE, SETUP, TEARDOWN, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER"
    junk_get_parameter: bool = False  # hangs up when it gets one
    timeout_s: int = 60
    enforces_timeout: bool = False  # ends sessions that keep silent; RTCP does not count

    # --- description ---
    sprop: str = "good"  # good none start_codes broken
    packetization_mode: str = "1"
    video_rtpmap: bool = True
    audio_rtpmap: bool = True  # without it the payload type is the static one
    audio_config: bool = True
    session_control: str = "*"  # * absolute none
    control: str = "relative"  # relative absolute none
    control_name: str = "trackID=%d"
    base: str = "slash"  # Content-Base: slash plain none foreign (another address); location: Content-Location
    metadata: bool = False
    back_channel: str = "none"  # none; right: a second sound, sendonly; wrong: the only sound says sendonly
    second_video: bool = False

    # --- transport ---
    udp: str = "yes"  # yes refused (461) silent (set up, and no packet comes)
    tcp: bool = True  # else 461
    describe_again: bool = False  # another transport needs another DESCRIBE
    server_port: bool = True
    tcp_reply: str = "plain"  # plain; single: interleaved=0; profile: RTP/AVP without /TCP; remapped
    rtp_info: str = "good"  # good none wrong
    early_media: bool = False  # packets before the answer to PLAY
    junk_between_frames: bool = False

    # --- RTP ---
    mtu: int = 1400
    marker: str = "good"  # good missing parameter_sets nals
    in_band: str = "key"  # key: parameter sets before each key frame; never
    aggregate: bool = False  # STAP-A, AP
    annexb_in_packet: bool = False
    delimiter: str = "none"  # none first odd
    aus_per_packet: int = 1
    aac_mtu: int = 1400
    adts: bool = False
    latm: bool = False
    index_delta: int = 0
    first_sequence: int = -1  # -1: random, here and below
    first_timestamp: int = -1
    starts_at_s: float = 0  # where in the recording, for cameras that do not wait for a key frame
    reports: str = "good"  # good none wrong (sound 20 s off) jumping (by a second, there and back)
    report_every_s: float = 5
    timestamp_step_s: float = 0  # of all tracks, there and back, every step_every_s
    step_every_s: float = 3
    new_ssrc_after_s: float = 0
    bye_after_s: float = 0



PROFILES = {
    "plain": Profile("does all as the books say"),
    "b_frames": Profile("a server with B-frames", bframes=2, audio_rate=48000),
    "video_only": Profile("no sound", audio="none"),
    "hikvision": Profile(
        "query in the path, 401 to each method, another DESCRIBE for another transport, hangs up on GET_PARAMETER",
        path="/Streaming/Channels/101?transportmode=unicast&profile=Profile_1", user="admin", password="hik12345+",
        control="absolute", session_control="absolute", nonce_life="method", describe_again=True,
        junk_get_parameter=True, public="OPTIONS, DESCRIBE, PLAY, PAUSE, SETUP, TEARDOWN, SET_PARAMETER",
        audio="pcmu", audio_rate=8000, metadata=True, udp="silent", gop=50),
    "hikvision_smart": Profile(
        "SmartCodec: twelve seconds from key frame to key frame, and a clock that is set once a second",
        path="/Streaming/Channels/101", user="admin", password="12345", gop=300, seconds=24, starts_at_s=1,
        reports="jumping", report_every_s=1, audio="pcma", audio_rate=8000),
    "dahua": Profile(
        "query in the path and in Content-Base, no fmtp for the picture, timestamps that are set by a second",
        path="/cam/realmonitor?channel=1&subtype=0", user="admin", password="admin", nonce_life="connection",
        sprop="none", packetization_mode="", timestamp_step_s=1, reports="jumping", back_channel="right"),
    "reolink": Profile(
        "no parameter sets in the description, markers on those in band", server="Rtsp Server 1.0",
        path="/h264Preview_01_main", user="admin", password="reo link/1", sprop="none", marker="parameter_sets",
        control_name="track%d", audio_rate=16000),
    "reolink_h265": Profile("Duo 2: H.265, markers on parameter sets", path="/h265Preview_01_main", video="h265",
                            sprop="none", marker="parameter_sets"),
    "tapo": Profile(
        "a password that needs escapes, packets of more than 10,000 bytes", path="/stream1", user="cam@home",
        password="p@ss:w%rd/#?", mtu=14000, audio="pcma", audio_rate=8000, audio_rtpmap=False, back_channel="right"),
    "tapo_tc70": Profile("markers on parameter sets, each in a packet of its own", path="/stream1", user="joe",
                         password="s3cret", marker="parameter_sets", audio="pcma", audio_rate=8000, slices=2),
    "amcrest": Profile("delimiters behind parameter sets and pictures", path="/cam/realmonitor?channel=1&subtype=1",
                       user="admin", password="amcrest1", delimiter="odd", auth="both", audio="pcma", audio_rate=8000),
    "flir": Profile("no marker at all", path="/avc", marker="missing", audio="none", session_control="none"),
    "openipc": Profile("UDP without server_port, no sender reports", path="/stream=0", server_port=False,
                       reports="none", user="root", password="12345", auth="basic", control_name="stream=%d"),
    "escam": Profile("RTP/AVP without /TCP, one channel instead of a pair, lines that end with LF",
                     path="/user=admin_password=tlJwpbo6_channel=1_stream=0.sdp?real_stream", tcp_reply="profile",
                     line_end="\n", cseq_name="Cseq", audio="pcma", audio_rate=8000, audio_rtpmap=False),
    "intelbras": Profile("sound whose reports are 20 s off", path="/cam/realmonitor?channel=1&subtype=0", user="admin",
                         password="admin", reports="wrong", report_every_s=1),
    "bosch": Profile("each request has its nonce; the digest's uri must be that of the request line",
                     path="/rtsp_tunnel?h26x=4&line=1&inst=1", user="service", password="Bosch-1", digest_uri="request",
                     nonce_life="request", stale_flag=False, timeout_s=6, enforces_timeout=True, control="absolute", audio="none", base="plain", second_video=True),
    "happytime": Profile("the digest's uri must be that of the request line; SHA-256 is listed, too",
                         path="/live/", user="admin", password="123456", auth="sha256", digest_uri="request",
                         control_name="realvideo%d"),
    "onvif_backchannel": Profile("metadata, a back channel, a picture in two sizes", path="/onvif-media/media.amp",
                                 user="root", password="pass", metadata=True, back_channel="right", second_video=True,
                                 audio="pcmu", audio_rate=8000, audio_rtpmap=False),
    "onvif_wrong_flag": Profile("the only sound says that it is a back channel", path="/profile1", back_channel="wrong",
                                audio="pcma", audio_rate=8000),
    "uniview": Profile("Content-Location, folded headers, hangs up after 401", path="/unicast/c1/s0/live", user="admin",
                       password="123456_A", base="location", folded_headers=True, hangs_up_after_401=True, nonce_life="camera",
                       video="h265", aggregate=True),
    "vivotek": Profile("nothing for who does not name itself, remapped channels, one control that is missing",
                       path="/live.sdp", needs_user_agent=True, tcp_reply="remapped", audio="none", control="none",
                       base="none"),
    "behind_nat": Profile("its URLs name an address that nobody reaches", path="/live/ch0", base="foreign",
                          control="absolute", session_control="absolute", rtp_info="wrong"),
    "start_codes": Profile("Annex B in the description and in the packets", path="/11", sprop="start_codes",
                           annexb_in_packet=True, packetization_mode="0"),
    "broken_sprop": Profile("parameter sets that are none, in the description", path="/12", sprop="broken"),
    "out_of_band": Profile("parameter sets in the description only", in_band="never", aggregate=True),
    "udp_refused": Profile("461 for UDP", udp="refused", tcp_reply="single"),
    "udp_only": Profile("461 for TCP", tcp=False, audio="pcma", audio_rate=8000),
    "sleepy": Profile("a session of four seconds, unless something is asked", timeout_s=4, enforces_timeout=True),
    "sleepy_options": Profile("the same, and GET_PARAMETER is unknown", timeout_s=4, enforces_timeout=True,
                              public="OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN", junk_get_parameter=True),
    "noisy": Profile("junk between interleaved frames, packets before the answer to PLAY", junk_between_frames=True,
                     early_media=True),
    "aac_bundles": Profile("four AAC units a packet, whose index deltas are nonsense", aus_per_packet=4, index_delta=1,
                           audio_rate=48000),
    "aac_fragments": Profile("AAC units in fragments", aac_mtu=60),
    "aac_adts": Profile("AAC units with their ADTS header, no config", adts=True, audio_config=False),
    "latm": Profile("AAC as LATM", latm=True),
    "wraps": Profile("sequence numbers and timestamps wrap within seconds", first_sequence=65500,
                     first_timestamp=2**32 - 3 * 90000, audio="pcma", audio_rate=8000),
    "new_ssrc": Profile("another SSRC without another SETUP", new_ssrc_after_s=4, gop=25),
    "bye": Profile("says BYE and goes", bye_after_s=4, audio="pcma", audio_rate=8000),
    "mid_gop": Profile("begins between two key frames", starts_at_s=1),
    "vp8_only": Profile("a picture that we do not carry", video="vp8", audio="none"),
}


def profile_with(name, settings):
    """The profile with "field=value" settings put over it."""
    types = {f.name: f.type for f in fields(Profile)}
    readers = {"str": str, "int": int, "float": float, "bool": lambda v: v in ("1", "true", "yes")}
    changes = {}
    for setting in settings:
        key, _, value = setting.partition("=")
        if key not in types:
            raise SystemExit(f"no such setting: {key}; there are: {', '.join(sorted(types))}")
        kind = types[key] if isinstance(types[key], str) else types[key].__name__
        changes[key] = readers[kind](value)
    return replace(PROFILES[name], **changes)
