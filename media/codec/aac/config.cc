#include "media/codec/aac/config.h"

#include <array>

#include "media/base/bit_reader.h"
#include "media/base/fault.h"

namespace millrace::media::aac {
namespace {

constexpr std::array<uint32_t, 13> kSampleRates = {96000, 88200, 64000, 48000, 44100, 32000, 24000,
                                                   22050, 16000, 12000, 11025, 8000,  7350};
constexpr size_t kMaxConfigBytes = 1024;  // a program_config_element with its comment fits
constexpr uint32_t kSbrType = 5;
constexpr uint32_t kPsType = 29;

// §1.6.2.1, GetAudioObjectType().
uint32_t ReadObjectType(BitReader& bits) {
  const uint32_t type = bits.Bits(5);
  return type == 31 ? 32 + bits.Bits(6) : type;
}

// 0 where the index is reserved.
uint32_t ReadSampleRate(BitReader& bits) {
  const uint32_t index = bits.Bits(4);
  return index == 15 ? bits.Bits(24) : SampleRateOf(index);
}

// Which object types are followed by a GASpecificConfig, §1.6.2.1.
bool IsGeneralAudio(uint32_t type) {
  return (type >= 1 && type <= 4) || type == 6 || type == 7 ||
         (type >= 17 && type != 18 && type <= 23);
}

// program_config_element, §4.5.1.2: the number of channels in it.
uint32_t ReadProgram(BitReader& bits) {
  bits.Skip(4 + 2 + 4);  // tag, profile, sample rate
  const uint32_t front = bits.Bits(4);
  const uint32_t side = bits.Bits(4);
  const uint32_t back = bits.Bits(4);
  const uint32_t lfe = bits.Bits(2);
  const uint32_t data = bits.Bits(3);
  const uint32_t coupling = bits.Bits(4);
  if (bits.Flag()) bits.Skip(4);  // mono mix-down
  if (bits.Flag()) bits.Skip(4);  // stereo mix-down
  if (bits.Flag()) bits.Skip(3);  // matrix mix-down
  uint32_t channels = lfe;
  for (uint32_t i = 0; i < front + side + back; ++i) {
    channels += bits.Flag() ? 2 : 1;
    bits.Skip(4);
  }
  bits.Skip(4 * (lfe + data) + 5 * coupling);
  bits.Skip((8 - bits.position() % 8) % 8);
  const uint32_t comment = bits.Bits(8);
  bits.Skip(size_t{8} * comment);
  return channels;
}

// GASpecificConfig, §4.4.1.
void ReadGeneralAudio(BitReader& bits, uint32_t type, AacConfig& config) {
  config.short_frame = bits.Flag();
  if (bits.Flag()) bits.Skip(14);  // core coder delay
  const bool extension = bits.Flag();
  if (config.channel_configuration == 0) config.channels = ReadProgram(bits);
  if (type == 6 || type == 20) bits.Skip(3);  // layer
  if (!extension) return;
  if (type == 22) bits.Skip(16);
  if (type == 17 || type == 19 || type == 20 || type == 23) bits.Skip(3);
  bits.Flag();  // extensionFlag3
}

// The backward compatible signals behind the configuration; absent more often than not.
void ReadSyncExtension(BitReader& bits, AacConfig& config) {
  if (bits.remaining() < 16 || bits.Bits(11) != 0x2b7 || ReadObjectType(bits) != kSbrType) return;
  if (!bits.Flag()) return;
  const uint32_t rate = ReadSampleRate(bits);
  if (!bits.ok() || rate == 0) return;
  config.sbr = true;
  config.extension_sample_rate = rate;
  if (bits.remaining() >= 12 && bits.Bits(11) == 0x548) config.ps = bits.Flag();
}

}  // namespace

const char* AacErrorName(AacError error) {
  switch (error) {
    case AacError::kConfigTruncated:
      return "aac_config_truncated";
    case AacError::kConfigTooLarge:
      return "aac_config_too_large";
    case AacError::kReservedObjectType:
      return "aac_reserved_object_type";
    case AacError::kReservedSampleRate:
      return "aac_reserved_sample_rate";
    case AacError::kReservedChannels:
      return "aac_reserved_channels";
    case AacError::kAdtsSync:
      return "aac_adts_sync";
    case AacError::kAdtsTruncated:
      return "aac_adts_truncated";
    case AacError::kAdtsLength:
      return "aac_adts_length";
  }
  return "aac_unknown";
}

uint32_t SampleRateOf(unsigned index) {
  return index < kSampleRates.size() ? kSampleRates[index] : 0;
}

unsigned SampleRateIndex(uint32_t rate) {
  for (unsigned i = 0; i < kSampleRates.size(); ++i) {
    if (kSampleRates[i] == rate) return i;
  }
  return 15;
}

uint32_t ChannelsOf(unsigned channel_configuration) {
  switch (channel_configuration) {  // Table 1.19
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
      return channel_configuration;
    case 7:
    case 12:
    case 14:
      return 8;
    case 11:
      return 7;
    default:
      return 0;
  }
}

uint32_t AacConfig::SamplesPerFrame() const {
  uint32_t samples = 0;
  if ((object_type >= 1 && object_type <= 4) || object_type == 6 || object_type == 17 ||
      object_type == 19 || object_type == 20) {
    samples = short_frame ? 960 : 1024;
  } else if (object_type == 23) {
    samples = short_frame ? 480 : 512;
  }
  // SBR doubles the rate of the core, or (down-sampled) leaves it.
  return sbr && extension_sample_rate == 2 * sample_rate ? 2 * samples : samples;
}

absl::StatusOr<AacConfig> ParseAacConfig(Bytes bytes) {
  if (bytes.size() > kMaxConfigBytes) return Fault(AacErrorName(AacError::kConfigTooLarge));
  BitReader bits(bytes);
  AacConfig config;
  uint32_t type = ReadObjectType(bits);
  config.sample_rate = ReadSampleRate(bits);
  config.channel_configuration = static_cast<uint8_t>(bits.Bits(4));
  config.channels = ChannelsOf(config.channel_configuration);
  if (type == kSbrType || type == kPsType) {
    config.sbr = true;
    config.ps = type == kPsType;
    config.extension_sample_rate = ReadSampleRate(bits);
    type = ReadObjectType(bits);
    if (type == 22) bits.Skip(4);  // extensionChannelConfiguration
  }
  if (!bits.ok()) return Fault(AacErrorName(AacError::kConfigTruncated));
  // Types 5 and 29 cannot extend themselves.
  if (type == 0 || type == kSbrType || type == kPsType) {
    return Fault(AacErrorName(AacError::kReservedObjectType), std::to_string(type));
  }
  if (config.sample_rate == 0 || (config.sbr && config.extension_sample_rate == 0)) {
    return Fault(AacErrorName(AacError::kReservedSampleRate));
  }
  config.object_type = static_cast<uint8_t>(type);
  if (IsGeneralAudio(type)) {
    ReadGeneralAudio(bits, type, config);
    if (!bits.ok()) return Fault(AacErrorName(AacError::kConfigTruncated));
  }
  if (config.channels == 0) return Fault(AacErrorName(AacError::kReservedChannels));
  if (!config.sbr) ReadSyncExtension(bits, config);
  return config;
}

namespace {

// Appends bit fields, most significant bit first.
class BitWriter {
 public:
  void Bits(uint32_t value, unsigned count) {
    for (unsigned i = count; i-- > 0;) {
      if (used_ % 8 == 0) out_.push_back(0);
      out_.back() = static_cast<uint8_t>(out_.back() | (((value >> i) & 1) << (7 - used_ % 8)));
      ++used_;
    }
  }
  void SampleRate(uint32_t rate) {
    const unsigned index = SampleRateIndex(rate);
    Bits(index, 4);
    if (index == 15) Bits(rate, 24);
  }
  void ObjectType(uint32_t type) {
    Bits(type < 31 ? type : 31, 5);
    if (type >= 31) Bits(type - 32, 6);
  }
  std::vector<uint8_t> Take() { return std::move(out_); }

 private:
  std::vector<uint8_t> out_;
  size_t used_ = 0;
};

}  // namespace

std::vector<uint8_t> BuildAacConfig(const AacConfig& config) {
  BitWriter bits;
  bits.ObjectType(config.ps ? kPsType : config.sbr ? kSbrType : config.object_type);
  bits.SampleRate(config.sample_rate);
  bits.Bits(config.channel_configuration, 4);
  if (config.sbr) {
    bits.SampleRate(config.extension_sample_rate);
    bits.ObjectType(config.object_type);
  }
  bits.Bits(config.short_frame ? 1 : 0, 1);
  bits.Bits(0, 2);  // no core coder, no extension
  return bits.Take();
}

std::string CodecString(const AacConfig& config) {
  const uint32_t type = config.ps ? kPsType : config.sbr ? kSbrType : config.object_type;
  return "mp4a.40." + std::to_string(type);
}

absl::StatusOr<Track> MakeTrack(Bytes bytes) {
  auto config = ParseAacConfig(bytes);
  if (!config.ok()) return config.status();
  Track track;
  track.id = 2;
  track.kind = TrackKind::kAudio;
  track.codec = Codec::kAac;
  track.config.assign(bytes.begin(), bytes.end());
  track.codec_string = CodecString(*config);
  track.sample_rate = config->OutputSampleRate();
  track.channels = config->OutputChannels();
  track.samples_per_frame = config->SamplesPerFrame();
  return track;
}

}  // namespace millrace::media::aac
