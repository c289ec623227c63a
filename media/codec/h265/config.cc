#include "media/codec/h265/config.h"

#include <algorithm>
#include <utility>

#include "media/base/fault.h"
#include "media/codec/h265/errors.h"
#include "media/codec/h265/nal.h"

namespace millrace::media::h265 {
namespace {

using Sets = std::vector<std::vector<uint8_t>>;

constexpr size_t kMaxVps = 16;  // ids, §7.4.3
constexpr size_t kMaxSps = 16;
constexpr size_t kMaxPps = 64;
constexpr size_t kMaxSei = 16;
constexpr size_t kProfileBytes = 20;  // of the record: from the profile to the frame rate

absl::Status Error(H265Error error) { return Fault(H265ErrorName(error)); }

absl::Status Check(const HevcConfig& config) {
  if (config.vps.empty()) return Error(H265Error::kConfigWithoutVps);
  if (config.sps.empty()) return Error(H265Error::kConfigWithoutSps);
  if (config.pps.empty()) return Error(H265Error::kConfigWithoutPps);
  const auto too_large = [](const Sets& sets, size_t limit) {
    return sets.size() > limit || std::any_of(sets.begin(), sets.end(),
                                              [](const auto& nal) { return nal.size() > 0xffff; });
  };
  if (too_large(config.vps, kMaxVps) || too_large(config.sps, kMaxSps) ||
      too_large(config.pps, kMaxPps) || too_large(config.sei, kMaxSei)) {
    return Error(H265Error::kConfigTooLarge);
  }
  return absl::OkStatus();
}

// Where `nal` belongs; null where it does not belong into a record.
Sets* ListOf(HevcConfig& config, Bytes nal) {
  if (nal.size() <= kNalHeaderSize || LayerOf(nal) != 0) return nullptr;
  switch (TypeOf(nal)) {
    case NalType::kVps:
      return &config.vps;
    case NalType::kSps:
      return &config.sps;
    case NalType::kPps:
      return &config.pps;
    case NalType::kPrefixSei:
      return &config.sei;
    default:
      return nullptr;
  }
}

void Add(HevcConfig& config, Bytes nal) {
  Sets* list = ListOf(config, nal);
  if (list != nullptr) list->emplace_back(nal.begin(), nal.end());
}

absl::StatusOr<HevcConfig> FromAnnexB(Bytes bytes) {
  auto nals = SplitAnnexB(bytes);
  if (!nals.ok()) return nals.status();
  HevcConfig config;
  for (Bytes nal : *nals) Add(config, nal);
  if (absl::Status status = Check(config); !status.ok()) return status;
  return config;
}

void AppendArray(ByteWriter& writer, NalType type, const Sets& sets) {
  if (sets.empty()) return;
  writer.U8(static_cast<uint8_t>(0x80 | static_cast<unsigned>(type)));  // array_completeness
  writer.U16(static_cast<uint16_t>(sets.size()));
  for (const auto& nal : sets) {
    writer.U16(static_cast<uint16_t>(nal.size()));
    writer.Append(nal);
  }
}

// The id of a parameter set, nothing for one that cannot be read.
std::optional<uint32_t> IdOf(Bytes nal) {
  if (nal.size() <= kNalHeaderSize) return std::nullopt;
  switch (TypeOf(nal)) {
    case NalType::kVps:
      if (auto vps = ParseVps(nal); vps.ok()) return vps->id;
      break;
    case NalType::kSps:
      if (auto sps = ParseSps(nal); sps.ok()) return sps->id;
      break;
    case NalType::kPps:
      if (auto pps = ParsePpsIds(nal); pps.ok()) return pps->id;
      break;
    default:
      break;
  }
  return std::nullopt;
}

// Puts `nal` in place of the set with the same id, or behind the last. True where something
// changed.
bool Merge(Sets& sets, Bytes nal) {
  const std::optional<uint32_t> id = IdOf(nal);
  if (!id.has_value()) return false;
  for (auto& set : sets) {
    if (IdOf(set) != id) continue;
    if (std::equal(set.begin(), set.end(), nal.begin(), nal.end())) return false;
    set.assign(nal.begin(), nal.end());
    return true;
  }
  sets.emplace_back(nal.begin(), nal.end());
  return true;
}

std::string UpperHex(uint32_t value) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text;
  do {
    text.insert(text.begin(), kDigits[value & 15]);
    value >>= 4;
  } while (value != 0);
  return text;
}

}  // namespace

absl::StatusOr<HevcConfig> ParseHevcConfig(Bytes record) {
  if (nal::StartsWithStartCode(record)) return FromAnnexB(record);
  ByteReader reader(record);
  // 0 in records of before the standard was final; they are laid out alike.
  const uint8_t version = reader.U8();
  if (reader.ok() && version > 1) return Error(H265Error::kConfigVersion);
  reader.Skip(kProfileBytes);  // the SPS repeats what is in there and cannot be wrong about it
  HevcConfig config;
  config.nal_length_size = static_cast<uint8_t>((reader.U8() & 3) + 1);
  const unsigned arrays = reader.U8();
  for (unsigned i = 0; i < arrays && reader.ok(); ++i) {
    reader.U8();  // array_completeness and the type, which the units repeat
    const unsigned count = reader.U16();
    for (unsigned k = 0; k < count && reader.ok(); ++k) Add(config, reader.Take(reader.U16()));
  }
  if (!reader.ok()) return Error(H265Error::kConfigTruncated);
  if (absl::Status status = Check(config); !status.ok()) return status;
  return config;
}

absl::StatusOr<std::vector<uint8_t>> BuildHevcConfig(const HevcConfig& config) {
  if (absl::Status status = Check(config); !status.ok()) return status;
  auto sps = ParseSps(config.sps[0]);
  if (!sps.ok()) return sps.status();
  const ProfileTierLevel& profile = sps->profile;
  std::vector<uint8_t> out;
  ByteWriter writer(out);
  writer.U8(1);
  writer.U8(static_cast<uint8_t>(profile.profile_space << 6 | (profile.high_tier ? 0x20 : 0) |
                                 profile.profile_idc));
  writer.U32(profile.compatibility);
  writer.U16(static_cast<uint16_t>(profile.constraints >> 32));
  writer.U32(static_cast<uint32_t>(profile.constraints));
  writer.U8(profile.level_idc);
  writer.U16(0xf000);  // min_spatial_segmentation_idc
  writer.U8(0xfc);     // parallelismType
  writer.U8(static_cast<uint8_t>(0xfc | sps->chroma_format_idc));
  writer.U8(static_cast<uint8_t>(0xf8 | ((sps->bit_depth_luma - 8) & 7)));
  writer.U8(static_cast<uint8_t>(0xf8 | ((sps->bit_depth_chroma - 8) & 7)));
  writer.U16(0);  // avgFrameRate
  writer.U8(static_cast<uint8_t>(sps->sub_layers << 3 | (sps->temporal_id_nesting ? 4 : 0) |
                                 ((config.nal_length_size - 1) & 3)));
  writer.U8(config.sei.empty() ? 3 : 4);
  AppendArray(writer, NalType::kVps, config.vps);
  AppendArray(writer, NalType::kSps, config.sps);
  AppendArray(writer, NalType::kPps, config.pps);
  AppendArray(writer, NalType::kPrefixSei, config.sei);
  return out;
}

std::string CodecString(const ProfileTierLevel& profile) {
  std::string text = "hvc1.";
  if (profile.profile_space > 0) text += static_cast<char>('A' + profile.profile_space - 1);
  text += std::to_string(profile.profile_idc);
  uint32_t reversed = 0;
  for (unsigned i = 0; i < 32; ++i) reversed |= ((profile.compatibility >> i) & 1) << (31 - i);
  text += "." + UpperHex(reversed);
  text += profile.high_tier ? ".H" : ".L";
  text += std::to_string(profile.level_idc);
  // The six bytes of constraint flags, trailing zeros left out.
  for (uint64_t left = profile.constraints << 16; left != 0; left <<= 8) {
    text += "." + UpperHex(static_cast<uint32_t>(left >> 56));
  }
  return text;
}

std::optional<HevcConfig> Updated(const HevcConfig& config, const ParameterSets& sets) {
  if (sets.empty()) return std::nullopt;
  HevcConfig updated = config;
  bool changed = false;
  for (Bytes nal : sets.vps) changed = Merge(updated.vps, nal) || changed;
  for (Bytes nal : sets.sps) changed = Merge(updated.sps, nal) || changed;
  for (Bytes nal : sets.pps) changed = Merge(updated.pps, nal) || changed;
  if (!changed || !Check(updated).ok()) return std::nullopt;
  return updated;
}

std::optional<HevcConfig> FromParameterSets(const ParameterSets& sets) {
  return Updated(HevcConfig{}, sets);
}

unsigned SubLayersOf(const HevcConfig& config) {
  if (config.sps.empty()) return 1;
  auto sps = ParseSps(config.sps[0]);
  return sps.ok() ? sps->sub_layers : 1;
}

absl::StatusOr<Track> MakeTrack(const HevcConfig& config) {
  HevcConfig stored = config;
  stored.nal_length_size = 4;
  auto record = BuildHevcConfig(stored);
  if (!record.ok()) return record.status();
  auto sps = ParseSps(config.sps[0]);
  if (!sps.ok()) return sps.status();
  Track track;
  track.id = 1;
  track.kind = TrackKind::kVideo;
  track.codec = Codec::kH265;
  track.config = *std::move(record);
  track.codec_string = CodecString(sps->profile);
  track.width = sps->width;
  track.height = sps->height;
  track.frame_rate_num = sps->frame_rate_num;
  track.frame_rate_den = sps->frame_rate_den;
  if (auto vps = ParseVps(config.vps[0]); track.frame_rate_num == 0 && vps.ok()) {
    track.frame_rate_num = vps->frame_rate_num;
    track.frame_rate_den = vps->frame_rate_den;
  }
  return track;
}

}  // namespace millrace::media::h265
