#pragma once
// What the router still holds of one stream's current epoch: batches in order, from a random-access
// point on. Small batches are copied into blocks, because a held 340-byte ZeroMQ message pins the 8
// kB buffer it was received in; larger ones are held by reference. What is counted is what is
// pinned.

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "media/frame/batch.h"
#include "router/outbox.h"

namespace millrace::router {

// Bytes that all caches of a table pin together.
struct CacheBudget {
  uint64_t limit = 0;
  uint64_t used = 0;
};

// One batch with what forwarding it needs to know.
struct CachedBatch {
  SharedBatch batch;
  uint64_t first_sequence = 0;
  uint64_t last_sequence = 0;
  int64_t dts_end_ns = 0;
  uint32_t track_set_version = 0;
  bool random_access = false;
  bool in_block = false;

  static CachedBatch Of(const media::BatchHeader& header, const SharedBatch& batch);
  size_t size() const { return batch.bytes.size(); }
};

class Cache {
 public:
  // Batches smaller than this are copied.
  static constexpr size_t kCopyBelow = 8 * 1024;

  explicit Cache(CacheBudget& budget) : budget_(budget) {}
  ~Cache() { Clear(); }
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  // `batch` lies behind everything held. Keeps the current GOP and what `retention_ns` of media
  // needs, in whole GOPs; what is oldest goes when more than `limit` bytes are pinned. A GOP that
  // alone is larger is not kept at all, and nothing is until the next random-access point. Returns
  // how many GOPs went for want of space.
  size_t Append(const CachedBatch& batch, int64_t retention_ns, uint64_t limit);
  // Everything up to the second random-access point; false where only the current GOP is held.
  bool DropOldestGop();
  // Everything; nothing is kept before the next random-access point.
  void DropCurrent();
  void Clear();

  // Positions rise by one with each batch and stay valid while others are appended or dropped.
  uint64_t begin() const { return begin_; }
  uint64_t end() const { return begin_ + batches_.size(); }
  bool empty() const { return batches_.empty(); }
  const CachedBatch& at(uint64_t position) const { return batches_[position - begin_]; }
  // Of the first batch that ends at or behind `sequence`; end() where there is none.
  uint64_t Find(uint64_t sequence) const;
  std::optional<uint64_t> LastRandomAccess() const;
  uint64_t pinned_bytes() const { return pinned_; }

 private:
  struct Block {
    std::shared_ptr<uint8_t[]> bytes;
    size_t capacity = 0;
    size_t used = 0;
    size_t batches = 0;  // that are held and lie in it
  };

  void Store(CachedBatch& batch);
  void PopFront();
  void DropBefore(uint64_t position);
  void Pin(uint64_t bytes);
  void Unpin(uint64_t bytes);

  CacheBudget& budget_;
  std::deque<CachedBatch> batches_;
  std::deque<uint64_t> random_access_;  // positions, ascending
  std::deque<Block> blocks_;            // in order of their batches; the last is being filled
  uint64_t begin_ = 0;
  uint64_t pinned_ = 0;
  uint64_t block_bytes_ = 0;
  bool waiting_for_random_access_ = false;
};

}  // namespace millrace::router
