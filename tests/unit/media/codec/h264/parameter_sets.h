#pragma once
// Parameter sets as encoders wrote them, and what they say.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/hex.h"

namespace millrace::media::h264 {

struct SpsCase {
  const char* name;
  std::vector<uint8_t> nal;
  std::string codec;
  uint32_t width = 0;
  uint32_t height = 0;
  uint32_t frame_rate_num = 0;
  uint32_t frame_rate_den = 0;
  bool may_reorder = false;
  bool interlaced = false;
  uint32_t chroma_format_idc = 1;
  uint32_t bit_depth = 8;
};

inline std::vector<SpsCase> SpsCases() {
  using tests::Hex;
  return {
      {"x264 baseline 720p25", Hex("6742c01fd9005005bbff000300041000000300100000030320f1832480"),
       "avc1.42c01f", 1280, 720, 25, 1, false},
      {"x264 high 1080p60", Hex("6764002aacd940780227e5ffc000c00104000003000400000301e03c60c658"),
       "avc1.64002a", 1920, 1080, 60, 1, true},
      {"x264 high 322x182 at 29.97", Hex("6764000dacd941519e226c04400000fa40003a9803c50a6580"),
       "avc1.64000d", 322, 182, 30000, 1001, true},
      {"x264 high 4:2:2 10 bit", Hex("677a001eb6cd940a02ff89ffc000c0010400000fa40002ee003c58b658"),
       "avc1.7a001e", 640, 360, 24000, 1001, true, false, 2, 10},
      {"x264 main interlaced", Hex("674d401eeca05a126ffc0040003c40000003004000000c87c50a6580"),
       "avc1.4d401e", 720, 576, 25, 1, true, true},
      {"x264 high 4:4:4", Hex("67f4000c919b282a10f1f1fff80f200f1880000003008000000a078a14cb"),
       "avc1.f4000c", 322, 242, 10, 1, true, false, 3},
      {"x264 high 66x34", Hex("6764000af36515f8f8fffc0110018db2000003000200000300641e244b2c"),
       "avc1.64000a", 66, 34, 25, 1, true, false, 0},
      {"camera without VUI", Hex("6742001fda01001864"), "avc1.42001f", 1024, 768, 0, 0, false},
  };
}

inline std::vector<uint8_t> Pps() { return tests::Hex("68ebe3cb22c0"); }

}  // namespace millrace::media::h264
