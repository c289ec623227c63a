#pragma once
// What a publisher keeps to send again: encoded batches of the current and the previous GOP, at
// least five seconds, within a limit in bytes. Holds the position up to which the present router
// was sent.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "media/frame/batch.h"
#include "media/frame/track.h"
#include "runtime/bus/batch_buffer.h"

namespace millrace::bus {

using TrackSetPtr = std::shared_ptr<const media::TrackSet>;

class ReplayWindow {
 public:
  struct Item {
    BatchRef batch;
    TrackSetPtr tracks;  // that the batch refers to
    uint64_t first_sequence = 0;
    uint64_t last_sequence = 0;
    uint64_t stream_id = 0;  // as stamped in the batch
    uint64_t term = 0;
    int64_t pushed_ns = 0;
    bool random_access = false;
  };
  struct Range {
    uint64_t from = 0;
    uint64_t to = 0;
  };

  // `min_ns`: what is younger stays, if the limit allows.
  explicit ReplayWindow(uint64_t limit_bytes, int64_t min_ns)
      : limit_(limit_bytes), min_ns_(min_ns) {}

  // Appends a batch and lets go what the window need not or may not hold any more: whole GOPs from
  // the oldest; where one GOP alone is above the limit, its oldest batches. The newest batch always
  // stays. Returns frames that were let go ahead of the position: nobody was sent them.
  std::optional<Range> Push(Item item);

  // The batch at the position, or nullptr where everything was sent. Valid until the next Push or
  // Clear.
  Item* Next();
  void Advance() { ++position_; }
  // Moves the position to the first batch that has frames behind `sequence`.
  void SeekBehind(uint64_t sequence);
  void Clear();

  const Item* front() const { return items_.empty() ? nullptr : &items_.front(); }
  // Of the next frame to be pushed.
  uint64_t next_sequence() const { return next_sequence_; }
  uint64_t bytes() const { return bytes_; }
  uint64_t limit() const { return limit_; }
  size_t size() const { return items_.size(); }

 private:
  uint64_t end() const { return base_ + items_.size(); }
  void PopFront(std::optional<Range>& lost);

  const uint64_t limit_;
  const int64_t min_ns_;
  std::deque<Item> items_;
  std::deque<uint64_t> gop_starts_;  // places of random-access batches, ascending
  uint64_t base_ = 0;                // place of items_.front()
  uint64_t position_ = 0;            // place of the next batch to send
  uint64_t next_sequence_ = 1;
  uint64_t bytes_ = 0;
};

}  // namespace millrace::bus
