#pragma once
// What a client asks another RTMP server for, of a pull's or push's URL.

#include <string>

#include "runtime/relay/relay_url.h"

namespace millrace::rtmp {

struct RelayTarget {
  std::string tc_url;
  std::string app;
  std::string key;
};

// The key is the last part of the path, with the query; the app is what stands before it. User and
// password become arguments of the app, ?user=&pass=, which is where servers look for them.
RelayTarget TargetOf(const relay::RelayUrl& url);

}  // namespace millrace::rtmp
