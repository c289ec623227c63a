#pragma once
// How key frames of libvpx begin, the records that ffmpeg wrote for them, and what they say.

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/hex.h"

namespace millrace::media::vp9 {

struct KeyFrameCase {
  const char* name;
  std::vector<uint8_t> frame;
  std::vector<uint8_t> record;
  std::string codec;
  uint8_t profile;
  uint8_t bit_depth;
  uint8_t color_space;
  bool subsampling_x;
  bool subsampling_y;
  uint32_t width;
  uint32_t height;
};

inline std::vector<KeyFrameCase> KeyFrameCases() {
  using tests::Hex;
  return {
      {"libvpx 322x182", Hex("824983420014100b560638241c18"), Hex("01000000000b820202020000"),
       "vp09.00.11.08", 0, 8, 0, true, true, 322, 182},
      {"libvpx 1080p BT.709", Hex("824983424077f043760638241c18"), Hex("010000000028820202010000"),
       "vp09.00.40.08", 0, 8, 2, true, true, 1920, 1080},
      {"libvpx 10 bit PQ", Hex("924983425001f801fb041c120e0c"), Hex("01000000020aa20910090000"),
       "vp09.02.10.10.01.09.16.09.00", 2, 10, 5, true, true, 64, 64},
      {"libvpx 4:4:4", Hex("a24983420000820042c247048383"), Hex("01000000010a860202020000"),
       "vp09.01.10.08.03.01.01.01.00", 1, 8, 0, false, false, 66, 34},
      {"libvpx 4:2:2 12 bit", Hex("b124c1a14200208010b0a1c120e0"), Hex("01000000030ac40202020000"),
       "vp09.03.10.12.02.01.01.01.00", 3, 12, 0, true, false, 66, 34},
      {"libvpx RGB", Hex("a2498342e003f003f60838241c18"), Hex("01000000010a870202000000"),
       "vp09.01.10.08.03.01.01.00.01", 1, 8, 7, false, false, 64, 64},
  };
}

}  // namespace millrace::media::vp9
