#pragma once
// One encoded batch in memory: written once, then shared by the replay window and ZeroMQ's queues.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <utility>

#include "media/base/bytes.h"

namespace millrace::bus {

// A share in a buffer; empty where default-constructed. Shares may be dropped on any thread (ZeroMQ
// drops its own on its I/O thread), which is why this is not a shared_ptr: `unique()` has to order
// those drops before a write. One allocation holds count and bytes.
class BatchRef {
 public:
  BatchRef() = default;
  static BatchRef Allocate(size_t size) {
    void* memory = ::operator new(sizeof(Block) + size);
    return BatchRef(new (memory) Block(size));
  }
  BatchRef(const BatchRef& other) : block_(other.block_) { Raise(); }
  BatchRef(BatchRef&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  BatchRef& operator=(BatchRef other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~BatchRef() { Drop(block_); }

  explicit operator bool() const { return block_ != nullptr; }
  size_t size() const { return block_ == nullptr ? 0 : block_->size; }
  media::Bytes bytes() const { return {data(), size()}; }
  // Only as long as nobody else has a share.
  std::span<uint8_t> writable() { return {data(), size()}; }
  bool unique() const {
    return block_ != nullptr && block_->shares.load(std::memory_order_acquire) == 1;
  }

  // One more share for a C interface; give it back with DropShare.
  void* NewShare() const {
    Raise();
    return block_;
  }
  static void DropShare(void* share) { Drop(static_cast<Block*>(share)); }
  uint8_t* data() const { return block_ == nullptr ? nullptr : block_->bytes(); }

 private:
  struct Block {
    explicit Block(size_t bytes) : size(bytes) {}
    uint8_t* bytes() { return reinterpret_cast<uint8_t*>(this + 1); }
    std::atomic<uint32_t> shares{1};
    const size_t size;
  };
  explicit BatchRef(Block* block) : block_(block) {}
  void Raise() const {
    if (block_ != nullptr) block_->shares.fetch_add(1, std::memory_order_relaxed);
  }
  static void Drop(Block* block) {
    if (block == nullptr || block->shares.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    block->~Block();
    ::operator delete(block);
  }

  Block* block_ = nullptr;
};

}  // namespace millrace::bus
