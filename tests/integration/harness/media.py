"""ffmpeg's reports about media, read and compared."""

import subprocess
from dataclasses import dataclass


@dataclass
class Packet:
    dts_ms: float
    pts_ms: float
    size: int
    digest: str


def run(*argv, timeout=60, check=True):
    result = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=timeout)
    if check:
        assert result.returncode == 0, (argv, result.returncode, result.stdout[-2000:], result.stderr[-3000:])
    return result


def read_framemd5(path):
    """Packets by kind ("video", "audio"), in the order of the file."""
    bases, kinds, packets = {}, {}, {}
    for line in path.read_text().splitlines():
        if line.startswith("#tb "):
            index, _, fraction = line[4:].partition(": ")
            numerator, denominator = map(int, fraction.split("/"))
            bases[int(index)] = 1000 * numerator / denominator
        elif line.startswith("#media_type "):
            index, _, kind = line[12:].partition(": ")
            kinds[int(index)] = kind
            packets[kind] = []
        elif line and not line.startswith("#"):
            index, dts, pts, _, size, digest = [part.strip() for part in line.split(",")][:6]
            base = bases[int(index)]
            packets[kinds[int(index)]].append(
                Packet(int(dts) * base, int(pts) * base, int(size), digest))
    return packets


def packets_of(source, destination):
    """What `-c copy -f framemd5` says of a file."""
    run("ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y", "-copyts", "-i", source,
        "-map", "0", "-c", "copy", "-f", "framemd5", destination)
    return read_framemd5(destination)


def assert_same_packets(source, seen, whole=True):
    """`seen` is `source` in order, bytes and all, shifted in time by one constant for all tracks.

    With whole=False the viewer may have come late and left early: it saw a run of consecutive packets.
    """
    assert set(seen) == set(source), (set(source), set(seen))
    shifts = {}
    for kind, wanted in source.items():
        got = seen[kind]
        assert got, f"no {kind}"
        first = 0
        if whole:
            assert len(got) == len(wanted), f"{kind}: {len(got)} packets instead of {len(wanted)}"
        else:
            digests = [p.digest for p in wanted]
            assert got[0].digest in digests, f"the first {kind} packet is not the source's"
            first = digests.index(got[0].digest)
        for i, packet in enumerate(got):
            original = wanted[first + i]
            assert packet.digest == original.digest, f"{kind} packet {i} (source {first + i}) differs"
        for before, after in zip(got, got[1:]):
            assert after.dts_ms >= before.dts_ms, f"{kind}: dts goes back to {after.dts_ms}"
        moved = [(p.dts_ms - wanted[first + i].dts_ms, p.pts_ms - wanted[first + i].pts_ms)
                 for i, p in enumerate(got)]
        shifts[kind] = [value for pair in moved for value in pair]
    flat = [value for values in shifts.values() for value in values]
    # Audio of a millisecond container is put back on its sample grid, which moves it by up to 1 ms.
    assert max(flat) - min(flat) <= 2, \
        {kind: (min(values), max(values)) for kind, values in shifts.items()}


def decoded_frames(path):
    """How many frames of each kind decode, and what the decoder complained of."""
    counts = {}
    for kind in ("v", "a"):
        result = run("ffprobe", "-v", "error", "-select_streams", kind, "-count_frames",
                     "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", path)
        if result.stdout.strip():
            counts[kind] = int(result.stdout.strip().rstrip(",").splitlines()[0])
    return counts
