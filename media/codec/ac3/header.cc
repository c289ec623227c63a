#include "media/codec/ac3/header.h"

#include "media/base/bit_reader.h"
#include "media/base/fault.h"

namespace millrace::media::ac3 {
namespace {

constexpr uint32_t kSyncWord = 0x0b77;
constexpr uint32_t kBitRates = 19;
constexpr uint16_t kKilobits[kBitRates] = {32,  40,  48,  56,  64,  80,  96,  112, 128, 160,
                                           192, 224, 256, 320, 384, 448, 512, 576, 640};
constexpr uint32_t kSampleRates[] = {48000, 44100, 32000};
constexpr uint8_t kChannels[] = {2, 1, 2, 3, 3, 4, 4, 5};  // by acmod, Table 4.3
constexpr uint32_t kLastBitstreamId = 8;
constexpr uint32_t kEnhancedFrom = 11;
constexpr uint32_t kEnhancedTo = 16;

absl::Status Error(Ac3Error error) { return Fault(Ac3ErrorName(error)); }

// Table 4.13: at 44100 Hz frames do not come out even, and `odd` ones have a word more.
size_t FrameSize(const Ac3Config& config, bool odd) {
  const size_t kilobits = kKilobits[config.bit_rate_code];
  switch (config.sample_rate_code) {
    case 0:
      return kilobits * 4;
    case 1:
      return 2 * (kilobits * 320 / 147 + (odd ? 1 : 0));
    default:
      return kilobits * 6;
  }
}

}  // namespace

const char* Ac3ErrorName(Ac3Error error) {
  switch (error) {
    case Ac3Error::kHeaderTruncated:
      return "ac3_header_truncated";
    case Ac3Error::kHeaderSync:
      return "ac3_header_sync";
    case Ac3Error::kHeaderReserved:
      return "ac3_header_reserved";
    case Ac3Error::kEnhanced:
      return "ac3_enhanced";
    case Ac3Error::kConfigTruncated:
      return "ac3_config_truncated";
    case Ac3Error::kConfigReserved:
      return "ac3_config_reserved";
  }
  return "ac3_unknown";
}

uint32_t Ac3Config::SampleRate() const { return kSampleRates[sample_rate_code % 3]; }

uint32_t Ac3Config::Channels() const {
  return kChannels[audio_coding_mode & 7] + (low_frequency_effects ? 1u : 0u);
}

uint32_t Ac3Config::BitRate() const { return kKilobits[bit_rate_code % kBitRates] * 1000u; }

absl::StatusOr<FrameHeader> ParseFrameHeader(Bytes bytes) {
  BitReader bits(bytes);
  const uint32_t sync = bits.Bits(16);
  bits.Skip(16);  // crc1
  const uint32_t rate = bits.Bits(2);
  const uint32_t size = bits.Bits(6);
  const uint32_t id = bits.Bits(5);
  FrameHeader header;
  header.config.bitstream_mode = static_cast<uint8_t>(bits.Bits(3));
  const uint32_t mode = bits.Bits(3);
  if ((mode & 1) != 0 && mode != 1) bits.Skip(2);  // cmixlev
  if ((mode & 4) != 0) bits.Skip(2);               // surmixlev
  if (mode == 2) bits.Skip(2);                     // dsurmod
  header.config.low_frequency_effects = bits.Flag();
  if (!bits.ok()) return Error(Ac3Error::kHeaderTruncated);
  if (sync != kSyncWord) return Error(Ac3Error::kHeaderSync);
  // bsid stands at the same place in both.
  if (id >= kEnhancedFrom && id <= kEnhancedTo) return Error(Ac3Error::kEnhanced);
  if (id > kLastBitstreamId || rate == 3 || size / 2 >= kBitRates) {
    return Error(Ac3Error::kHeaderReserved);
  }
  header.config.sample_rate_code = static_cast<uint8_t>(rate);
  header.config.bitstream_id = static_cast<uint8_t>(id);
  header.config.audio_coding_mode = static_cast<uint8_t>(mode);
  header.config.bit_rate_code = static_cast<uint8_t>(size / 2);
  header.frame_size = FrameSize(header.config, size % 2 != 0);
  return header;
}

absl::StatusOr<Ac3Config> ParseAc3Config(Bytes body) {
  BitReader bits(body);
  Ac3Config config;
  config.sample_rate_code = static_cast<uint8_t>(bits.Bits(2));
  config.bitstream_id = static_cast<uint8_t>(bits.Bits(5));
  config.bitstream_mode = static_cast<uint8_t>(bits.Bits(3));
  config.audio_coding_mode = static_cast<uint8_t>(bits.Bits(3));
  config.low_frequency_effects = bits.Flag();
  config.bit_rate_code = static_cast<uint8_t>(bits.Bits(5));
  bits.Skip(5);
  if (!bits.ok()) return Error(Ac3Error::kConfigTruncated);
  if (config.sample_rate_code == 3 || config.bitstream_id > kLastBitstreamId ||
      config.bit_rate_code >= kBitRates) {
    return Error(Ac3Error::kConfigReserved);
  }
  return config;
}

std::vector<uint8_t> BuildAc3Config(const Ac3Config& config) {
  std::vector<uint8_t> out;
  const uint32_t packed =
      uint32_t{config.sample_rate_code} << 22 | uint32_t{config.bitstream_id} << 17 |
      uint32_t{config.bitstream_mode} << 14 | uint32_t{config.audio_coding_mode} << 11 |
      (config.low_frequency_effects ? 1u << 10 : 0u) | uint32_t{config.bit_rate_code} << 5;
  ByteWriter(out).U24(packed);
  return out;
}

Track MakeTrack(const Ac3Config& config) {
  Track track;
  track.id = 2;
  track.kind = TrackKind::kAudio;
  track.codec = Codec::kAc3;
  track.config = BuildAc3Config(config);
  track.codec_string = CodecString();
  track.sample_rate = config.SampleRate();
  track.channels = config.Channels();
  track.samples_per_frame = kSamplesPerFrame;
  return track;
}

}  // namespace millrace::media::ac3
