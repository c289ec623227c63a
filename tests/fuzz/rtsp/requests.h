#pragma once
// What the fuzz targets of a client's two halves hold to be true of what it asks.

#include <variant>
#include <vector>

#include "gateways/rtsp/protocol/message_reader.h"
#include "tests/support/require.h"

namespace millrace::tests {

// `output` is well-formed, and no media: those are the session's. `reader` is the same for all.
inline void CheckRequests(rtsp::MessageReader& reader, const std::vector<uint8_t>& output) {
  reader.Append(output);
  while (true) {
    const auto message = reader.Next();
    Require(message.ok(), "requests are well-formed");
    if (!message->has_value()) return;
    Require(!std::holds_alternative<rtsp::Interleaved>(**message), "a client sends no media");
  }
}

}  // namespace millrace::tests
