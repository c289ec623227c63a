#include "media/codec/av1/config.h"

#include <algorithm>
#include <utility>

#include "media/base/fault.h"
#include "media/codec/av1/errors.h"
#include "media/codec/av1/obu.h"

namespace millrace::media::av1 {
namespace {

constexpr size_t kMaxObuBytes = 65536;
constexpr uint8_t kMarkerAndVersion = 0x81;

absl::Status Error(Av1Error error) { return Fault(Av1ErrorName(error)); }

std::string TwoDigits(unsigned value) { return (value < 10 ? "0" : "") + std::to_string(value); }

}  // namespace

absl::StatusOr<Av1Config> ConfigFromObus(Bytes bytes) {
  if (bytes.size() > kMaxObuBytes) return Error(Av1Error::kConfigTooLarge);
  auto obus = SplitObus(bytes);
  if (!obus.ok()) return obus.status();
  Av1Config config;
  ByteWriter sequence_header(config.sequence_header);
  ByteWriter metadata(config.metadata);
  for (const Obu& obu : *obus) {
    if (obu.type == ObuType::kSequenceHeader && config.sequence_header.empty()) {
      AppendSized(sequence_header, obu);
    } else if (obu.type == ObuType::kMetadata) {
      AppendSized(metadata, obu);
    }
  }
  if (config.sequence_header.empty()) return Error(Av1Error::kConfigWithoutSequenceHeader);
  return config;
}

absl::StatusOr<Av1Config> ParseAv1Config(Bytes record) {
  ByteReader reader(record);
  const uint8_t first = reader.U8();
  reader.Skip(2);
  const uint8_t delay = reader.U8();
  if (!reader.ok()) return Error(Av1Error::kConfigTruncated);
  if (first != kMarkerAndVersion) return Error(Av1Error::kConfigVersion);
  auto config = ConfigFromObus(reader.Rest());
  if (config.ok() && (delay & 0x10) != 0) {
    config->initial_presentation_delay = static_cast<uint8_t>((delay & 15) + 1);
  }
  return config;
}

absl::StatusOr<SequenceHeader> SequenceHeaderOf(const Av1Config& config) {
  auto obus = SplitObus(config.sequence_header);
  if (!obus.ok()) return obus.status();
  if (obus->size() != 1 || obus->front().type != ObuType::kSequenceHeader) {
    return Error(Av1Error::kConfigWithoutSequenceHeader);
  }
  return ParseSequenceHeader(obus->front().payload);
}

absl::StatusOr<std::vector<uint8_t>> BuildAv1Config(const Av1Config& config) {
  auto header = SequenceHeaderOf(config);
  if (!header.ok()) return header.status();
  std::vector<uint8_t> out;
  ByteWriter writer(out);
  writer.U8(kMarkerAndVersion);
  writer.U8(static_cast<uint8_t>(header->profile << 5 | header->level_idx));
  writer.U8(static_cast<uint8_t>(header->tier << 7 | (header->bit_depth > 8 ? 0x40 : 0) |
                                 (header->bit_depth > 10 ? 0x20 : 0) |
                                 (header->monochrome ? 0x10 : 0) | (header->subsampling_x ? 8 : 0) |
                                 (header->subsampling_y ? 4 : 0) | header->chroma_sample_position));
  const unsigned delay = config.initial_presentation_delay.value_or(0);
  writer.U8(static_cast<uint8_t>(delay > 0 ? 0x10 | ((delay - 1) & 15) : 0));
  writer.Append(config.sequence_header);
  writer.Append(config.metadata);
  return out;
}

std::string CodecString(const SequenceHeader& header) {
  std::string text = "av01." + std::to_string(header.profile) + "." + TwoDigits(header.level_idx) +
                     (header.tier != 0 ? "H." : "M.") + TwoDigits(header.bit_depth);
  // What is left out means BT.709 in limited range, 4:2:0 with the chroma samples to the left.
  const auto or_default = [](uint8_t value) -> unsigned { return value == 2 ? 1 : value; };
  const bool is_420 = header.subsampling_x && header.subsampling_y;
  const std::string optional =
      std::string(header.monochrome ? ".1." : ".0.") + (header.subsampling_x ? "1" : "0") +
      (header.subsampling_y ? "1" : "0") +
      std::to_string(is_420 ? header.chroma_sample_position : 0u) + "." +
      TwoDigits(or_default(header.primaries)) + "." + TwoDigits(or_default(header.transfer)) + "." +
      TwoDigits(or_default(header.matrix)) + (header.full_range ? ".1" : ".0");
  const bool usual = optional == ".0.110.01.01.01.0" || optional == ".0.111.01.01.01.0" ||
                     optional == ".0.112.01.01.01.0";
  return usual ? text : text + optional;
}

std::optional<Av1Config> Updated(const Av1Config& config, Bytes sequence_header) {
  if (std::equal(config.sequence_header.begin(), config.sequence_header.end(),
                 sequence_header.begin(), sequence_header.end())) {
    return std::nullopt;
  }
  Av1Config updated = config;
  updated.sequence_header.assign(sequence_header.begin(), sequence_header.end());
  if (!SequenceHeaderOf(updated).ok()) return std::nullopt;
  return updated;
}

absl::StatusOr<Track> MakeTrack(const Av1Config& config) {
  auto record = BuildAv1Config(config);
  if (!record.ok()) return record.status();
  auto header = SequenceHeaderOf(config);
  if (!header.ok()) return header.status();
  Track track;
  track.id = 1;
  track.kind = TrackKind::kVideo;
  track.codec = Codec::kAv1;
  track.config = *std::move(record);
  track.codec_string = CodecString(*header);
  track.width = header->width;
  track.height = header->height;
  track.frame_rate_num = header->frame_rate_num;
  track.frame_rate_den = header->frame_rate_den;
  return track;
}

}  // namespace millrace::media::av1
