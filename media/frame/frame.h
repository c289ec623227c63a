#pragma once
// The one frame format: an access unit and the numbers that every replica must share.

#include <cstdint>

#include "media/base/payload.h"

namespace millrace::media {

// Bits of Frame::flags; part of the bus contract.
enum FrameFlag : uint16_t {
  kClosedRandomAccess = 1 << 0,  // decodable with nothing before it (IDR; every frame of audio)
  kOpenRandomAccess =
      1 << 1,  // decodable from here, leading pictures excepted (CRA, recovery point)
  kGradualRefreshStart = 1 << 2,  // intra refresh begins here
  kLeading = 1 << 3,        // shown before the random-access point that it follows in dts order
  kNonReference = 1 << 4,   // nothing depends on it: first to be dropped
  kDiscontinuity = 1 << 5,  // the timeline was interrupted before this frame
  kCorrupt = 1 << 6,        // known to be damaged
};

// One access unit. Video: NAL units each behind a 4-byte length, without delimiters and parameter
// sets (AV1: a temporal unit of low-overhead OBUs; MJPEG: a whole JPEG image). Audio: one raw
// access unit.
struct Frame {
  uint8_t track = 0;
  uint16_t flags = 0;
  uint16_t header_len = 0;  // bytes of relayed TLVs at the front of payload
  uint32_t gop = 0;         // rises by one at each random-access point of the leading track
  uint32_t segment = 0;     // see stamper.h
  uint32_t discontinuity_sequence = 0;
  uint64_t sequence = 0;  // one counter per epoch over all tracks, from 1
  int64_t dts_ns = 0;     // monotonic within a track; 0 where the stream began
  int64_t pts_ns = 0;
  int64_t duration_ns = 0;     // 0 only where not even an estimate exists
  int64_t ingest_wall_ns = 0;  // Unix time at which the gateway had read the whole unit
  Payload payload;             // header_len bytes of TLVs, then the access unit

  bool random_access() const { return (flags & (kClosedRandomAccess | kOpenRandomAccess)) != 0; }
  Bytes data() const { return payload.bytes().subspan(header_len); }
  // dts and pts + duration; without the duration where the sum overflows (other processes say
  // both).
  int64_t dts_end_ns() const { return EndOf(dts_ns); }
  int64_t pts_end_ns() const { return EndOf(pts_ns); }

 private:
  int64_t EndOf(int64_t at_ns) const {
    int64_t end = 0;
    return __builtin_add_overflow(at_ns, duration_ns, &end) ? at_ns : end;
  }
};

}  // namespace millrace::media
