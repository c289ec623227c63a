#pragma once
// Aggregate messages (RTMP §7.1.6): several in one.

#include <functional>

#include "absl/status/status.h"
#include "gateways/rtmp/protocol/message.h"

namespace millrace::rtmp {

// Calls `each` with the parts of `message`, whose payloads are slices of it. The parts' own clock
// starts anywhere: the first one is at the aggregate's time. Faults: rtmp_bad_aggregate, also where
// there are more than 4096 parts.
absl::Status SplitAggregate(const Message& message,
                            const std::function<void(const Message&)>& each);

}  // namespace millrace::rtmp
