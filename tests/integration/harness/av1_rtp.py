"""AV1 over RTP by the AV1 RTP specification alone, for want of a program that speaks it; and AV1 in files."""

from typing import NamedTuple

SEQUENCE_HEADER, TEMPORAL_DELIMITER, TILE_LIST, PADDING = 1, 2, 8, 15
NOT_SENT = (TEMPORAL_DELIMITER, TILE_LIST, PADDING)  # §5
Z, Y, N = 0x80, 0x40, 0x08  # of the aggregation header, §4.4


class Obu(NamedTuple):
    """Without its size: what an OBU is, however it travels."""
    kind: int
    extension: bytes
    payload: bytes

    def bytes(self):
        return bytes([self.kind << 3 | (4 if self.extension else 0)]) + self.extension + self.payload


def leb128(value):
    out = bytearray()
    while True:
        out.append(value & 0x7F | (0x80 if value > 0x7F else 0))
        value >>= 7
        if not value:
            return bytes(out)


def read_leb128(data, at):
    """The value at `at`, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at
        assert shift < 56


def split_obus(data):
    """The low-overhead format: only the last may lack a size."""
    obus, at = [], 0
    while at < len(data):
        header = data[at]
        assert header & 0x81 == 0, "forbidden and reserved bits are 0"
        at += 1
        extension = data[at:at + 1] if header & 4 else b""
        at += len(extension)
        size, at = read_leb128(data, at) if header & 2 else (len(data) - at, at)
        assert at + size <= len(data), "an OBU is cut off"
        obus.append(Obu(header >> 3 & 15, extension, data[at:at + size]))
        at += size
    return obus


def read_ivf(path):
    """Of each temporal unit its OBUs, as far as they are sent."""
    data = path.read_bytes()
    assert data[:4] == b"DKIF" and data[8:12] == b"AV01"
    at, units = int.from_bytes(data[6:8], "little"), []
    while at < len(data):
        size = int.from_bytes(data[at:at + 4], "little")
        units.append([obu for obu in split_obus(data[at + 12:at + 12 + size]) if obu.kind not in NOT_SENT])
        at += 12 + size
    return units


class TemporalUnit(NamedTuple):
    timestamp: int
    new_sequence: bool
    obus: list


class Depacketizer:
    """Strict: what the specification does not allow fails."""

    def __init__(self):
        self.units = []
        self.sequence = None
        self._begin()

    def _begin(self):
        self.timestamp, self.new_sequence, self.obus, self.fragment = None, False, [], None

    def push(self, packet):
        assert packet[0] == 0x80, "version 2, no padding, no extension"
        marker = bool(packet[1] & 0x80)
        sequence, timestamp = int.from_bytes(packet[2:4], "big"), int.from_bytes(packet[4:8], "big")
        assert self.sequence is None or sequence == self.sequence + 1 & 0xFFFF
        self.sequence = sequence
        first = self.timestamp is None
        assert first or timestamp == self.timestamp, "a temporal unit has one timestamp and ends with a marker"
        self.timestamp = timestamp
        header, payload = packet[12], packet[13:]
        assert header & 7 == 0 and payload
        assert bool(header & Z) == (self.fragment is not None), "Z says what the packet before said"
        if header & N:
            assert first and not header & Z, "N is of the first packet of a temporal unit"
            self.new_sequence = True
        self._elements(header, payload)
        if marker:
            assert self.fragment is None, "an OBU ends in its temporal unit"
            self.units.append(TemporalUnit(timestamp, self.new_sequence, self.obus))
            self._begin()

    def _elements(self, header, payload):
        count, at, number = header >> 4 & 3, 0, 0
        while at < len(payload):
            number += 1
            size = len(payload) - at
            if count == 0 or number < count:
                size, at = read_leb128(payload, at)
            element, at = payload[at:at + size], at + size
            assert at <= len(payload) and element
            whole = (self.fragment or b"") + element
            if at == len(payload) and header & Y:
                self.fragment = whole
            else:
                self.fragment = None
                assert not whole[0] & 2, "sizes are not sent"
                obu, = split_obus(whole)
                assert obu.kind not in NOT_SENT, obu.kind
                self.obus.append(obu)
        assert count in (0, number), "W counts the elements"


def packetize(obus, room, counted):
    """(aggregation header and elements, marker) of each packet of a temporal unit: as much in each as `room` has.
    With `counted`, W says how many elements there are (up to three); else each has its size."""
    packets, elements, size = [], [], 0
    most = 3 if counted else len(obus)

    def end(goes_on):
        begins = not packets and obus[0].kind == SEQUENCE_HEADER
        header = (Z if packets and packets[-1][0][0] & Y else 0) | (Y if goes_on else 0) | (N if begins else 0)
        sized = elements if not counted else elements[:-1]
        body = b"".join(leb128(len(one)) + one for one in sized) + (elements[-1] if counted else b"")
        packets.append((bytes([header | (len(elements) << 4 if counted else 0)]) + body, False))
        elements.clear()

    for obu in obus:
        rest = obu.bytes()
        while rest:
            left = room - 1 - size
            if len(elements) == most or left < 4:
                end(False)
                left, size = room - 1, 0
            piece, rest = rest[:left - 2], rest[left - 2:]
            elements.append(piece)
            size += len(piece) + 2
            if rest:
                end(True)
                size = 0
    end(False)
    return [*packets[:-1], (packets[-1][0], True)]
