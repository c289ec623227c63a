#pragma once
// When whom to wake: a heap with lazy deletion. An owner keeps the earliest time that it has put
// in, and asks again when it is woken, so that a deadline which moves back (a lease renewed twice a
// second) costs nothing.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "router/outbox.h"

namespace millrace::router {

enum class DeadlineOf : uint8_t { kNode, kStream };

struct Deadline {
  int64_t at_ns = kNever;
  DeadlineOf of = DeadlineOf::kNode;
  uint64_t key = 0;
};

class Deadlines {
 public:
  // `scheduled_ns` is the owner's: the earliest time already in the heap for it.
  void Schedule(Deadline deadline, int64_t& scheduled_ns) {
    if (deadline.at_ns >= scheduled_ns) return;
    scheduled_ns = deadline.at_ns;
    heap_.push_back(deadline);
    std::push_heap(heap_.begin(), heap_.end(), Later);
  }
  int64_t Next() const { return heap_.empty() ? kNever : heap_.front().at_ns; }
  Deadline Pop() {
    std::pop_heap(heap_.begin(), heap_.end(), Later);
    const Deadline deadline = heap_.back();
    heap_.pop_back();
    return deadline;
  }

 private:
  static bool Later(const Deadline& a, const Deadline& b) { return a.at_ns > b.at_ns; }
  std::vector<Deadline> heap_;
};

}  // namespace millrace::router
