#pragma once
// The current epoch of one stream as its subscribers see it.

#include <cstdint>
#include <deque>
#include <string>

#include "router/cache.h"

namespace millrace::router {

struct Feed {
  explicit Feed(CacheBudget& budget) : cache(budget) {}

  std::string name;
  uint64_t stream_id = 0;
  uint64_t epoch = 0;          // 0: nobody has published since the table knows the stream
  uint64_t have_sequence = 0;  // everything up to here has arrived, or will never
  bool online = false;         // somebody publishes, or may come back within grace
  // The epoch before, where this table saw its end: what a subscriber that lags behind it has
  // missed.
  uint64_t previous_epoch = 0;
  uint64_t previous_last_sequence = 0;
  Cache cache;
  // By version, ascending: those that cached batches refer to, and the newest.
  std::deque<v1::TrackSetUpdate> track_sets;

  const v1::TrackSetUpdate* FindTrackSet(uint32_t version) const {
    for (auto set = track_sets.rbegin(); set != track_sets.rend(); ++set) {
      if (set->version() == version) return &*set;
    }
    return nullptr;
  }
};

}  // namespace millrace::router
