#include <gtest/gtest.h>

#include "media/base/fault.h"
#include "media/codec/flac/config.h"
#include "media/codec/flac/frame.h"
#include "tests/support/hex.h"
#include "tests/support/seeds.h"

namespace millrace::media::flac {
namespace {

using tests::Hex;

// STREAMINFO as ffmpeg wrote it.
constexpr char kStereo48[] =
    "12001200 0000fc 000511 0bb802f000003840 e5f051c128e84992c0cba99724092b51";
constexpr char kMono96[] =
    "20002000 001219 0025ce 1770017000007080 48b8fdb2399c0735c2dffa57bfdf67b9";

TEST(StreamInfo, SaysWhatTheEncoderSetInEachForm) {
  const struct {
    const char* name;
    std::string info;
    uint32_t sample_rate;
    uint32_t channels;
    uint32_t bits_per_sample;
    uint32_t block_size;
    uint64_t total_samples;
  } cases[] = {
      {"48000 stereo", kStereo48, 48000, 2, 16, 4608, 14400},
      {"96000 mono 24 bit", kMono96, 96000, 1, 24, 8192, 28800},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const std::vector<uint8_t> dfla = Hex("00000000 80000022" + c.info);
    const std::vector<uint8_t> native = Hex("'fLaC' 80000022" + c.info);
    tests::WriteSeed("audio_config_fuzz", std::string("flac dfla ") + c.name, dfla);
    tests::WriteSeed("audio_config_fuzz", std::string("flac native ") + c.name, native);
    const auto info = ParseStreamInfo(dfla);
    ASSERT_TRUE(info.ok()) << info.status();
    EXPECT_EQ(info->sample_rate, c.sample_rate);
    EXPECT_EQ(info->channels, c.channels);
    EXPECT_EQ(info->bits_per_sample, c.bits_per_sample);
    EXPECT_EQ(info->min_block_size, c.block_size);
    EXPECT_EQ(info->max_block_size, c.block_size);
    EXPECT_EQ(info->total_samples, c.total_samples);
    EXPECT_EQ(BuildDfla(*info), dfla);
    EXPECT_EQ(BuildNativeHeader(*info), native);
    for (const std::string& form : {"'fLaC' 00000022" + c.info + "8400000401000000",
                                    "00000022" + c.info + "84000000", c.info}) {
      EXPECT_TRUE(ParseStreamInfo(Hex(form)).value() == *info) << form;
    }
  }
}

TEST(StreamInfo, RefusesByName) {
  const std::string info = kStereo48;
  const struct {
    const char* name;
    std::vector<uint8_t> bytes;
  } cases[] = {
      {"flac_stream_info_truncated", {}},
      {"flac_stream_info_truncated", Hex("'fLaC' 80000022 12001200")},
      {"flac_stream_info_truncated", Hex("00000000 80000022" + info.substr(0, info.size() - 2))},
      {"flac_stream_info_missing", Hex("'fLaC' 84000022" + info)},
      {"flac_stream_info_missing", Hex("'OggS' 80000022" + info)},
      {"flac_stream_info_reserved", Hex("000f0010" + info.substr(8))},
      {"flac_stream_info_reserved", Hex("12001100" + info.substr(8))},
      {"flac_stream_info_reserved",
       Hex("12001200 0000fc 000511 000002f000003840 e5f051c128e84992c0cba99724092b51")},
  };
  for (const auto& c : cases) {
    tests::WriteSeed("audio_config_fuzz", std::string("refused ") + c.name, c.bytes);
    EXPECT_EQ(FaultName(ParseStreamInfo(c.bytes).status()), c.name);
  }
  for (int i = 0; i <= static_cast<int>(FlacError::kFrameReserved); ++i) {
    EXPECT_STRNE(FlacErrorName(static_cast<FlacError>(i)), "flac_unknown");
  }
}

TEST(StreamInfo, MakesATrack) {
  auto info = ParseStreamInfo(Hex(kStereo48)).value();
  const Track track = MakeTrack(info);
  EXPECT_EQ(track.id, 2);
  EXPECT_EQ(track.kind, TrackKind::kAudio);
  EXPECT_EQ(track.codec, Codec::kFlac);
  EXPECT_EQ(track.config, Hex(std::string("00000000 80000022") + kStereo48));
  EXPECT_EQ(track.codec_string, "fLaC");
  EXPECT_EQ(track.sample_rate, 48000u);
  EXPECT_EQ(track.channels, 2u);
  EXPECT_EQ(track.samples_per_frame, 4608u);
  info.min_block_size = 16;
  EXPECT_EQ(MakeTrack(info).samples_per_frame, 0u) << "frames vary";
}

TEST(Frame, Samples) {
  const struct {
    const char* name;
    std::vector<uint8_t> frame;
    uint32_t samples;
  } cases[] = {
      {"ffmpeg 4608", Hex("fff85a8800374e00"), 4608},
      {"ffmpeg last of a stream", Hex("fff82a8803594af4"), 576},
      {"ffmpeg 8192", Hex("fff8db0c00b54e00"), 8192},
      {"ffmpeg 16 bit size", Hex("fff87b0c03107f6d"), 4224},
      {"192", Hex("fff81a8800"), 192},
      {"8 bit size behind a long frame number", Hex("fff86a88 fe8182838485 86 1f"), 32},
      {"256 of variable blocks", Hex("fff98a88 c280"), 256},
      {"32768", Hex("fff8fa8800"), 32768},
  };
  for (const auto& c : cases) {
    tests::WriteSeed("audio_config_fuzz", std::string("flac frame ") + c.name, c.frame);
    EXPECT_EQ(FrameSamples(c.frame).value_or(0), c.samples) << c.name;
  }
}

TEST(Frame, RefusesByName) {
  EXPECT_EQ(FaultName(FrameSamples({}).status()), "flac_frame_truncated");
  EXPECT_EQ(FaultName(FrameSamples(Hex("fff85a88")).status()), "flac_frame_truncated");
  EXPECT_EQ(FaultName(FrameSamples(Hex("fff87a880010")).status()), "flac_frame_truncated");
  EXPECT_EQ(FaultName(FrameSamples(Hex("fffa5a8800")).status()), "flac_frame_sync");
  EXPECT_EQ(FaultName(FrameSamples(Hex("fff80a8800")).status()), "flac_frame_reserved");
  EXPECT_EQ(FaultName(FrameSamples(Hex("fff85f8800")).status()), "flac_frame_reserved");
  EXPECT_EQ(FaultName(FrameSamples(Hex("fff85ab800")).status()), "flac_frame_reserved");
  EXPECT_EQ(FaultName(FrameSamples(Hex("fff85a8980")).status()), "flac_frame_reserved");
  EXPECT_EQ(FaultName(FrameSamples(Hex("fff85a88ff")).status()), "flac_frame_reserved");
}

}  // namespace
}  // namespace millrace::media::flac
