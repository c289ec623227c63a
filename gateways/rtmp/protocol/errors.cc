#include "gateways/rtmp/protocol/errors.h"

#include "media/base/fault.h"

namespace millrace::rtmp {

const char* RtmpErrorName(RtmpError error) {
  switch (error) {
    case RtmpError::kHandshakeVersion:
      return "rtmp_handshake_version";
    case RtmpError::kChunkWithoutHeader:
      return "rtmp_chunk_without_header";
    case RtmpError::kHeaderInsideMessage:
      return "rtmp_header_inside_message";
    case RtmpError::kTooManyChunkStreams:
      return "rtmp_too_many_chunk_streams";
    case RtmpError::kMessageTooLong:
      return "rtmp_message_too_long";
    case RtmpError::kPartialTooLarge:
      return "rtmp_partial_too_large";
    case RtmpError::kBadChunkSize:
      return "rtmp_bad_chunk_size";
    case RtmpError::kShortControl:
      return "rtmp_short_control";
    case RtmpError::kBadCommand:
      return "rtmp_bad_command";
    case RtmpError::kCommandBeforeConnect:
      return "rtmp_command_before_connect";
    case RtmpError::kBadAggregate:
      return "rtmp_bad_aggregate";
    case RtmpError::kAmfLimit:
      return "rtmp_amf_limit";
    case RtmpError::kCommandFlood:
      return "rtmp_command_flood";
    case RtmpError::kLoginFailed:
      return "rtmp_login_failed";
  }
  return "rtmp_unknown";
}

absl::Status Fail(RtmpError error, std::string_view detail) {
  return media::Fault(RtmpErrorName(error), detail);
}

}  // namespace millrace::rtmp
