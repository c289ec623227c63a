#pragma once
// Why an attempt to pull failed, in words for the one who has to mend it.

#include <string>

#include "absl/status/status.h"
#include "gateways/rtsp/protocol/url.h"
#include "runtime/relay/session.h"

namespace millrace::rtsp {

struct Ending {
  relay::End end = relay::End::kLost;
  std::string reason;  // "401: wrong user or password" …
};

// Of a fault of the conversation, or of dialing `url`.
Ending EndingOf(const absl::Status& status, const Url& url);

}  // namespace millrace::rtsp
