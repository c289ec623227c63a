#include "media/codec/vp9/config.h"

#include <algorithm>
#include <iterator>

#include "media/base/fault.h"
#include "media/codec/vp9/errors.h"

namespace millrace::media::vp9 {
namespace {

constexpr size_t kRecordSize = 8;  // with the two bytes of an empty initialization data

absl::Status Error(Vp9Error error) { return Fault(Vp9ErrorName(error)); }

// Annex A: level, luma samples a second, luma samples a picture, longest side.
struct Level {
  uint8_t level;
  uint64_t rate;
  uint64_t picture;
  uint32_t side;
};
constexpr Level kLevels[] = {
    {10, 829440, 36864, 512},           {11, 2764800, 73728, 768},
    {20, 4608000, 122880, 960},         {21, 9216000, 245760, 1344},
    {30, 20736000, 552960, 2048},       {31, 36864000, 983040, 2752},
    {40, 83558400, 2228224, 4160},      {41, 160432128, 2228224, 4160},
    {50, 311951360, 8912896, 8384},     {51, 588251136, 8912896, 8384},
    {52, 1176502272, 8912896, 8384},    {60, 1176502272, 35651584, 16832},
    {61, 2353004544u, 35651584, 16832}, {62, 4706009088u, 35651584, 16832},
};

uint8_t LevelFor(uint64_t width, uint64_t height) {
  const uint64_t picture = width * height;
  for (const Level& level : kLevels) {
    if (picture <= level.picture && picture * 30 <= level.rate &&
        std::max(width, height) <= level.side) {
      return level.level;
    }
  }
  return std::prev(std::end(kLevels))->level;
}

struct Colours {
  uint8_t primaries;
  uint8_t transfer;
  uint8_t matrix;
};

// color_space of the bitstream as code points of ISO/IEC 23091-2.
Colours ColoursOf(uint8_t color_space) {
  switch (color_space) {
    case 1:
      return {5, 6, 5};  // BT.601, 625 lines
    case 2:
      return {1, 1, 1};  // BT.709
    case 3:
      return {6, 6, 6};  // SMPTE 170
    case 4:
      return {7, 7, 7};  // SMPTE 240
    case 5:
      return {9, 14, 9};  // BT.2020; the bitstream does not tell PQ or HLG
    case 7:
      return {1, 13, 0};  // sRGB
    default:
      return {2, 2, 2};
  }
}

std::string TwoDigits(unsigned value) { return (value < 10 ? "0" : "") + std::to_string(value); }

}  // namespace

absl::StatusOr<Vp9Config> ParseVp9Config(Bytes body) {
  ByteReader reader(body);
  if (body.size() >= kRecordSize + kVersionAndFlagsSize) {
    if (reader.U8() != 1) return Error(Vp9Error::kConfigVersion);
    reader.Skip(3);  // flags
  }
  Vp9Config config;
  config.profile = reader.U8();
  config.level = reader.U8();
  const uint8_t packed = reader.U8();
  config.bit_depth = packed >> 4;
  config.chroma_subsampling = (packed >> 1) & 7;
  config.full_range = (packed & 1) != 0;
  config.primaries = reader.U8();
  config.transfer = reader.U8();
  config.matrix = reader.U8();
  if (!reader.ok()) return Error(Vp9Error::kConfigTruncated);
  if (config.profile > 3 || config.chroma_subsampling > 3 ||
      (config.bit_depth != 8 && config.bit_depth != 10 && config.bit_depth != 12)) {
    return Error(Vp9Error::kConfigReserved);
  }
  return config;
}

std::vector<uint8_t> BuildVp9Config(const Vp9Config& config) {
  std::vector<uint8_t> out;
  ByteWriter writer(out);
  writer.U32(0x01000000);  // version 1, no flags
  writer.U8(config.profile);
  writer.U8(config.level);
  writer.U8(static_cast<uint8_t>(config.bit_depth << 4 | (config.chroma_subsampling & 7) << 1 |
                                 (config.full_range ? 1 : 0)));
  writer.U8(config.primaries);
  writer.U8(config.transfer);
  writer.U8(config.matrix);
  writer.U16(0);  // codecInitializationDataSize: none for VP9
  return out;
}

absl::StatusOr<Vp9Config> ConfigOf(const FrameHeader& key_frame) {
  if (!key_frame.key_frame) return Error(Vp9Error::kNeedsKeyFrame);
  Vp9Config config;
  config.profile = key_frame.profile;
  config.level = LevelFor(key_frame.width, key_frame.height);
  config.bit_depth = key_frame.bit_depth;
  // 4:4:0 has no number; 4:2:2 has as many chroma samples.
  config.chroma_subsampling = key_frame.subsampling_x && key_frame.subsampling_y   ? 1
                              : key_frame.subsampling_x || key_frame.subsampling_y ? 2
                                                                                   : 3;
  config.full_range = key_frame.full_range;
  const Colours colours = ColoursOf(key_frame.color_space);
  config.primaries = colours.primaries;
  config.transfer = colours.transfer;
  config.matrix = colours.matrix;
  return config;
}

std::string CodecString(const Vp9Config& config) {
  const std::string text = "vp09." + TwoDigits(config.profile) + "." + TwoDigits(config.level) +
                           "." + TwoDigits(config.bit_depth);
  // What is left out means BT.709 in limited range, 4:2:0.
  const auto or_default = [](uint8_t value) -> unsigned { return value == 2 ? 1 : value; };
  const std::string colours =
      "." + TwoDigits(or_default(config.primaries)) + "." + TwoDigits(or_default(config.transfer)) +
      "." + TwoDigits(or_default(config.matrix)) + (config.full_range ? ".01" : ".00");
  if (config.chroma_subsampling <= 1 && colours == ".01.01.01.00") return text;
  return text + "." + TwoDigits(config.chroma_subsampling) + colours;
}

absl::StatusOr<Track> MakeTrack(const Vp9Config& config, const FrameHeader& key_frame) {
  if (!key_frame.key_frame) return Error(Vp9Error::kNeedsKeyFrame);
  Track track;
  track.id = 1;
  track.kind = TrackKind::kVideo;
  track.codec = Codec::kVp9;
  track.config = BuildVp9Config(config);
  track.codec_string = CodecString(config);
  track.width = key_frame.width;
  track.height = key_frame.height;
  return track;
}

}  // namespace millrace::media::vp9
