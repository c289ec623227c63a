#pragma once
// Opening a listening socket from a flag.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <string_view>

#include "absl/status/statusor.h"

namespace millrace::loop {

// `address` as lifecycle::ParseHostPort takes it; an empty host means all IPv4 interfaces, port 0
// any free port. Names are resolved by blocking: call it before the loop runs. InvalidArgument:
// malformed. Unavailable: cannot be resolved or bound; the text says which and why.
absl::StatusOr<boost::asio::ip::tcp::acceptor> Listen(boost::asio::io_context& context,
                                                      std::string_view address);

}  // namespace millrace::loop
