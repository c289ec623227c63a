#include "runtime/transcode/audio_transcoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "media/codec/aac/config.h"
#include "media/codec/g711/g711.h"

extern "C" {
#include <libavcodec/avcodec.h>
}

namespace millrace::transcode {
namespace {

using media::Track;

constexpr int64_t kMs = 1'000'000;
constexpr double kHz = 440;

// A tone in G.711 A-law, 20 ms a unit: for each sample the code that comes nearest.
std::vector<uint8_t> Tone(int unit) {
  std::vector<uint8_t> codes;
  for (int i = 0; i < 160; ++i) {
    const double wanted = 8000 * std::sin(2 * M_PI * kHz * (unit * 160 + i) / 8000);
    int best = 0;
    for (int code = 1; code < 256; ++code) {
      const auto off = [&](int one) {
        return std::abs(media::g711::internal::FromALaw(static_cast<uint8_t>(one)) - wanted);
      };
      if (off(code) < off(best)) best = code;
    }
    codes.push_back(static_cast<uint8_t>(best));
  }
  return codes;
}

std::vector<float> Decoded(const Track& track, const std::vector<AudioUnit>& units) {
  const AVCodec* codec = avcodec_find_decoder(AV_CODEC_ID_AAC);
  AVCodecContext* decoder = avcodec_alloc_context3(codec);
  decoder->extradata =
      static_cast<uint8_t*>(av_mallocz(track.config.size() + AV_INPUT_BUFFER_PADDING_SIZE));
  std::copy(track.config.begin(), track.config.end(), decoder->extradata);
  decoder->extradata_size = static_cast<int>(track.config.size());
  EXPECT_EQ(avcodec_open2(decoder, codec, nullptr), 0);
  AVPacket* packet = av_packet_alloc();
  AVFrame* frame = av_frame_alloc();
  std::vector<float> samples;
  for (const AudioUnit& unit : units) {
    av_new_packet(packet, static_cast<int>(unit.payload.size()));
    std::copy(unit.payload.bytes().begin(), unit.payload.bytes().end(), packet->data);
    EXPECT_EQ(avcodec_send_packet(decoder, packet), 0);
    av_packet_unref(packet);
    while (avcodec_receive_frame(decoder, frame) >= 0) {
      const auto* data = reinterpret_cast<const float*>(frame->extended_data[0]);
      samples.insert(samples.end(), data, data + frame->nb_samples);
    }
  }
  av_frame_free(&frame);
  av_packet_free(&packet);
  avcodec_free_context(&decoder);
  return samples;
}

class TranscoderTest : public testing::Test {
 protected:
  std::unique_ptr<AudioTranscoder> Make(const Track& source) {
    auto made = AudioTranscoder::Create(source);
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() ? *std::move(made) : nullptr;
  }
  Track ALaw() { return media::g711::MakeTrack(media::g711::Law::kA, 8000, 1); }
};

TEST_F(TranscoderTest, AToneStaysOneAtTheSameTime) {
  Track source = ALaw();
  source.language = "de";
  const auto transcoder = Make(source);
  const Track& track = transcoder->track();
  EXPECT_EQ(track.codec, media::Codec::kAac);
  EXPECT_EQ(track.sample_rate, 48'000u);
  EXPECT_EQ(track.channels, 1u);
  EXPECT_EQ(track.language, "de");
  const auto config = media::aac::ParseAacConfig(track.config);
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->object_type, 2);
  EXPECT_EQ(config->sample_rate, 48'000u);

  constexpr int64_t kStart = 5'000 * kMs;
  std::vector<AudioUnit> units;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(transcoder->Take(kStart + i * 20 * kMs, Tone(i), units).ok());
  }
  ASSERT_GT(units.size(), 85u);  // of 93.75
  EXPECT_NEAR(static_cast<double>(units[0].dts_ns), kStart, 1.0 * kMs);
  for (size_t i = 1; i < units.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(units[i].dts_ns - units[i - 1].dts_ns), 1024e9 / 48000, 2);
  }
  // Where the tone goes through zero in what is heard, and how often.
  const std::vector<float> samples = Decoded(track, units);
  size_t crossings = 0;
  double power = 0;
  for (size_t i = 24'001; i < 72'001; ++i) {
    crossings += samples[i - 1] < 0 && samples[i] >= 0;
    power += samples[i] * samples[i];
  }
  EXPECT_NEAR(static_cast<double>(crossings), kHz, 2);
  EXPECT_NEAR(std::sqrt(power / 48'000), 8000 / 32768.0 / std::sqrt(2), 0.02);
}

TEST_F(TranscoderTest, TheClockFollowsJumpsAndNotJitter) {
  const auto transcoder = Make(ALaw());
  std::vector<AudioUnit> units;
  for (int i = 0; i < 50; ++i) {
    const int64_t jitter = (i % 3 - 1) * 7 * kMs;
    ASSERT_TRUE(transcoder->Take(i * 20 * kMs + jitter, Tone(i), units).ok());
  }
  for (size_t i = 1; i < units.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(units[i].dts_ns - units[i - 1].dts_ns), 1024e9 / 48000, 2);
  }
  units.clear();
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(transcoder->Take(10'000 * kMs + i * 20 * kMs, Tone(i), units).ok());
  }
  ASSERT_GT(units.size(), 40u);
  EXPECT_NEAR(static_cast<double>(units.back().dts_ns), 10'950 * kMs, 60 * kMs);
}

TEST_F(TranscoderTest, WhatCannotBeDecodedIsLeftOut) {
  Track mp3;
  mp3.id = 2;
  mp3.kind = media::TrackKind::kAudio;
  mp3.codec = media::Codec::kMp3;
  mp3.sample_rate = 44'100;
  mp3.channels = 2;
  const auto transcoder = Make(mp3);
  std::mt19937 random(1);
  std::vector<AudioUnit> units;
  size_t failures = 0;
  for (int i = 0; i < 200; ++i) {
    std::vector<uint8_t> noise(random() % 600);
    for (uint8_t& byte : noise) byte = static_cast<uint8_t>(random());
    failures += !transcoder->Take(i * 26 * kMs, noise, units).ok();
  }
  EXPECT_GT(failures, 100u);
  EXPECT_FALSE(transcoder->Take(0, std::vector<uint8_t>(1u << 20), units).ok());
}

TEST_F(TranscoderTest, CodecsThatAreNoSource) {
  Track track = ALaw();
  track.codec = media::Codec::kUnknown;
  EXPECT_FALSE(AudioTranscoder::Create(track).ok());
}

}  // namespace
}  // namespace millrace::transcode
