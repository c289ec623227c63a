#pragma once
// What the table counts: plain integers, raised on the poll loop and published once a second.

#include <array>
#include <cstddef>
#include <cstdint>

namespace millrace::router {

// Why frames did not go on.
enum class Drop {
  kCredit,     // a subscriber had no credit; counted a subscriber
  kLate,       // a subscriber asked for what the cache had let go
  kLost,       // the publisher let them go before it could send them
  kDuplicate,  // already had (a replay)
  kStale,      // of an epoch that is over, or from a connection that does not publish the stream
  kGap,        // ahead of what is missing: sent again after the Ack
  kMalformed,
  kUnknownStream,
};
inline constexpr size_t kDropCount = 8;
const char* DropName(Drop drop);

// Upper bounds of the hop delay's buckets in nanoseconds: those of metrics::DelayBounds() in
// seconds.
inline constexpr std::array<int64_t, 16> kDelayBoundsNs = {
    100'000,       250'000,       500'000,       1'000'000,     2'500'000,   5'000'000,
    10'000'000,    25'000'000,    50'000'000,    100'000'000,   250'000'000, 500'000'000,
    1'000'000'000, 2'500'000'000, 5'000'000'000, 10'000'000'000};

struct Counters {
  uint64_t media_in = 0;
  uint64_t media_in_bytes = 0;
  uint64_t media_out = 0;
  uint64_t media_out_bytes = 0;
  uint64_t control_in = 0;
  uint64_t control_out = 0;
  uint64_t malformed_control = 0;  // not a message of the contract
  std::array<uint64_t, kDropCount> dropped_frames{};
  uint64_t sequence_gaps = 0;  // seen on publications
  uint64_t reconnects = 0;     // Hello of a node that was known
  uint64_t leases_expired = 0;
  uint64_t hello_required = 0;
  uint64_t refused_streams = 0;  // the table was full
  uint64_t gops_evicted = 0;     // let go for want of cache
  // Ingest to router, first frame of each batch; the last bucket is everything longer.
  std::array<uint64_t, kDelayBoundsNs.size() + 1> hop_delay{};
  double hop_delay_sum_seconds = 0;
};

}  // namespace millrace::router
