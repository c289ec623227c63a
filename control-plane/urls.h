#pragma once
// The URLs that clients use, as they leave for people and programs.

#include <map>
#include <string>
#include <string_view>

#include "control-plane/directory.h"
#include "millrace/v1/config.pb.h"
#include "millrace/v1/node.pb.h"

namespace millrace::control {

// How `stream` is published and played. Addresses are those of `public` in the configuration; what
// it leaves out is that of a gateway: one that is ready, else any that is attached. A protocol that
// has neither has no URL.
v1::StreamUrls UrlsOf(std::string_view stream, const v1::Configuration& configuration,
                      const std::map<std::string, NodeRow>& nodes);

}  // namespace millrace::control
