#pragma once
// Events on their way to one watcher. Bounded: who does not keep up is told so, and not the reason
// for memory to run out.

#include <cstddef>
#include <deque>

#include "millrace/v1/admin.pb.h"

namespace millrace::control {

class WatchQueue {
 public:
  // Changes that a watcher may be behind; what there was at its start does not count.
  static constexpr size_t kMaxBacklog = 4'096;

  enum class Result {
    kFirst,     // it is at the front: write it
    kQueued,    // it waits behind others
    kReplaced,  // it took the place of an older change of the same stream
    kOverflow,  // the watcher is too slow; nothing was queued
  };
  Result Push(const v1::StreamEvent& event);

  // The front is being written and is not touched until Pop(), which tells whether there is
  // another.
  const v1::StreamEvent& front() const { return queue_.front(); }
  bool Pop();

 private:
  std::deque<v1::StreamEvent> queue_;
  size_t initial_ = 0;
};

}  // namespace millrace::control
