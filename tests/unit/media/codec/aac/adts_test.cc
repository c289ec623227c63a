#include "media/codec/aac/adts.h"

#include <gtest/gtest.h>

#include "media/base/fault.h"
#include "tests/support/hex.h"
#include "tests/support/seeds.h"

namespace millrace::media::aac {
namespace {

using tests::Hex;

TEST(Adts, Reads) {
  const struct {
    const char* name;
    std::vector<uint8_t> bytes;
    uint32_t sample_rate;
    uint32_t channels;
    size_t header_size;
    size_t frame_size;
  } cases[] = {
      {"ffmpeg LC 44100 stereo", Hex("fff15080 2dbffc"), 44100, 2, 7, 365},
      {"LC 48000 mono", Hex("fff14c40 01bffc"), 48000, 1, 7, 13},
      {"MPEG-2 with checksum", Hex("fff85080 013ffc 0000"), 44100, 2, 9, 9},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("aac_config_fuzz", std::string("adts ") + c.name, c.bytes);
    const auto header = ParseAdtsHeader(c.bytes);
    ASSERT_TRUE(header.ok()) << header.status();
    EXPECT_EQ(header->config.object_type, 2);
    EXPECT_EQ(header->config.sample_rate, c.sample_rate);
    EXPECT_EQ(header->config.channels, c.channels);
    EXPECT_EQ(header->header_size, c.header_size);
    EXPECT_EQ(header->frame_size, c.frame_size);
  }
}

TEST(Adts, RefusesByName) {
  EXPECT_EQ(FaultName(ParseAdtsHeader(Hex("fff150")).status()), "aac_adts_truncated");
  EXPECT_EQ(FaultName(ParseAdtsHeader(Hex("fef15080 2dbffc")).status()), "aac_adts_sync");
  EXPECT_EQ(FaultName(ParseAdtsHeader(Hex("fff15080 00bffc")).status()), "aac_adts_length");
  EXPECT_EQ(FaultName(ParseAdtsHeader(Hex("fff17480 2dbffc")).status()),
            "aac_reserved_sample_rate");
}

}  // namespace
}  // namespace millrace::media::aac
