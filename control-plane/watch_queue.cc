#include "control-plane/watch_queue.h"

namespace millrace::control {

WatchQueue::Result WatchQueue::Push(const v1::StreamEvent& event) {
  // A change that follows a change of the same stream makes it old news; the front is on its way
  // already.
  if (event.type() == v1::StreamEvent::CHANGED && queue_.size() > 1) {
    v1::StreamEvent& last = queue_.back();
    if (last.type() == v1::StreamEvent::CHANGED && last.stream().name() == event.stream().name()) {
      last = event;
      return Result::kReplaced;
    }
  }
  if (event.type() == v1::StreamEvent::CURRENT) ++initial_;
  if (queue_.size() >= kMaxBacklog + initial_) return Result::kOverflow;
  queue_.push_back(event);
  return queue_.size() == 1 ? Result::kFirst : Result::kQueued;
}

bool WatchQueue::Pop() {
  queue_.pop_front();
  return !queue_.empty();
}

}  // namespace millrace::control
