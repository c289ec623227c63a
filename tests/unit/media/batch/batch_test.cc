#include "media/frame/batch.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "media/base/fault.h"
#include "tests/support/hex.h"
#include "tests/support/seeds.h"

namespace millrace::media {
namespace {

Payload Bytes8(std::vector<uint8_t> bytes) { return Payload::FromVector(std::move(bytes)); }

std::vector<uint8_t> Golden(const std::string& name) {
  std::ifstream file(std::filesystem::path(GOLDEN_FOLDER) / (name + ".hex"));
  std::stringstream text;
  text << file.rdbuf();
  return tests::Hex(text.str());
}

// What each golden file holds, as the encoder takes it.
struct Case {
  std::string name;
  BatchHeader header;
  std::vector<Frame> frames;
};

std::vector<Case> Cases() {
  std::vector<Case> cases(3);
  {
    Case& c = cases[0];
    c.name = "gop_start";
    c.header = {.stream_id = 0x0123456789ABCDEF,
                .epoch = 1'700'000'000'000,
                .term = 7,
                .flags = kBatchRandomAccess,
                .track_set_version = 3};
    Frame video{.track = 1, .flags = kClosedRandomAccess, .header_len = 4, .gop = 42};
    video.segment = 1'700'000'000;
    video.sequence = 1000;
    video.pts_ns = 80'000'000;
    video.duration_ns = 40'000'000;
    video.ingest_wall_ns = 1'700'000'000'123'456'789;
    video.payload = Bytes8(tests::Hex("06020aff 00000003 658884"));
    Frame audio = video;
    audio.track = 2;
    audio.header_len = 0;
    audio.sequence = 1001;
    audio.dts_ns = audio.pts_ns = audio.duration_ns = 21'333'333;
    audio.payload = Bytes8(tests::Hex("2110056020"));
    c.frames = {video, audio};
  }
  {
    Case& c = cases[1];
    c.name = "discontinuity";
    c.header = {.stream_id = 1, .epoch = 2, .track_set_version = 1};
    Frame frame{.track = 1, .flags = kDiscontinuity | kNonReference};
    frame.discontinuity_sequence = 5;
    frame.sequence = 1;
    frame.dts_ns = -40'000'000;
    frame.pts_ns = -1;
    frame.duration_ns = 33'366'667;
    frame.payload = Bytes8({0, 0, 0, 1, 0x41});
    c.frames = {frame};
  }
  {
    Case& c = cases[2];
    c.name = "extremes";
    c.header = {.stream_id = UINT64_MAX,
                .epoch = uint64_t{1} << 62,
                .term = UINT64_MAX - 1,
                .track_set_version = UINT32_MAX};
    Frame frame{.track = 255, .flags = 0x7F, .gop = UINT32_MAX, .segment = UINT32_MAX};
    frame.discontinuity_sequence = UINT32_MAX;
    frame.sequence = UINT64_MAX - 4999;
    frame.dts_ns = int64_t{1} << 62;
    frame.pts_ns = -(int64_t{1} << 62);
    frame.duration_ns = 1;
    frame.ingest_wall_ns = int64_t{1} << 62;
    c.frames = {frame};
  }
  return cases;
}

std::vector<uint8_t> Encode(const BatchHeader& header, std::span<const Frame> frames) {
  std::vector<uint8_t> bytes(EncodedBatchSize(frames));
  EncodeBatch(header, frames, bytes);
  return bytes;
}

void ExpectSame(const Frame& a, const Frame& b) {
  EXPECT_EQ(a.track, b.track);
  EXPECT_EQ(a.flags, b.flags);
  EXPECT_EQ(a.header_len, b.header_len);
  EXPECT_EQ(a.gop, b.gop);
  EXPECT_EQ(a.segment, b.segment);
  EXPECT_EQ(a.discontinuity_sequence, b.discontinuity_sequence);
  EXPECT_EQ(a.sequence, b.sequence);
  EXPECT_EQ(a.dts_ns, b.dts_ns);
  EXPECT_EQ(a.pts_ns, b.pts_ns);
  EXPECT_EQ(a.duration_ns, b.duration_ns);
  EXPECT_EQ(a.ingest_wall_ns, b.ingest_wall_ns);
}

TEST(Batch, EncodesAsTheContractSays) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    const std::vector<uint8_t> golden = Golden(c.name);
    ASSERT_FALSE(golden.empty());
    EXPECT_EQ(Encode(c.header, c.frames), golden);
    tests::WriteSeed("bus_wire_fuzz", "batch_" + c.name, golden);
  }
}

TEST(Batch, DecodesWhatTheContractSays) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    const Payload message = Payload::FromVector(Golden(c.name));
    const auto header = DecodeBatchHeader(message.bytes());
    ASSERT_TRUE(header.ok()) << header.status();
    EXPECT_EQ(header->stream_id, c.header.stream_id);
    EXPECT_EQ(header->epoch, c.header.epoch);
    EXPECT_EQ(header->term, c.header.term);
    EXPECT_EQ(header->track_set_version, c.header.track_set_version);
    EXPECT_EQ(header->first_sequence, c.frames.front().sequence);
    EXPECT_EQ(header->last_sequence(), c.frames.back().sequence);
    EXPECT_EQ(header->gop, c.frames.front().gop);
    const auto frames = DecodeBatch(message);
    ASSERT_TRUE(frames.ok()) << frames.status();
    ASSERT_EQ(frames->size(), c.frames.size());
    for (size_t i = 0; i < frames->size(); ++i) {
      ExpectSame((*frames)[i], c.frames[i]);
      ExpectSame(DecodeFrameHeader(message.bytes(), i), c.frames[i]);
      EXPECT_TRUE(std::ranges::equal((*frames)[i].payload.bytes(), c.frames[i].payload.bytes()));
    }
  }
}

TEST(Batch, PayloadsShareTheMessage) {
  const Payload message = Payload::FromVector(Golden("gop_start"));
  const auto frames = DecodeBatch(message);
  ASSERT_TRUE(frames.ok());
  for (const Frame& frame : *frames) {
    EXPECT_EQ(frame.payload.owner(), message.owner());
    EXPECT_GE(frame.payload.data(), message.data());
  }
  EXPECT_EQ((*frames)[0].data().size(), 7u) << "without the TLVs";
}

TEST(Batch, FlagsAndEndFollowFromTheFrames) {
  std::vector<Frame> frames(2);
  frames[0].sequence = 5;
  frames[0].dts_ns = 100;
  frames[0].duration_ns = 50;
  frames[1].sequence = 6;
  frames[1].dts_ns = 90;
  frames[1].duration_ns = 20;
  frames[1].flags = kDiscontinuity | kClosedRandomAccess;
  BatchHeader header;
  header.flags = kBatchDiscontinuity;
  const auto decoded = DecodeBatchHeader(Encode(header, frames)).value();
  EXPECT_EQ(decoded.flags, 0u) << "only the first frame counts";
  EXPECT_EQ(decoded.dts_end_ns, 150);
  header.flags = kBatchRandomAccess;
  frames[0].flags = kDiscontinuity;
  EXPECT_EQ(DecodeBatchHeader(Encode(header, frames))->flags,
            kBatchRandomAccess | kBatchDiscontinuity);
}

TEST(Batch, AnEndThatOverflowsIsTheDts) {
  std::vector<Frame> frames(1);
  frames[0].sequence = 1;
  frames[0].dts_ns = INT64_MAX;
  frames[0].duration_ns = 1;
  EXPECT_EQ(DecodeBatchHeader(Encode({}, frames))->dts_end_ns, INT64_MAX);
}

TEST(Batch, ReadersStartWhereTheLeadingTrackDoes) {
  TrackSet both{.version = 1,
                .tracks = {Track{.id = 2, .kind = TrackKind::kAudio}, Track{.id = 1}}};
  TrackSet audio{.version = 1, .tracks = {Track{.id = 2, .kind = TrackKind::kAudio}}};
  Frame frame;
  frame.flags = kClosedRandomAccess;
  frame.track = 2;
  EXPECT_FALSE(StartsAtRandomAccess(both, frame)) << "every audio frame is one, but video leads";
  EXPECT_TRUE(StartsAtRandomAccess(audio, frame));
  frame.track = 1;
  EXPECT_TRUE(StartsAtRandomAccess(both, frame));
  frame.flags = kOpenRandomAccess;
  EXPECT_TRUE(StartsAtRandomAccess(both, frame));
  frame.flags = kGradualRefreshStart;
  EXPECT_FALSE(StartsAtRandomAccess(both, frame));
  frame.flags = kClosedRandomAccess;
  EXPECT_TRUE(StartsAtRandomAccess(TrackSet{}, frame));
}

TEST(Batch, RestampChangesStreamAndTermAlone) {
  std::vector<uint8_t> bytes = Golden("gop_start");
  RestampBatch(bytes, 0xA1A2A3A4A5A6A7A8, 9);
  std::vector<uint8_t> expected = Golden("gop_start");
  const auto id = tests::Hex("a8a7a6a5a4a3a2a1 0900000000000000");
  std::copy(id.begin(), id.end(), expected.begin() + 8);
  EXPECT_EQ(bytes, expected);
}

TEST(Batch, WhatIsWrongHasAName) {
  using Change = std::function<void(std::vector<uint8_t>&)>;
  const auto set32 = [](size_t at, uint32_t value) {
    return Change([=](std::vector<uint8_t>& bytes) {
      for (size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<uint8_t>(value >> (8 * i));
    });
  };
  const std::vector<std::pair<std::string, Change>> wrong = {
      {"batch_truncated", [](auto& bytes) { bytes.clear(); }},
      {"batch_truncated", [](auto& bytes) { bytes.resize(64); }},
      {"batch_truncated", [](auto& bytes) { bytes.resize(128); }},
      {"batch_truncated", [](auto& bytes) { bytes.pop_back(); }},
      {"batch_truncated", set32(64 + 8, 0xFFFFFFFF)},
      {"batch_magic", [](auto& bytes) { bytes[3] = '2'; }},
      {"batch_frame_count", set32(40, 0)},
      {"batch_frame_count", set32(40, 4097)},
      {"batch_truncated", set32(40, 4096)},
      {"batch_sequence", [](auto& bytes) { std::fill_n(bytes.begin() + 32, 8, uint8_t{0}); }},
      {"batch_sequence", [](auto& bytes) { std::fill_n(bytes.begin() + 32, 8, uint8_t{0xFF}); }},
      {"batch_sequence", [](auto& bytes) { ++bytes[64 + 64 + 56]; }},
      {"batch_header_len", [](auto& bytes) { bytes[64 + 4] = 12; }},
      {"batch_trailing_bytes", [](auto& bytes) { bytes.push_back(0); }},
      {"batch_too_large", [](auto& bytes) { bytes.resize(kMaxBatchBytes + 1); }},
  };
  size_t number = 0;
  for (const auto& [name, change] : wrong) {
    std::vector<uint8_t> bytes = Golden("gop_start");
    change(bytes);
    SCOPED_TRACE(name + " " + std::to_string(++number));
    EXPECT_EQ(FaultName(DecodeBatchHeader(bytes).status()), name);
    EXPECT_EQ(FaultName(DecodeBatch(Payload::Copy(bytes)).status()), name);
    if (bytes.size() < 4096) {
      tests::WriteSeed("bus_wire_fuzz", "refused_" + name + std::to_string(number), bytes);
    }
  }
}

TEST(Batch, TheLargestCountPasses) {
  std::vector<Frame> frames(kMaxBatchFrames);
  for (size_t i = 0; i < frames.size(); ++i) frames[i].sequence = i + 1;
  const auto decoded = DecodeBatch(Payload::FromVector(Encode({}, frames)));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->size(), kMaxBatchFrames);
}

}  // namespace
}  // namespace millrace::media
