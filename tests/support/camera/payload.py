"""Access units to RTP payloads, well and badly. Each function returns [(payload, marker)]."""

from recording import START_CODE, adts_header, nal_kind

AUD = {"h264": b"\x09\xf0", "h265": b"\x46\x01\x50"}


def video_payloads(profile, track, unit, mtu):
    codec = track.codec
    nals = _with_parameter_sets(profile, track, unit)
    nals = _with_delimiters(profile, codec, nals)
    if profile.annexb_in_packet:
        nals = [START_CODE.join(nals)]
    packets = []
    if profile.aggregate:
        nals = _aggregate(codec, nals, mtu, packets)
    for nal in nals:
        parts = _fragment(codec, nal, mtu) if len(nal) > mtu else [nal]
        end = profile.marker == "nals" or (
            profile.marker == "parameter_sets" and nal_kind(codec, nal)[1] == "sets")
        packets += [(part, end and part is parts[-1]) for part in parts]
    if profile.marker != "missing":
        packets[-1] = (packets[-1][0], True)
    return packets


def _with_parameter_sets(profile, track, unit):
    if not unit.key or profile.in_band == "never":
        return list(unit.nals)
    return track.parameter_sets + unit.nals


def _with_delimiters(profile, codec, nals):
    if profile.delimiter == "none":
        return nals
    if profile.delimiter == "first":
        return [AUD[codec]] + nals
    # Amcrest: behind the parameter sets, and behind the picture.
    sets = [nal for nal in nals if nal_kind(codec, nal)[1] == "sets"]
    return sets + [AUD[codec]] + nals[len(sets):] + [AUD[codec]]


def _aggregate(codec, nals, mtu, packets):
    """Puts the small NAL units in front into one packet; returns the others."""
    small = []
    while nals and len(nals[0]) + sum(len(n) + 2 for n in small) < mtu and nal_kind(codec, nals[0])[1] != "picture":
        small.append(nals[0])
        nals = nals[1:]
    if len(small) > 1:
        head = b"\x78" if codec == "h264" else b"\x60\x01"
        packets.append((head + b"".join(len(n).to_bytes(2, "big") + n for n in small), False))
        return nals
    return small + nals


def _fragment(codec, nal, mtu):
    """FU-A of RFC 6184, FU of RFC 7798."""
    if codec == "h264":
        head, kind, body = bytes([nal[0] & 0xE0 | 28]), nal[0] & 31, nal[1:]
    else:
        head, kind, body = bytes([nal[0] & 0x81 | 49 << 1, nal[1]]), nal[0] >> 1 & 63, nal[2:]
    room = mtu - len(head) - 1
    pieces = [body[i:i + room] for i in range(0, len(body), room)]
    marks = [0x80 * (i == 0) | 0x40 * (i == len(pieces) - 1) for i in range(len(pieces))]
    return [head + bytes([mark | kind]) + piece for mark, piece in zip(marks, pieces)]


def audio_payloads(profile, track, units, mtu):
    """One or several units of one packet; a unit that is too large for it is fragmented."""
    if track.codec != "aac":
        return [(b"".join(u.data for u in units), False)]
    datas = [(adts_header(track, len(u.data)) if profile.adts else b"") + u.data for u in units]
    if profile.latm:
        return [(b"\xff" * (len(d) // 255) + bytes([len(d) % 255]) + d, True) for d in datas]
    if len(datas) == 1 and len(datas[0]) > mtu:
        pieces = [datas[0][i:i + mtu] for i in range(0, len(datas[0]), mtu)]
        head = b"\x00\x10" + (len(datas[0]) << 3).to_bytes(2, "big")
        return [(head + piece, i == len(pieces) - 1) for i, piece in enumerate(pieces)]
    head = (16 * len(datas)).to_bytes(2, "big")
    for i, data in enumerate(datas):
        head += (len(data) << 3 | (profile.index_delta if i else 0)).to_bytes(2, "big")
    return [(head + b"".join(datas), True)]


def latm_config(track):
    """StreamMuxConfig (ISO 14496-3 table 1.42): one program, one layer, lengths in the packets."""
    bits = "0" + "1" + "000000" + "0000" + "000"
    bits += format(int.from_bytes(track.config, "big"), "016b") + "000" + "11111111" + "0" + "0"
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")
