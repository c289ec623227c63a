#pragma once
// A router as one publication or subscription sees it: keeps what is said to it.

#include <string>
#include <vector>

#include "media/frame/batch.h"
#include "runtime/bus/port.h"

namespace millrace::bus {

class FakePort : public Port {
 public:
  bool SendControl(v1::Envelope& message) override {
    if (!connected) return false;
    message.set_term(term_);
    control.push_back(message);
    if (message.has_track_set()) {
      story += " tracks" + std::to_string(message.track_set().version()) + "@" +
               std::to_string(message.track_set().first_sequence());
    } else if (message.has_unpublish()) {
      story += message.unpublish().lost() ? " lost" : " unpublish";
    } else if (message.has_publish()) {
      story += message.publish().has_held() ? " held" : " publish";
    } else if (message.has_subscribe()) {
      story += " subscribe";
    } else if (message.has_unsubscribe()) {
      story += " unsubscribe";
    } else if (message.has_credit()) {
      story += " credit";
    }
    return true;
  }
  bool SendMedia(const BatchRef& batch) override {
    if (!connected) return false;
    const auto header = media::DecodeBatchHeader(batch.bytes());
    story += " " + std::to_string(header->first_sequence);
    batches.push_back(batch);
    return true;
  }
  uint64_t term() const override { return term_; }
  uint64_t SendPing() override {
    if (!connected) return 0;
    story += " ping";
    return ++pings;
  }
  int64_t clock_offset_ns() const override { return offset_ns; }

  // What was said since the last call: "tracks1@1 1 2 3".
  std::string Story() {
    std::string text = story.empty() ? "" : story.substr(1);
    story.clear();
    return text;
  }
  template <typename Select>
  auto Last(Select select) const {
    return select(control.back());
  }

  bool connected = true;
  uint64_t term_ = 4;
  uint64_t pings = 0;
  int64_t offset_ns = 0;
  std::string story;
  std::vector<v1::Envelope> control;
  std::vector<BatchRef> batches;
};

}  // namespace millrace::bus
