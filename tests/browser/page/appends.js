// What a player gives to Media Source Extensions: each sample of its fragmented MP4, hashed and timed.

// FNV-1a, 64 bits, in decimal: the hash of the records that stream-source writes.
function hash(bytes) {
  const mask = 0xffffffffffffffffn;
  let value = 0xcbf29ce484222325n;
  for (const byte of bytes) value = ((value ^ BigInt(byte)) * 0x100000001b3n) & mask;
  return value.toString();
}

function* boxes(view, from = 0, to = view.byteLength) {
  for (let at = from; at + 8 <= to;) {
    const size = view.getUint32(at);
    const type = String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at + 4, 4));
    if (size < 8 || at + size > to) throw new Error(`box ${type} of ${size} bytes`);
    yield { type, at, body: at + 8, end: at + size };
    at += size;
  }
}

function find(view, path, from = 0, to = view.byteLength) {
  for (const box of boxes(view, from, to)) {
    if (box.type !== path[0]) continue;
    return path.length === 1 ? box : find(view, path.slice(1), box.body, box.end);
  }
  return null;
}

// The samples of one movie fragment: {size, dts, composition}, in ticks of the track.
function samplesOf(view, moof) {
  const tfdt = find(view, ['traf', 'tfdt'], moof.body, moof.end);
  const wide = view.getUint8(tfdt.body) === 1;
  let dts = wide ? Number(view.getBigUint64(tfdt.body + 4)) : view.getUint32(tfdt.body + 4);
  const trun = find(view, ['traf', 'trun'], moof.body, moof.end);
  const flags = view.getUint32(trun.body) & 0xffffff;
  let at = trun.body + 8;
  const next = (flag) => {
    if (!(flags & flag)) return 0;
    at += 4;
    return view.getInt32(at - 4);
  };
  const count = view.getUint32(trun.body + 4);
  next(0x1);
  next(0x4);
  const samples = [];
  for (let i = 0; i < count; ++i) {
    const duration = next(0x100);
    const size = next(0x200);
    next(0x400);
    samples.push({ size, dts, composition: next(0x800) });
    dts += duration;
  }
  return samples;
}

class Track {
  constructor(mime) {
    this.mime = mime;
    this.inits = 0;
    this.samples = [];
    this.timescale = 1000;
  }

  append(data) {
    const bytes = data instanceof ArrayBuffer ? new Uint8Array(data)
      : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let pending = [];
    for (const box of boxes(view)) {
      if (box.type === 'moov') {
        this.inits += 1;
        const mdhd = find(view, ['trak', 'mdia', 'mdhd'], box.body, box.end);
        this.timescale = view.getUint32(mdhd.body + (view.getUint8(mdhd.body) === 1 ? 20 : 12));
      } else if (box.type === 'moof') {
        pending = samplesOf(view, box);
      } else if (box.type === 'mdat') {
        let at = box.body;
        const ms = (ticks) => ticks * 1000 / this.timescale;
        for (const { size, dts, composition } of pending) {
          const payload = hash(bytes.subarray(at, at + size));
          this.samples.push({ size, hash: payload, dts_ms: ms(dts), pts_ms: ms(dts + composition) });
          at += size;
        }
        if (at !== box.end) throw new Error(`mdat has ${box.end - at} bytes that no sample owns`);
      }
    }
  }
}

// Stands where this browser has no decoder: takes everything and plays nothing.
class Sink extends EventTarget {
  constructor(track) {
    super();
    Object.assign(this, { track, updating: false, mode: 'segments', timestampOffset: 0 });
    this.buffered = { length: 0 };
  }

  appendBuffer(data) {
    this.track.append(data);
    this.updating = true;
    queueMicrotask(() => {
      this.updating = false;
      this.dispatchEvent(new Event('updateend'));
    });
  }

  remove() { }
  abort() { }
}

const made = [];

class Recorder extends MediaSource {
  constructor() {
    super();
    this.tracks = [];
    made.push(this);
  }

  addSourceBuffer(mime) {
    const track = new Track(mime);
    this.tracks.push(track);
    track.decodes = MediaSource.isTypeSupported(mime);
    if (!track.decodes) return new Sink(track);
    const buffer = super.addSourceBuffer(mime);
    buffer.appendBuffer = (data) => {
      track.append(data);
      SourceBuffer.prototype.appendBuffer.call(buffer, data);
    };
    return buffer;
  }
}

// Runs `start`, which starts a player; returns what tells the tracks that it has appended since.
export function recordAppends(start) {
  window.MediaSource = Recorder;
  start();
  const source = made.pop();
  return () => source.tracks.map(({ mime, decodes, inits, samples }) => ({ mime, decodes, inits, samples }));
}
