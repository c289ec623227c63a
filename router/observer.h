#pragma once
// What happens in the table, for logs and reports. Nothing here is on the path of a frame.

#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/v1/bus.pb.h"

namespace millrace::router {

enum class EventKind {
  kPublished,       // a new epoch
  kReattached,      // a publisher went on with its epoch
  kPublishRefused,  // detail: why
  kReplaced,        // a publisher gave way to a newer one
  kPublisherLost,   // grace begins
  kUnpublished,     // the publisher said goodbye
  kEnded,           // detail: why
  kSubscribed,
  kUnsubscribed,  // detail: why
  kSkipped,       // a subscriber missed frames; detail: why
  kLost,          // the publisher could not send frames any more
  kMoved,         // another router owns the stream now
  kTracksChanged,
  kNodeAttached,
  kNodeRestarted,    // the same name with a new incarnation
  kNodeReconnected,  // the same process on a new connection
  kNodeGone,         // its lease ran out
};
const char* EventName(EventKind kind);

// All text is borrowed for the duration of the call; what does not apply is empty or 0.
struct Event {
  EventKind kind;
  std::string_view stream = {};
  std::string_view node = {};
  std::string_view session = {};
  std::string_view detail = {};
  uint64_t epoch = 0;
  uint64_t sequence = 0;
};

class Observer {
 public:
  virtual ~Observer() = default;
  virtual void OnEvent(const Event& event) {}
  // The state or the tracks of a stream changed: Table::Describe says to what. Not called for
  // counters.
  virtual void OnStreamChanged(const std::string& name) {}
  // The stream has neither publisher nor subscribers any more.
  virtual void OnStreamGone(const std::string& name) {}
};

}  // namespace millrace::router
