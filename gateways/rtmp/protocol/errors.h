#pragma once
// Every way in which an RTMP peer can be wrong. The name is the test case's, the log field's and
// the value of millrace_protocol_errors_total{protocol="rtmp",error=…}.

#include <string_view>

#include "absl/status/status.h"

namespace millrace::rtmp {

enum class RtmpError {
  kHandshakeVersion,     // C0 is not 3: RTMPE, TLS or HTTP on the wrong port
  kChunkWithoutHeader,   // fmt 2 or 3 first on a chunk stream: there is nothing to repeat
  kHeaderInsideMessage,  // fmt 0 to 2 while the chunk stream's message is incomplete
  kTooManyChunkStreams,  // with an incomplete message at once
  kMessageTooLong,
  kPartialTooLarge,  // all incomplete messages of the connection together
  kBadChunkSize,     // 0, or above 2^31 - 1
  kShortControl,     // a protocol control or user control message that ends early
  kBadCommand,       // AMF that does not decode, or does not begin with a name
  kCommandBeforeConnect,
  kBadAggregate,  // sub-messages that do not fit their aggregate
  kAmfLimit,      // a command that is nested too deep, or holds too much or too long values
  kCommandFlood,  // more commands and pings than any client has use for
  kLoginFailed,   // a wrong user or password, or none where publishing takes one
};
const char* RtmpErrorName(RtmpError error);  // "rtmp_handshake_version" …

// The peer's fault, by name (media::FaultName reads it back).
absl::Status Fail(RtmpError error, std::string_view detail = {});

}  // namespace millrace::rtmp
