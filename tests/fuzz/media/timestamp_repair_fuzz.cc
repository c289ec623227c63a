// Timestamp repair: whatever a publisher sends, dts never falls within a track, video rises, pts is
// not before dts, and a well-behaved stretch keeps its milliseconds.
//
// Input: an options byte, then records of 7 bytes: what happens, and how far.

#include <cstddef>
#include <cstdint>

#include "media/base/bytes.h"
#include "media/base/ticks.h"
#include "media/frame/timestamp_repair.h"
#include "tests/support/require.h"

using namespace millrace;
using media::kNsPerMs;
using media::TimestampRepair;

namespace {

struct Track {
  int64_t in_ns = 0;
  int64_t out_ns = 0;
  bool begun = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  media::ByteReader reader(media::Bytes(data, size));
  const uint8_t options = reader.U8();
  TimestampRepair repair;
  const int64_t base_ns = (options & 1) != 0 ? int64_t{options} * 1'234'567'891 : 0;
  repair.StartAt(base_ns);
  if ((options & 2) != 0) repair.Anchor(int64_t{options} * kNsPerMs);
  const uint32_t rate = (options & 4) != 0 ? 44100 : (options & 8) != 0 ? 48000 : 0;
  Track tracks[3];
  int64_t arrival_ns = 1'000'000'000;
  while (reader.remaining() >= 7) {
    const uint8_t what = reader.U8();
    const auto amount = static_cast<int32_t>(reader.U32());
    arrival_ns += int64_t{reader.U16()} * kNsPerMs / 8;
    const size_t id = what % 3;
    Track& track = tracks[id];
    switch (what / 3 % 5) {
      case 0:
        track.in_ns += 40 * kNsPerMs;
        break;
      case 1:
        track.in_ns += int64_t{amount % 100} * kNsPerMs;
        break;
      case 2:
        track.in_ns = int64_t{amount} * kNsPerMs;
        break;
      case 3:
        track.in_ns = int64_t{amount} << 32;
        break;  // the ends of 64 bits
      default:
        track.in_ns += amount;
        break;  // finer than milliseconds
    }
    const int64_t composition_ns = (what & 0x80) != 0 ? int64_t{amount} * 1000 : 0;
    int64_t pts_ns = 0;
    if (__builtin_add_overflow(track.in_ns, composition_ns, &pts_ns)) pts_ns = track.in_ns;
    const auto out =
        repair.Repair({.track = static_cast<uint8_t>(id),
                       .kind = id == 0 ? media::TrackKind::kVideo : media::TrackKind::kAudio,
                       .sample_rate = rate,
                       .samples_per_frame = rate != 0 ? 1024u : 0u,
                       .frame_rate_num = options / 16u,
                       .frame_rate_den = 1,
                       .dts_ns = track.in_ns,
                       .pts_ns = pts_ns,
                       .arrival_ns = arrival_ns});
    tests::Require(out.dts_ns >= base_ns, "not before the base");
    tests::Require(out.pts_ns >= out.dts_ns, "pts not before dts");
    tests::Require(out.duration_ns > 0, "a duration");
    if (track.begun) {
      tests::Require(out.dts_ns >= track.out_ns, "dts does not fall");
      if (id == 0) tests::Require(out.dts_ns > track.out_ns, "video dts rises");
    }
    track.begun = true;
    track.out_ns = out.dts_ns;
    if (track.in_ns > INT64_MAX / 2 || track.in_ns < INT64_MIN / 2) track.in_ns = 0;
  }

  // A quiet stretch behind it all: once the clock is found, milliseconds stay whole.
  int64_t now_ms = 7'000'000;
  int64_t constant = 0;
  for (int i = 0; i < 60; ++i) {
    arrival_ns += 40 * kNsPerMs;
    now_ms += 40;
    const auto out = repair.Repair({.track = 0,
                                    .dts_ns = now_ms * kNsPerMs,
                                    .pts_ns = now_ms * kNsPerMs,
                                    .arrival_ns = arrival_ns});
    if (i == 50) constant = media::MsFromNs(out.dts_ns) - now_ms;
    if (i > 50)
      tests::Require(media::MsFromNs(out.dts_ns) - now_ms == constant, "milliseconds kept");
  }
  return 0;
}
