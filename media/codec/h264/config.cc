#include "media/codec/h264/config.h"

#include <algorithm>
#include <utility>

#include "media/base/fault.h"
#include "media/codec/h264/errors.h"
#include "media/codec/h264/nal.h"

namespace millrace::media::h264 {
namespace {

constexpr size_t kMaxSps = 31;
constexpr size_t kMaxPps = 255;

bool HasTrailer(uint8_t profile) { return profile != 66 && profile != 77 && profile != 88; }

// Length-prefixed parameter sets of one list; what is empty is skipped.
void ReadSets(ByteReader& reader, size_t count, std::vector<std::vector<uint8_t>>& out) {
  for (size_t i = 0; i < count && reader.ok(); ++i) {
    const Bytes nal = reader.Take(reader.U16());
    if (!nal.empty()) out.emplace_back(nal.begin(), nal.end());
  }
}

absl::Status Check(const AvcConfig& config) {
  if (config.sps.empty()) return Fault(H264ErrorName(H264Error::kConfigWithoutSps));
  if (config.pps.empty()) return Fault(H264ErrorName(H264Error::kConfigWithoutPps));
  const auto too_long = [](const std::vector<uint8_t>& nal) { return nal.size() > 0xffff; };
  if (config.sps.size() > kMaxSps || config.pps.size() > kMaxPps ||
      config.sps_extensions.size() > 255 ||
      std::any_of(config.sps.begin(), config.sps.end(), too_long) ||
      std::any_of(config.pps.begin(), config.pps.end(), too_long) ||
      std::any_of(config.sps_extensions.begin(), config.sps_extensions.end(), too_long)) {
    return Fault(H264ErrorName(H264Error::kConfigTooLarge));
  }
  return absl::OkStatus();
}

absl::StatusOr<AvcConfig> FromAnnexB(Bytes bytes) {
  auto nals = SplitAnnexB(bytes);
  if (!nals.ok()) return nals.status();
  AvcConfig config;
  for (Bytes nal : *nals) {
    if (TypeOf(nal) == NalType::kSps) config.sps.emplace_back(nal.begin(), nal.end());
    if (TypeOf(nal) == NalType::kPps) config.pps.emplace_back(nal.begin(), nal.end());
  }
  if (absl::Status status = Check(config); !status.ok()) return status;
  return config;
}

void AppendSets(ByteWriter& writer, const std::vector<std::vector<uint8_t>>& sets) {
  for (const auto& nal : sets) {
    writer.U16(static_cast<uint16_t>(nal.size()));
    writer.Append(nal);
  }
}

// Puts `nal` in place of the set with the same id, or behind the last. `id_of` yields nothing for a
// set that cannot be read. True where something changed.
template <typename IdOf>
bool Merge(std::vector<std::vector<uint8_t>>& sets, Bytes nal, IdOf id_of) {
  const std::optional<uint32_t> id = id_of(nal);
  if (!id.has_value()) return false;
  for (auto& set : sets) {
    if (id_of(set) != id) continue;
    if (std::equal(set.begin(), set.end(), nal.begin(), nal.end())) return false;
    set.assign(nal.begin(), nal.end());
    return true;
  }
  sets.emplace_back(nal.begin(), nal.end());
  return true;
}

}  // namespace

absl::StatusOr<AvcConfig> ParseAvcConfig(Bytes record) {
  if (StartsWithStartCode(record)) return FromAnnexB(record);
  ByteReader reader(record);
  const uint8_t version = reader.U8();
  if (reader.ok() && version != 1) return Fault(H264ErrorName(H264Error::kConfigVersion));
  reader.Skip(
      3);  // profile, compatibility, level: the SPS repeats them and cannot be wrong about them
  AvcConfig config;
  config.nal_length_size = static_cast<uint8_t>((reader.U8() & 3) + 1);
  ReadSets(reader, reader.U8() & 0x1f, config.sps);
  ReadSets(reader, reader.U8(), config.pps);
  if (!reader.ok()) {
    // Some cameras leave out the PPS list altogether; that is a different fault than a broken
    // length.
    return Fault(H264ErrorName(H264Error::kConfigTruncated));
  }
  if (absl::Status status = Check(config); !status.ok()) return status;
  if (reader.remaining() >= 4) {
    reader.Skip(3);  // chroma format and bit depths
    ReadSets(reader, reader.U8(), config.sps_extensions);
    if (!reader.ok()) config.sps_extensions.clear();  // not a trailer after all
  }
  return config;
}

absl::StatusOr<std::vector<uint8_t>> BuildAvcConfig(const AvcConfig& config) {
  if (absl::Status status = Check(config); !status.ok()) return status;
  auto sps = ParseSps(config.sps[0]);
  if (!sps.ok()) return sps.status();
  std::vector<uint8_t> out;
  ByteWriter writer(out);
  writer.U8(1);
  writer.U8(sps->profile_idc);
  writer.U8(sps->constraints);
  writer.U8(sps->level_idc);
  writer.U8(static_cast<uint8_t>(0xfc | ((config.nal_length_size - 1) & 3)));
  writer.U8(static_cast<uint8_t>(0xe0 | config.sps.size()));
  AppendSets(writer, config.sps);
  writer.U8(static_cast<uint8_t>(config.pps.size()));
  AppendSets(writer, config.pps);
  if (HasTrailer(sps->profile_idc)) {
    writer.U8(static_cast<uint8_t>(0xfc | sps->chroma_format_idc));
    writer.U8(static_cast<uint8_t>(0xf8 | (sps->bit_depth_luma - 8)));
    writer.U8(static_cast<uint8_t>(0xf8 | (sps->bit_depth_chroma - 8)));
    writer.U8(static_cast<uint8_t>(config.sps_extensions.size()));
    AppendSets(writer, config.sps_extensions);
  }
  return out;
}

std::string CodecString(const Sps& sps) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string text = "avc1.";
  for (uint8_t byte : {sps.profile_idc, sps.constraints, sps.level_idc}) {
    text += kHex[byte >> 4];
    text += kHex[byte & 15];
  }
  return text;
}

std::optional<AvcConfig> Updated(const AvcConfig& config, const std::vector<Bytes>& sps,
                                 const std::vector<Bytes>& pps) {
  if (sps.empty() && pps.empty()) return std::nullopt;
  const auto sps_id = [](Bytes nal) -> std::optional<uint32_t> {
    auto parsed = ParseSps(nal);
    return parsed.ok() ? std::optional(parsed->id) : std::nullopt;
  };
  const auto pps_id = [](Bytes nal) -> std::optional<uint32_t> {
    auto parsed = ParsePpsIds(nal);
    return parsed.ok() ? std::optional(parsed->id) : std::nullopt;
  };
  AvcConfig updated = config;
  bool changed = false;
  for (Bytes nal : sps) changed = Merge(updated.sps, nal, sps_id) || changed;
  for (Bytes nal : pps) changed = Merge(updated.pps, nal, pps_id) || changed;
  if (!changed || !Check(updated).ok()) return std::nullopt;
  return updated;
}

absl::StatusOr<Track> MakeTrack(const AvcConfig& config) {
  AvcConfig stored = config;
  stored.nal_length_size = 4;
  auto record = BuildAvcConfig(stored);
  if (!record.ok()) return record.status();
  auto sps = ParseSps(config.sps[0]);
  if (!sps.ok()) return sps.status();
  Track track;
  track.id = 1;
  track.kind = TrackKind::kVideo;
  track.codec = Codec::kH264;
  track.config = *std::move(record);
  track.codec_string = CodecString(*sps);
  track.width = sps->width;
  track.height = sps->height;
  track.frame_rate_num = sps->frame_rate_num;
  track.frame_rate_den = sps->frame_rate_den;
  return track;
}

}  // namespace millrace::media::h264
