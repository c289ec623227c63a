#pragma once
// The table's events as log lines. What a slow node could cause many of is limited.

#include "router/observer.h"
#include "runtime/log/log.h"
#include "runtime/log/rate_limit.h"

namespace millrace::router {

class EventLog {
 public:
  explicit EventLog(log::Logger logger) : logger_(std::move(logger)) {}
  void Write(const Event& event);

 private:
  log::Logger logger_;
  log::RateLimit losses_{20};
  log::RateLimit refusals_{20};
};

}  // namespace millrace::router
