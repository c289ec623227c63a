#include "router/cache.h"

#include <algorithm>
#include <cstring>

namespace millrace::router {
namespace {

// Blocks are a fraction of what the stream keeps in them, so that a half-filled one weighs little.
constexpr size_t kSmallestBlock = 4 * 1024;
constexpr size_t kLargestBlock = 64 * 1024;
constexpr size_t kBlockShare = 32;

// What a held message costs beside its bytes: our entry and ZeroMQ's reference count.
constexpr size_t kEntryBytes = sizeof(CachedBatch) + 64;

}  // namespace

CachedBatch CachedBatch::Of(const media::BatchHeader& header, const SharedBatch& batch) {
  CachedBatch cached;
  cached.batch = batch;
  cached.first_sequence = header.first_sequence;
  cached.last_sequence = header.last_sequence();
  cached.dts_end_ns = header.dts_end_ns;
  cached.track_set_version = header.track_set_version;
  cached.random_access = (header.flags & media::kBatchRandomAccess) != 0;
  return cached;
}

size_t Cache::Append(const CachedBatch& batch, int64_t retention_ns, uint64_t limit) {
  if (batch.random_access) {
    waiting_for_random_access_ = false;
    random_access_.push_back(end());
  } else if (waiting_for_random_access_) {
    return 0;
  }
  batches_.push_back(batch);
  Store(batches_.back());

  // The oldest GOP is needed as long as what follows it does not cover the retention by itself.
  while (true) {
    auto next = random_access_.begin();
    if (next != random_access_.end() && *next == begin_) ++next;
    if (next == random_access_.end()) break;
    if (retention_ns > 0) {
      int64_t held = 0;
      if (__builtin_sub_overflow(batch.dts_end_ns, at(*next - 1).dts_end_ns, &held)) break;
      if (held < retention_ns) break;
    }
    DropBefore(*next);
  }
  size_t evicted = 0;
  while (pinned_ > limit) {
    ++evicted;
    if (!DropOldestGop()) {
      DropCurrent();
      break;
    }
  }
  return evicted;
}

void Cache::Store(CachedBatch& batch) {
  Pin(kEntryBytes);
  const media::Bytes source = batch.batch.bytes.bytes();
  if (source.size() >= kCopyBelow) {
    Pin(source.size());
    return;
  }
  if (blocks_.empty() || blocks_.back().capacity - blocks_.back().used < source.size()) {
    Block block;
    block.capacity = std::clamp<size_t>(block_bytes_ / kBlockShare, kSmallestBlock, kLargestBlock);
    block.capacity = std::max(block.capacity, source.size());
    block.bytes = std::make_shared_for_overwrite<uint8_t[]>(block.capacity);
    // A full block whose batches have all gone is not waited for by anybody.
    if (!blocks_.empty() && blocks_.back().batches == 0) {
      Unpin(blocks_.back().capacity);
      block_bytes_ -= blocks_.back().capacity;
      blocks_.pop_back();
    }
    Pin(block.capacity);
    block_bytes_ += block.capacity;
    blocks_.push_back(std::move(block));
  }
  Block& block = blocks_.back();
  uint8_t* at = block.bytes.get() + block.used;
  std::memcpy(at, source.data(), source.size());
  block.used += source.size();
  ++block.batches;
  batch.batch.bytes = media::Payload(block.bytes, media::Bytes(at, source.size()));
  batch.batch.original = false;
  batch.in_block = true;
}

void Cache::PopFront() {
  const CachedBatch& batch = batches_.front();
  Unpin(kEntryBytes);
  if (batch.in_block) {
    Block& block = blocks_.front();
    if (--block.batches == 0 && blocks_.size() > 1) {
      Unpin(block.capacity);
      block_bytes_ -= block.capacity;
      blocks_.pop_front();
    }
  } else {
    Unpin(batch.size());
  }
  batches_.pop_front();
  ++begin_;
}

void Cache::DropBefore(uint64_t position) {
  while (begin_ < position) PopFront();
  while (!random_access_.empty() && random_access_.front() < begin_) random_access_.pop_front();
}

bool Cache::DropOldestGop() {
  auto next = random_access_.begin();
  if (next != random_access_.end() && *next == begin_) ++next;
  if (next == random_access_.end()) return false;
  DropBefore(*next);
  return true;
}

void Cache::DropCurrent() {
  Clear();
  waiting_for_random_access_ = true;
}

void Cache::Clear() {
  begin_ = end();
  batches_.clear();
  batches_.shrink_to_fit();
  random_access_.clear();
  blocks_.clear();
  block_bytes_ = 0;
  Unpin(pinned_);
  waiting_for_random_access_ = false;
}

uint64_t Cache::Find(uint64_t sequence) const {
  const auto found = std::lower_bound(
      batches_.begin(), batches_.end(), sequence,
      [](const CachedBatch& batch, uint64_t wanted) { return batch.last_sequence < wanted; });
  return begin_ + static_cast<uint64_t>(found - batches_.begin());
}

std::optional<uint64_t> Cache::LastRandomAccess() const {
  if (random_access_.empty()) return std::nullopt;
  return random_access_.back();
}

void Cache::Pin(uint64_t bytes) {
  pinned_ += bytes;
  budget_.used += bytes;
}

void Cache::Unpin(uint64_t bytes) {
  pinned_ -= bytes;
  budget_.used -= bytes;
}

}  // namespace millrace::router
