#include "router/cache.h"

#include <gtest/gtest.h>

#include "tests/unit/router/table_world.h"

namespace millrace::router {
namespace {

constexpr uint64_t kNoLimit = 1u << 30;

CachedBatch Entry(uint64_t sequence, bool random_access, size_t payload = 100) {
  const SharedBatch batch = MakeBatch({.stream_id = 1,
                                       .epoch = 1,
                                       .first = sequence,
                                       .random_access = random_access,
                                       .payload = payload,
                                       .dts_ns = static_cast<int64_t>(sequence) * 40'000'000});
  return CachedBatch::Of(media::DecodeBatchHeader(batch.bytes.bytes()).value(), batch);
}

std::string Held(const Cache& cache) {
  std::string held;
  for (uint64_t i = cache.begin(); i < cache.end(); ++i) {
    if (!held.empty()) held += ' ';
    held += std::to_string(cache.at(i).first_sequence);
    if (cache.at(i).random_access) held += '*';
  }
  return held;
}

TEST(Cache, KeepsTheCurrentGop) {
  CacheBudget budget{kNoLimit};
  Cache cache(budget);
  for (uint64_t i = 1; i <= 5; ++i) cache.Append(Entry(i, i % 3 == 1), 0, kNoLimit);
  EXPECT_EQ(Held(cache), "4* 5");
  EXPECT_EQ(cache.at(*cache.LastRandomAccess()).first_sequence, 4u);
}

TEST(Cache, KeepsWholeGopsForTheRetention) {
  CacheBudget budget{kNoLimit};
  Cache cache(budget);
  // GOPs of 3 frames, 120 ms; 200 ms need the current one and two before it.
  for (uint64_t i = 1; i <= 10; ++i) cache.Append(Entry(i, i % 3 == 1), 200'000'000, kNoLimit);
  EXPECT_EQ(Held(cache), "4* 5 6 7* 8 9 10*");
  cache.Append(Entry(11, false), 200'000'000, kNoLimit);
  EXPECT_EQ(Held(cache), "7* 8 9 10* 11");
}

TEST(Cache, FindsBySequence) {
  CacheBudget budget{kNoLimit};
  Cache cache(budget);
  for (uint64_t i = 5; i <= 8; ++i) cache.Append(Entry(i, i == 5), 0, kNoLimit);
  EXPECT_EQ(cache.Find(1), cache.begin());
  EXPECT_EQ(cache.at(cache.Find(7)).first_sequence, 7u);
  EXPECT_EQ(cache.Find(9), cache.end());
}

TEST(Cache, DropsOldGopsAtTheLimitThenTheCurrentOne) {
  CacheBudget budget{kNoLimit};
  Cache cache(budget);
  const int64_t minute = 60'000'000'000;
  for (uint64_t i = 1; i <= 4; ++i) cache.Append(Entry(i, i % 2 == 1, 20'000), minute, 90'000);
  EXPECT_EQ(Held(cache), "1* 2 3* 4");
  EXPECT_EQ(cache.Append(Entry(5, false, 20'000), minute, 90'000), 1u);
  EXPECT_EQ(Held(cache), "3* 4 5");
  cache.Append(Entry(6, false, 20'000), minute, 90'000);
  EXPECT_EQ(cache.Append(Entry(7, false, 20'000), minute, 90'000), 1u);
  EXPECT_EQ(Held(cache), "");
  EXPECT_EQ(cache.pinned_bytes(), 0u);
  cache.Append(Entry(8, false, 20'000), minute, 90'000);
  EXPECT_EQ(Held(cache), "") << "nothing is kept before the next random-access point";
  cache.Append(Entry(9, true, 20'000), minute, 90'000);
  cache.Append(Entry(10, false, 20'000), minute, 90'000);
  EXPECT_EQ(Held(cache), "9* 10");
}

TEST(Cache, CopiesSmallBatchesAndHoldsLargeOnes) {
  CacheBudget budget{kNoLimit};
  Cache cache(budget);
  const CachedBatch small = Entry(1, true, 340);
  const CachedBatch large = Entry(2, false, 10'000);
  cache.Append(small, 0, kNoLimit);
  cache.Append(large, 0, kNoLimit);
  const CachedBatch& first = cache.at(cache.begin());
  const CachedBatch& second = cache.at(cache.begin() + 1);
  EXPECT_FALSE(first.batch.original);
  EXPECT_NE(first.batch.bytes.data(), small.batch.bytes.data());
  EXPECT_TRUE(std::ranges::equal(first.batch.bytes.bytes(), small.batch.bytes.bytes()));
  EXPECT_TRUE(second.batch.original);
  EXPECT_EQ(second.batch.bytes.data(), large.batch.bytes.data());
  EXPECT_EQ(second.batch.bytes.owner(), large.batch.bytes.owner());
}

TEST(Cache, SmallBatchesPinLittleMoreThanTheyAre) {
  CacheBudget budget{kNoLimit};
  Cache cache(budget);
  const int64_t minute = 60'000'000'000;
  uint64_t bytes = 0;
  for (uint64_t i = 1; i <= 1'000; ++i) {
    const CachedBatch entry = Entry(i, i % 50 == 1, 1'000);
    cache.Append(entry, minute, kNoLimit);
    bytes += entry.size();
  }
  EXPECT_LT(cache.pinned_bytes(), bytes * 1.25);
  EXPECT_EQ(budget.used, cache.pinned_bytes());
}

TEST(Cache, GivesBackWhatItPinned) {
  CacheBudget budget{kNoLimit};
  {
    Cache cache(budget);
    // Small and large ones mixed, GOPs coming and going.
    for (uint64_t i = 1; i <= 5'000; ++i) {
      cache.Append(Entry(i, i % 25 == 1, (i * 7919) % 12'000), 0, 100'000);
      ASSERT_LE(cache.pinned_bytes(), 100'000u);
      ASSERT_EQ(budget.used, cache.pinned_bytes());
    }
    while (cache.DropOldestGop()) {
    }
    cache.DropCurrent();
    EXPECT_EQ(budget.used, 0u);
    cache.Append(Entry(6'000, true), 0, 100'000);
  }
  EXPECT_EQ(budget.used, 0u);
}

TEST(Cache, ABlockOutlivesTheCacheWhileItIsBeingSent) {
  CacheBudget budget{kNoLimit};
  SharedBatch held;
  {
    Cache cache(budget);
    cache.Append(Entry(1, true), 0, kNoLimit);
    held = cache.at(cache.begin()).batch;
  }
  EXPECT_TRUE(media::DecodeBatchHeader(held.bytes.bytes()).ok());
}

TEST(Cache, PositionsKeepRising) {
  CacheBudget budget{kNoLimit};
  Cache cache(budget);
  cache.Append(Entry(1, true), 0, kNoLimit);
  cache.Append(Entry(2, false), 0, kNoLimit);
  const uint64_t end = cache.end();
  cache.Clear();
  EXPECT_EQ(cache.begin(), end);
  cache.Append(Entry(1, true), 0, kNoLimit);
  EXPECT_EQ(cache.end(), end + 1);
}

}  // namespace
}  // namespace millrace::router
