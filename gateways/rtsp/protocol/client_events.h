#pragma once
// What comes out of a client's conversation, in order.

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "gateways/rtsp/protocol/message.h"
#include "gateways/rtsp/protocol/message_reader.h"

namespace millrace::rtsp {

template <class Event>
class ClientEvents {
 public:
  void Push(Event event) { events_.push_back(std::move(event)); }

  // The next event. Where there is none, messages are handed to `take` (absl::Status(Message&)),
  // which may push some; nothing where no whole message is left. The first fault is kept in
  // `status` and is what comes from then on, behind the events before it.
  template <class Take>
  absl::StatusOr<std::optional<Event>> Next(MessageReader& reader, absl::Status& status,
                                            Take take) {
    while (true) {
      if (next_ < events_.size()) return std::move(events_[next_++]);
      events_.clear();
      next_ = 0;
      if (!status.ok()) return status;
      auto message = reader.Next();
      if (!message.ok()) return status = message.status();
      if (!message->has_value()) return std::nullopt;
      status = take(**message);
    }
  }

 private:
  std::vector<Event> events_;  // from next_ on
  size_t next_ = 0;
};

}  // namespace millrace::rtsp
