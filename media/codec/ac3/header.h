#pragma once
// AC-3: sync frame headers (ETSI TS 102 366 §4.3 and 4.4), the dac3 box (§F.4), and the Track that
// follows. Enhanced AC-3 is recognised and refused by its name.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "media/base/bytes.h"
#include "media/frame/track.h"

namespace millrace::media::ac3 {

// Every way in which AC-3 bytes can be wrong.
enum class Ac3Error {
  kHeaderTruncated,
  kHeaderSync,
  kHeaderReserved,  // a sample rate, frame size or version that does not exist
  kEnhanced,        // E-AC-3, which nothing here carries
  kConfigTruncated,
  kConfigReserved,
};
const char* Ac3ErrorName(Ac3Error error);  // "ac3_header_truncated" …

inline constexpr uint32_t kSamplesPerFrame = 1536;

// The fields of a dac3 box, which every frame repeats.
struct Ac3Config {
  uint8_t sample_rate_code = 0;   // fscod: 0 48000, 1 44100, 2 32000 Hz
  uint8_t bitstream_id = 8;       // bsid, 0 to 8
  uint8_t bitstream_mode = 0;     // bsmod: 0 is the main service
  uint8_t audio_coding_mode = 2;  // acmod: 1 mono, 2 stereo, 7 is 3/2
  bool low_frequency_effects = false;
  uint8_t bit_rate_code = 10;  // 0 to 18: 32 to 640 kbit/s

  uint32_t SampleRate() const;  // Hz
  uint32_t Channels() const;    // with the one of low frequencies
  uint32_t BitRate() const;     // bits a second

  friend bool operator==(const Ac3Config&, const Ac3Config&) = default;
};

struct FrameHeader {
  Ac3Config config;
  size_t frame_size = 0;  // bytes, header included
};

// Needs the first eight bytes only. kHeader…, kEnhanced.
absl::StatusOr<FrameHeader> ParseFrameHeader(Bytes bytes);

// The three bytes of a dac3 box's body.
absl::StatusOr<Ac3Config> ParseAc3Config(Bytes body);
std::vector<uint8_t> BuildAc3Config(const Ac3Config& config);

inline std::string CodecString() { return "ac-3"; }

// Track 2; its config is the body of a dac3 box.
Track MakeTrack(const Ac3Config& config);

}  // namespace millrace::media::ac3
