#include "media/codec/opus/config.h"

#include <algorithm>

#include "media/base/fault.h"

namespace millrace::media::opus {

const char* OpusErrorName(OpusError error) {
  switch (error) {
    case OpusError::kHeadTruncated:
      return "opus_head_truncated";
    case OpusError::kHeadMagic:
      return "opus_head_magic";
    case OpusError::kHeadVersion:
      return "opus_head_version";
    case OpusError::kHeadChannels:
      return "opus_head_channels";
    case OpusError::kPacketEmpty:
      return "opus_packet_empty";
    case OpusError::kPacketTruncated:
      return "opus_packet_truncated";
    case OpusError::kPacketDuration:
      return "opus_packet_duration";
  }
  return "opus_unknown";
}

namespace {

constexpr std::string_view kMagic = "OpusHead";

absl::Status Error(OpusError error) { return Fault(OpusErrorName(error)); }

// RFC 7845 §5.1.1.
bool IsSound(const OpusConfig& config) {
  if (config.channels == 0) return false;
  if (config.mapping_family == 0) return config.channels <= 2;
  if (config.mapping_family == 1 && config.channels > 8) return false;
  const unsigned decoded = config.streams + config.coupled_streams;
  return config.streams > 0 && config.coupled_streams <= config.streams && decoded <= 255 &&
         std::all_of(config.mapping.begin(), config.mapping.end(),
                     [decoded](uint8_t index) { return index < decoded || index == 255; });
}

// The channel mapping table and the checks of the whole, alike in both forms.
absl::StatusOr<OpusConfig> Finish(ByteReader& reader, OpusConfig config) {
  config.mapping_family = reader.U8();
  if (config.mapping_family == 0) {
    config.coupled_streams = config.channels == 2 ? 1 : 0;
  } else {
    config.streams = reader.U8();
    config.coupled_streams = reader.U8();
    const Bytes mapping = reader.Take(config.channels);
    config.mapping.assign(mapping.begin(), mapping.end());
  }
  if (!reader.ok()) return Error(OpusError::kHeadTruncated);
  if (!IsSound(config)) return Error(OpusError::kHeadChannels);
  return config;
}

void AppendMapping(ByteWriter& writer, const OpusConfig& config) {
  writer.U8(config.mapping_family);
  if (config.mapping_family == 0) return;
  writer.U8(config.streams);
  writer.U8(config.coupled_streams);
  writer.Append(config.mapping);
}

}  // namespace

absl::StatusOr<OpusConfig> ParseOpusHead(Bytes bytes) {
  ByteReader reader(bytes);
  const Bytes magic = reader.Take(kMagic.size());
  if (!reader.ok()) return Error(OpusError::kHeadTruncated);
  if (AsText(magic) != kMagic) return Error(OpusError::kHeadMagic);
  const uint8_t version = reader.U8();
  if ((version & 0xf0) != 0) return Error(OpusError::kHeadVersion);  // the upper half is the major
  OpusConfig config;
  config.channels = reader.U8();
  config.pre_skip = reader.U16Little();
  config.input_sample_rate = reader.U32Little();
  config.output_gain = static_cast<int16_t>(reader.U16Little());
  return Finish(reader, config);
}

std::vector<uint8_t> BuildOpusHead(const OpusConfig& config) {
  std::vector<uint8_t> out;
  ByteWriter writer(out);
  writer.Text(kMagic);
  writer.U8(1);
  writer.U8(config.channels);
  writer.U16Little(config.pre_skip);
  writer.U32Little(config.input_sample_rate);
  writer.U16Little(static_cast<uint16_t>(config.output_gain));
  AppendMapping(writer, config);
  return out;
}

absl::StatusOr<OpusConfig> ParseDops(Bytes body) {
  ByteReader reader(body);
  const uint8_t version = reader.U8();
  if (!reader.ok()) return Error(OpusError::kHeadTruncated);
  if (version != 0) return Error(OpusError::kHeadVersion);
  OpusConfig config;
  config.channels = reader.U8();
  config.pre_skip = reader.U16();
  config.input_sample_rate = reader.U32();
  config.output_gain = static_cast<int16_t>(reader.U16());
  return Finish(reader, config);
}

std::vector<uint8_t> BuildDops(const OpusConfig& config) {
  std::vector<uint8_t> out;
  ByteWriter writer(out);
  writer.U8(0);
  writer.U8(config.channels);
  writer.U16(config.pre_skip);
  writer.U32(config.input_sample_rate);
  writer.U16(static_cast<uint16_t>(config.output_gain));
  AppendMapping(writer, config);
  return out;
}

Track MakeTrack(const OpusConfig& config) {
  Track track;
  track.id = 2;
  track.kind = TrackKind::kAudio;
  track.codec = Codec::kOpus;
  track.config = BuildOpusHead(config);
  track.codec_string = CodecString();
  track.sample_rate = kSampleRate;
  track.channels = config.channels;
  return track;
}

}  // namespace millrace::media::opus
