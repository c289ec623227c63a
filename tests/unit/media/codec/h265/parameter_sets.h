#pragma once
// Parameter sets as encoders wrote them, and what they say.

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/hex.h"

namespace millrace::media::h265 {

struct SpsCase {
  const char* name;
  std::vector<uint8_t> vps;
  std::vector<uint8_t> sps;
  std::string codec;
  uint32_t width = 0;
  uint32_t height = 0;
  uint32_t frame_rate_num = 0;
  uint32_t frame_rate_den = 0;
  bool may_reorder = false;
  uint32_t chroma_format_idc = 1;
  uint32_t bit_depth = 8;
  uint8_t sub_layers = 1;
};

inline std::vector<SpsCase> SpsCases() {
  using tests::Hex;
  const std::vector<uint8_t> main_vps = Hex("40010c01ffff01600000030090000003000003003c959009");
  return {
      {"x265 main 322x182p25", main_vps,
       Hex("42010101600000030090000003000003003ca00a880c1c44d965644a4c2f016808000003000800000300c84"
           "0"),
       "hvc1.1.6.L60.90", 322, 182, 25, 1, true},
      {"x265 main 10 PQ 640x360 at 29.97", Hex("40010c01ffff02200000030090000003000003003f959409"),
       Hex("42010102200000030090000003000003003fa005020171f2b6595952930bc05a84880482000007d20000ea"
           "6010"),
       "hvc1.2.4.L63.90", 640, 360, 30000, 1001, true, 1, 10},
      {"x265 4:2:2 10 bit", Hex("40010c01ffff0408000003009d2800000300003cba0240"),
       Hex("4201010408000003009d2800000300003cb00a080c1f1ad96e92930bc05a02000007d20000bb8010"),
       "hvc1.4.10.L60.9D.28", 320, 180, 24000, 1001, false, 2, 10},
      {"x265 4:4:4 12 bit 66x34", Hex("40010c01ffff040800000300982800000300001eba0240"),
       Hex("420101040800000300982800000300001e900510638f8f294b7494985e02d010000003001000000300a08"
           "0"),
       "hvc1.4.10.L30.98.28", 66, 34, 10, 1, false, 3, 12},
      {"x265 monochrome", Hex("40010c01ffff0408000003009fe800000300001eba0240"),
       Hex("4201010408000003009fe800000300001ec08204165ba4a4c2f016c080000003008000000784"),
       "hvc1.4.10.L30.9F.E8", 64, 64, 15, 1, false, 0},
      {"x265 high tier 1080p60 with scaling lists",
       Hex("40010c01ffff21600000030090000003000003007b959409"),
       Hex("42010121600000030090000003000003007ba003c0801107cb965654a4e1780b4040000003004000000f0"
           "2"),
       "hvc1.1.6.H123.90", 1920, 1080, 60, 1, true},
      {"x265 fields", Hex("40010c01ffff01600000030040000003000003005d959409"),
       Hex("42010101600000030040000003000003005da005a200905965654a4c2f016868000003000800000301904"
           "0"),
       "hvc1.1.6.L93.40", 720, 576, 50, 1, true},
      {"two temporal sub-layers",
       Hex("40010c03ffff01600000030090000003000003003cc00001600000030090000003000003001e159009"),
       Hex("42010301600000030090000003000003003cc00001600000030090000003000003001ea00a880c1c44d965"
           "642b225261780b4040000003004000000642"),
       "hvc1.1.6.L60.90", 322, 182, 25, 1, true, 1, 8, 2},
      {"predicted reference picture sets and long-term pictures", main_vps,
       Hex("42010101600000030090000003000003003ca00a880c1c44d965644a4c0ad6abaae761446c1790f0168080"
           "000003008000000c84"),
       "hvc1.1.6.L60.90", 322, 182, 25, 1, true},
      {"scaling lists in the set", main_vps,
       Hex("42010101600000030090000003000003003ca00a880c1c44d965644a4fd3a74e9d3ba74e9d3a774e9d3a74"
           "eba74e9d3a74e9d3a74e9d3a74e9d3a74e9d3a774e9d3a74e9d3a74e9d3a74e9d3a74e9d3a74ee9d3a74e9"
           "d3a74e9d3a74e9d3a74e9d3a74e9e10a74e9d3a74e9d3a74e9d3a74e9d3a74e9d3a7610a74e9d3a74e9d3a"
           "74e9d3a74e9d3a74e9d3a7610a74e9d3a74e9d3a74e9d3a74e9d3a74e9d3a758429d3a74e9d3a74e9d3a74"
           "e9d3a74e9d3a74e9c5e02d010000030001000003001908"),
       "hvc1.1.6.L60.90", 322, 182, 25, 1, true},
      {"pcm", main_vps,
       Hex("42010101600000030090000003000003003ca00a880c1c44d965644a4c5dd2de02d0100000030010000003"
           "019080"),
       "hvc1.1.6.L60.90", 322, 182, 25, 1, true},
  };
}

inline std::vector<uint8_t> Pps() { return tests::Hex("4401c073c189"); }

}  // namespace millrace::media::h265
