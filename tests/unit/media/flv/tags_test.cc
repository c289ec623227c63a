#include "media/flv/tags.h"

#include <gtest/gtest.h>

#include <set>

#include "media/base/fault.h"
#include "tests/support/hex.h"

namespace millrace::media::flv {
namespace {

using tests::Hex;

TEST(Tags, VideoBodies) {
  const struct {
    const char* name;
    std::vector<uint8_t> body;
    VideoFrameType frame_type;
    PacketType packet_type;
    int32_t composition_ms;
    std::vector<uint8_t> data;
  } cases[] = {
      {"sequence header", Hex("17 00 000000 0164"), VideoFrameType::kKey,
       PacketType::kSequenceHeader, 0, Hex("0164")},
      {"key frame", Hex("17 01 000050 00000001"), VideoFrameType::kKey, PacketType::kData, 80,
       Hex("00000001")},
      {"inter frame", Hex("27 01 000000 00"), VideoFrameType::kInter, PacketType::kData, 0,
       Hex("00")},
      {"disposable", Hex("37 01 000000 00"), VideoFrameType::kDisposableInter, PacketType::kData, 0,
       Hex("00")},
      {"negative composition", Hex("27 01 ffffd8 00"), VideoFrameType::kInter, PacketType::kData,
       -40, Hex("00")},
      {"end of sequence",
       Hex("17 02 000000"),
       VideoFrameType::kKey,
       PacketType::kEndOfSequence,
       0,
       {}},
      {"command", Hex("57 00"), VideoFrameType::kCommand, PacketType::kData, 0, {}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto tag = ParseVideoTagBody(c.body);
    ASSERT_TRUE(tag.ok()) << tag.status();
    EXPECT_EQ(tag->frame_type, c.frame_type);
    EXPECT_EQ(tag->packet_type, c.packet_type);
    EXPECT_EQ(tag->composition_ms, c.composition_ms);
    EXPECT_EQ(std::vector<uint8_t>(tag->data.begin(), tag->data.end()), c.data);
    EXPECT_EQ(tag->header_size + tag->data.size(), c.body.size());
  }
}

TEST(Tags, AudioBodies) {
  const std::vector<uint8_t> config = Hex("af 00 1210");
  auto tag = ParseAudioTagBody(config);
  ASSERT_TRUE(tag.ok());
  EXPECT_EQ(tag->packet_type, PacketType::kSequenceHeader);
  EXPECT_EQ(tag->data.size(), 2u);
  const std::vector<uint8_t> mono =
      Hex("a2 01 2100");  // 5.5 kHz, 16 bit, mono: for AAC it says nothing
  tag = ParseAudioTagBody(mono);
  ASSERT_TRUE(tag.ok());
  EXPECT_EQ(tag->packet_type, PacketType::kData);
  EXPECT_EQ(tag->sound_rate, 0);
  EXPECT_EQ(tag->sound_size, 1);
  EXPECT_EQ(tag->sound_type, 0);
}

TEST(Tags, RefusesByName) {
  const struct {
    const char* name;
    TagType type;
    std::vector<uint8_t> body;
  } cases[] = {
      {"flv_empty_body", TagType::kVideo, {}},
      {"flv_empty_body", TagType::kAudio, {}},
      {"flv_empty_body", TagType::kScript, {}},
      {"flv_truncated_body", TagType::kVideo, Hex("17 01 0000")},
      {"flv_truncated_body", TagType::kAudio, Hex("af")},
      {"flv_enhanced_video", TagType::kVideo, Hex("90 'hvc1'")},
      {"flv_unsupported_video", TagType::kVideo, Hex("1c 00 000000")},  // HEVC by Chinese encoders
      {"flv_unsupported_video", TagType::kVideo, Hex("12 00")},
      {"flv_bad_video_packet", TagType::kVideo, Hex("17 03 000000")},
      {"flv_unsupported_audio", TagType::kAudio, Hex("2f ff")},
      {"flv_bad_audio_packet", TagType::kAudio, Hex("af 02")},
      {"flv_bad_script", TagType::kScript, Hex("05")},
      {"amf_truncated", TagType::kScript, Hex("02 0005 'a'")},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    absl::Status status;
    if (c.type == TagType::kVideo) status = ParseVideoTagBody(c.body).status();
    if (c.type == TagType::kAudio) status = ParseAudioTagBody(c.body).status();
    if (c.type == TagType::kScript) status = ParseScriptTagBody(c.body).status();
    EXPECT_EQ(FaultName(status), c.name);
  }
}

TEST(Tags, ScriptBodies) {
  const struct {
    const char* name;
    std::vector<uint8_t> body;
    size_t properties;
  } cases[] = {
      {"ffmpeg",
       Hex("02 000d '@setDataFrame' 02 000a 'onMetaData' 08 00000001 0005 'width' 00 "
           "4094000000000000 0000 09"),
       1},
      {"bare", Hex("02 000a 'onMetaData' 03 0005 'width' 00 4094000000000000 0000 09"), 1},
      {"Reolink without stereo",
       Hex("02 000a 'onMetaData' 08 00000002 000c 'audiocodecid' 00 "
           "4024000000000000 000f 'audiosamplerate' 00 40cf400000000000 0000 09"),
       2},
      {"DJI without tracks", Hex("02 000a 'onMetaData' 08 00000000 0000 09"), 0},
      {"name alone", Hex("02 000a 'onMetaData'"), 0},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto script = ParseScriptTagBody(c.body);
    ASSERT_TRUE(script.ok()) << script.status();
    EXPECT_EQ(script->name, "onMetaData");
    EXPECT_EQ(script->value.properties().size(), c.properties);
  }
}

TEST(Tags, EveryErrorHasAName) {
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(FlvError::kBadScript); ++i) {
    names.insert(FlvErrorName(static_cast<FlvError>(i)));
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(FlvError::kBadScript) + 1);
  EXPECT_FALSE(names.contains("flv_unknown"));
}

}  // namespace
}  // namespace millrace::media::flv
