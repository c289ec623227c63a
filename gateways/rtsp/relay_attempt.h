#pragma once
// What attempts to pull and to push have in common: whom they are aimed at, and why they failed, in
// words for the one who has to mend it.

#include <string>

#include "absl/status/status.h"
#include "gateways/rtsp/protocol/url.h"
#include "runtime/relay/relay_url.h"
#include "runtime/relay/session.h"

namespace millrace::rtsp {

Url UrlOf(const relay::RelayUrl& url);

struct Ending {
  relay::End end = relay::End::kLost;
  std::string reason;  // "401: wrong user or password" …
};

// Of a fault of the conversation, or of dialing `url`.
Ending EndingOf(const absl::Status& status, const Url& url);

}  // namespace millrace::rtsp
