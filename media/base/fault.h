#pragma once
// Named errors. Every way in which input can be wrong has a name from a bounded set; it is the test
// case's name, the log field and the metric label.

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/cord.h"

namespace millrace::media {

inline constexpr char kFaultPayload[] = "millrace/fault";

// The peer's fault: InvalidArgument, named `name`; the message is "name" or "name: detail".
inline absl::Status Fault(std::string_view name, std::string_view detail = {}) {
  std::string message(name);
  if (!detail.empty()) message.append(": ").append(detail);
  absl::Status status = absl::InvalidArgumentError(message);
  status.SetPayload(kFaultPayload, absl::Cord(std::string(name)));
  return status;
}

// The name that Fault() was given; "other" for statuses made elsewhere, "" for OK.
inline std::string FaultName(const absl::Status& status) {
  if (status.ok()) return "";
  const auto payload = status.GetPayload(kFaultPayload);
  return payload.has_value() ? std::string(*payload) : "other";
}

}  // namespace millrace::media
