#include "media/codec/opus/config.h"

#include <gtest/gtest.h>

#include "media/base/fault.h"
#include "tests/support/hex.h"
#include "tests/support/seeds.h"

namespace millrace::media::opus {
namespace {

using tests::Hex;

struct Case {
  const char* name;
  std::vector<uint8_t> head;
  std::vector<uint8_t> dops;
  uint32_t channels;
  uint32_t input_sample_rate;
};

std::vector<Case> Cases() {
  return {
      {"libopus stereo", Hex("'OpusHead' 01 02 3801 80bb0000 0000 00"),
       Hex("00 02 0138 0000bb80 0000 00"), 2, 48000},
      {"libopus mono", Hex("'OpusHead' 01 01 3801 80bb0000 0000 00"),
       Hex("00 01 0138 0000bb80 0000 00"), 1, 48000},
      {"libopus 5.1", Hex("'OpusHead' 01 06 3801 80bb0000 0000 01 04 02 000401020305"),
       Hex("00 06 0138 0000bb80 0000 01 04 02 000401020305"), 6, 48000},
      {"gain and 44100", Hex("'OpusHead' 01 02 000f 44ac0000 00ff 00"),
       Hex("00 02 0f00 0000ac44 ff00 00"), 2, 44100},
      {"silent channel of family 255", Hex("'OpusHead' 01 02 3801 80bb0000 0000 ff 01 00 00ff"),
       Hex("00 02 0138 0000bb80 0000 ff 01 00 00ff"), 2, 48000},
  };
}

TEST(OpusConfig, BothFormsAreReadAndWrittenAlike) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("audio_config_fuzz", std::string("opus head ") + c.name, c.head);
    tests::WriteSeed("audio_config_fuzz", std::string("opus dops ") + c.name, c.dops);
    const auto config = ParseOpusHead(c.head);
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(config->channels, c.channels);
    EXPECT_EQ(config->input_sample_rate, c.input_sample_rate);
    const auto same = ParseDops(c.dops);
    ASSERT_TRUE(same.ok()) << same.status();
    EXPECT_TRUE(*same == *config);
    EXPECT_EQ(BuildOpusHead(*config), c.head);
    EXPECT_EQ(BuildDops(*config), c.dops);
  }
}

TEST(OpusConfig, Tolerates) {
  std::vector<uint8_t> head = Cases()[0].head;
  head.push_back(0x55);
  EXPECT_TRUE(ParseOpusHead(head).ok()) << "junk behind";
  head[8] = 0x0f;
  EXPECT_TRUE(ParseOpusHead(head).ok()) << "a later minor version";
}

TEST(OpusConfig, RefusesByName) {
  const struct {
    const char* name;
    std::vector<uint8_t> head;
  } cases[] = {
      {"opus_head_truncated", {}},
      {"opus_head_truncated", Hex("'OpusHead' 01 02 3801")},
      {"opus_head_truncated", Hex("'OpusHead' 01 06 3801 80bb0000 0000 01 04 02 0004")},
      {"opus_head_magic", Hex("'OpusTags' 01 02 3801 80bb0000 0000 00")},
      {"opus_head_version", Hex("'OpusHead' 10 02 3801 80bb0000 0000 00")},
      {"opus_head_channels", Hex("'OpusHead' 01 00 3801 80bb0000 0000 00")},
      {"opus_head_channels", Hex("'OpusHead' 01 03 3801 80bb0000 0000 00")},
      {"opus_head_channels", Hex("'OpusHead' 01 02 3801 80bb0000 0000 01 00 00 0001")},
      {"opus_head_channels", Hex("'OpusHead' 01 02 3801 80bb0000 0000 01 01 02 0001")},
      {"opus_head_channels", Hex("'OpusHead' 01 02 3801 80bb0000 0000 01 01 01 0002")},
      {"opus_head_channels",
       Hex("'OpusHead' 01 09 3801 80bb0000 0000 01 09 00 000102030405060708")},
  };
  for (const auto& c : cases) {
    tests::WriteSeed("audio_config_fuzz", std::string("refused ") + c.name, c.head);
    EXPECT_EQ(FaultName(ParseOpusHead(c.head).status()), c.name);
  }
  EXPECT_EQ(FaultName(ParseDops(Hex("01 02 0138 0000bb80 0000 00")).status()), "opus_head_version");
  EXPECT_EQ(FaultName(ParseDops({}).status()), "opus_head_truncated");
}

TEST(OpusConfig, MakesATrack) {
  const Track track = MakeTrack(ParseDops(Cases()[3].dops).value());
  EXPECT_EQ(track.id, 2);
  EXPECT_EQ(track.kind, TrackKind::kAudio);
  EXPECT_EQ(track.codec, Codec::kOpus);
  EXPECT_EQ(track.config, Cases()[3].head) << "OpusHead, whatever it came as";
  EXPECT_EQ(track.codec_string, "opus");
  EXPECT_EQ(track.sample_rate, 48000u) << "whatever the original had";
  EXPECT_EQ(track.channels, 2u);
  EXPECT_EQ(track.samples_per_frame, 0u);
}

TEST(OpusConfig, EveryErrorHasAName) {
  for (int i = 0; i <= static_cast<int>(OpusError::kPacketDuration); ++i) {
    EXPECT_STRNE(OpusErrorName(static_cast<OpusError>(i)), "opus_unknown");
  }
}

}  // namespace
}  // namespace millrace::media::opus
