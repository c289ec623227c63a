#include "gateways/http/flv/flv_unit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "tests/unit/gateways/http/flv/gathering.h"

namespace millrace::http {
namespace {

using media::Payload;
using media::flv::TagType;
using tests::Gathered;
using tests::ReadTags;

Payload Bytes(size_t size, uint8_t first) {
  std::vector<uint8_t> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(first + i);
  return Payload::FromVector(std::move(bytes));
}

stream::WireUnitPtr ThreeTags(Framing framing = Framing::kPlain) {
  FlvUnit::Builder builder(3, framing);
  builder.Add(TagType::kVideo, 1'000, std::vector<uint8_t>{0x17, 1, 0, 0, 0}, Bytes(300, 0));
  builder.Add(TagType::kAudio, 990, std::vector<uint8_t>{0xaf, 1}, Bytes(1, 7));
  builder.Add(TagType::kVideo, 0x1'0203'0405, std::vector<uint8_t>{0x27, 1, 0, 0, 0},
              Bytes(70'000, 9));
  return builder.Take();
}

class FlvUnitFraming : public testing::TestWithParam<Framing> {};
INSTANTIATE_TEST_SUITE_P(All, FlvUnitFraming,
                         testing::Values(Framing::kPlain, Framing::kChunked, Framing::kWebSocket));

TEST_P(FlvUnitFraming, EachSkipYieldsTheRestOfTheWhole) {
  const stream::WireUnitPtr unit = ThreeTags(GetParam());
  for (const int64_t base : {int64_t{0}, int64_t{995}, int64_t{1'000'000}}) {
    const std::vector<uint8_t> whole = Gathered(*unit, 0, base);
    ASSERT_EQ(whole.size(), unit->Size(base));
    for (size_t skip = 0; skip <= whole.size();
         skip += skip < 400 || skip > whole.size() - 100 ? 1 : 997) {
      const std::vector<uint8_t> rest = Gathered(*unit, skip, base);
      ASSERT_EQ(rest.size(), whole.size() - skip) << skip;
      ASSERT_TRUE(std::equal(rest.begin(), rest.end(), whole.begin() + skip)) << skip;
    }
  }
}

TEST(FlvUnit, AChunkIsThePlainUnitBetweenItsSizeAndALineEnd) {
  const std::vector<uint8_t> plain = Gathered(*ThreeTags(), 0, 995);
  const std::vector<uint8_t> chunk = Gathered(*ThreeTags(Framing::kChunked), 0, 995);
  ASSERT_EQ(chunk.size(), plain.size() + 12);
  const std::string head(chunk.begin(), chunk.begin() + 10);
  EXPECT_EQ(std::stoul(head, nullptr, 16), plain.size());
  EXPECT_EQ(head.substr(8), "\r\n");
  EXPECT_TRUE(std::equal(plain.begin(), plain.end(), chunk.begin() + 10));
  EXPECT_EQ(std::string(chunk.end() - 2, chunk.end()), "\r\n");
}

TEST(FlvUnit, AWebSocketMessageIsThePlainUnitBehindAHead) {
  for (const size_t size : {20u, 110u, 300u, 65'600u}) {
    const auto build = [&](Framing framing) {
      FlvUnit::Builder builder(1, framing);
      builder.Head(std::vector<uint8_t>{'F', 'L', 'V'});
      builder.Add(TagType::kVideo, 1'000, std::vector<uint8_t>{0x17, 1, 0, 0, 0}, Bytes(size, 0));
      return builder.Take();
    };
    const std::vector<uint8_t> plain = Gathered(*build(Framing::kPlain), 0, 995);
    const std::vector<uint8_t> message = Gathered(*build(Framing::kWebSocket), 0, 995);
    const size_t head = plain.size() < 126 ? 2 : plain.size() <= 0xffff ? 4 : 10;
    ASSERT_EQ(message.size(), head + plain.size()) << size;
    EXPECT_EQ(message[0], 0x82);
    EXPECT_TRUE(std::equal(plain.begin(), plain.end(), message.begin() + head)) << size;
  }
}

TEST(FlvUnit, TimestampsAreRebasedAndNeverBeforeZero) {
  const stream::WireUnitPtr unit = ThreeTags();
  const auto tags = ReadTags(Gathered(*unit, 0, 995));
  ASSERT_EQ(tags.size(), 3u);
  EXPECT_EQ(tags[0].timestamp_ms, 5u);
  EXPECT_EQ(tags[1].timestamp_ms, 0u);
  EXPECT_EQ(tags[2].timestamp_ms, 0x0203'0405u - 995);
}

TEST(FlvUnit, AFrameCostsTwoPieces) {
  const stream::WireUnitPtr unit = ThreeTags();
  stream::IovecList list;
  ASSERT_TRUE(unit->Gather(0, 0, list));
  EXPECT_EQ(list.pieces().size(), 7u);  // and the last PreviousTagSize
}

TEST(FlvUnit, PayloadsAreNotCopied) {
  const Payload payload = Bytes(500, 1);
  FlvUnit::Builder builder(1);
  builder.Add(TagType::kVideo, 0, std::vector<uint8_t>{0x17, 1, 0, 0, 0}, payload);
  const stream::WireUnitPtr unit = builder.Take();
  stream::IovecList list;
  ASSERT_TRUE(unit->Gather(0, 0, list));
  EXPECT_EQ(list.pieces()[1].iov_base, payload.data());
}

TEST(FlvUnit, AFullListIsContinuedWhereItEnded) {
  FlvUnit::Builder builder(1'000);
  for (int i = 0; i < 1'000; ++i) {
    builder.Add(TagType::kAudio, i, std::vector<uint8_t>{0xaf, 1},
                Bytes(10, static_cast<uint8_t>(i)));
  }
  const stream::WireUnitPtr unit = builder.Take();
  std::vector<uint8_t> collected;
  size_t rounds = 0;
  bool complete = false;
  while (!complete) {
    stream::IovecList list;
    complete = unit->Gather(collected.size(), 0, list);
    ASSERT_GT(list.bytes(), 0u);
    tests::Append(list, collected);
    ++rounds;
  }
  EXPECT_GT(rounds, 1u);
  EXPECT_EQ(collected.size(), unit->Size(0));
  EXPECT_EQ(ReadTags(collected).size(), 1'000u);
}

TEST(FlvUnit, AListThatIsAlreadyFullTakesNothing) {
  const stream::WireUnitPtr unit = ThreeTags();
  stream::IovecList list;
  const uint8_t byte = 0;
  while (list.Add(&byte, 1)) {
  }
  const size_t before = list.bytes();
  EXPECT_FALSE(unit->Gather(0, 0, list));
  EXPECT_EQ(list.bytes(), before);
}

TEST(FlvUnit, NoTagsNoUnit) {
  FlvUnit::Builder builder(0);
  EXPECT_EQ(builder.Take(), nullptr);
}

}  // namespace
}  // namespace millrace::http
