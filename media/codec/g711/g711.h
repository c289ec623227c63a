#pragma once
// G.711 (ITU-T G.711): the Track, and both laws to 16-bit samples.

#include <array>
#include <cstddef>
#include <cstdint>

#include "media/frame/track.h"

namespace millrace::media::g711 {

enum class Law : uint8_t { kA, kU };

// Track 2. Its config is empty: rate and channels come from the protocol, mostly 8000 Hz and 1.
// samples_per_frame is 0: a payload is as long as its sender likes. codec_string is the sample
// entry of ISO-BMFF, "alaw" or "ulaw".
Track MakeTrack(Law law, uint32_t sample_rate, uint32_t channels);

// Samples a channel in a payload of interleaved channels: a byte each. `channels` at least 1.
inline size_t SamplesIn(size_t payload_size, uint32_t channels) { return payload_size / channels; }

namespace internal {

constexpr int16_t FromALaw(uint8_t code) {
  const unsigned bits = code ^ 0x55u;
  const unsigned segment = (bits >> 4) & 7;
  const int step = static_cast<int>((bits & 15) << 4) + 8;
  const int magnitude = segment == 0 ? step : (step + 0x100) << (segment - 1);
  return static_cast<int16_t>((bits & 0x80) != 0 ? magnitude : -magnitude);
}

constexpr int16_t FromULaw(uint8_t code) {
  const unsigned bits = ~code & 0xffu;
  const int magnitude = ((static_cast<int>((bits & 15) << 3) + 0x84) << ((bits >> 4) & 7)) - 0x84;
  return static_cast<int16_t>((bits & 0x80) != 0 ? -magnitude : magnitude);
}

template <int16_t (*kDecode)(uint8_t)>
constexpr std::array<int16_t, 256> Table() {
  std::array<int16_t, 256> table = {};
  for (unsigned i = 0; i < 256; ++i) table[i] = kDecode(static_cast<uint8_t>(i));
  return table;
}

}  // namespace internal

// The 16-bit sample that each byte stands for: 13 bits of A-law and 14 of µ-law, shifted up.
inline constexpr std::array<int16_t, 256> kALawToS16 = internal::Table<internal::FromALaw>();
inline constexpr std::array<int16_t, 256> kULawToS16 = internal::Table<internal::FromULaw>();

}  // namespace millrace::media::g711
