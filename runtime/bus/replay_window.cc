#include "runtime/bus/replay_window.h"

#include <algorithm>
#include <utility>

namespace millrace::bus {

std::optional<ReplayWindow::Range> ReplayWindow::Push(Item item) {
  const int64_t now_ns = item.pushed_ns;
  if (item.random_access) gop_starts_.push_back(end());
  bytes_ += item.batch.size();
  next_sequence_ = item.last_sequence + 1;
  items_.push_back(std::move(item));

  std::optional<Range> lost;
  while (items_.size() > 1) {
    if (!gop_starts_.empty() && gop_starts_.front() <= base_) gop_starts_.pop_front();
    const size_t newer_gops = gop_starts_.size();
    const bool above_limit = bytes_ > limit_;
    if (newer_gops == 0) {
      if (!above_limit) break;
      PopFront(lost);
      continue;
    }
    const uint64_t next_gop = gop_starts_.front();
    const bool old_enough =
        newer_gops >= 2 && now_ns - items_[next_gop - base_].pushed_ns >= min_ns_;
    if (!above_limit && !old_enough) break;
    while (base_ < next_gop) PopFront(lost);
  }
  return lost;
}

void ReplayWindow::PopFront(std::optional<Range>& lost) {
  const Item& item = items_.front();
  if (position_ <= base_) {
    if (!lost.has_value()) lost = Range{item.first_sequence, item.last_sequence};
    lost->to = item.last_sequence;
    position_ = base_ + 1;
  }
  bytes_ -= item.batch.size();
  items_.pop_front();
  ++base_;
}

ReplayWindow::Item* ReplayWindow::Next() {
  return position_ < end() ? &items_[position_ - base_] : nullptr;
}

void ReplayWindow::SeekBehind(uint64_t sequence) {
  const auto it = std::partition_point(items_.begin(), items_.end(), [&](const Item& item) {
    return item.last_sequence <= sequence;
  });
  position_ = base_ + static_cast<uint64_t>(it - items_.begin());
}

void ReplayWindow::Clear() {
  base_ = position_ = end();
  items_.clear();
  gop_starts_.clear();
  bytes_ = 0;
}

}  // namespace millrace::bus
