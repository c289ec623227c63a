#pragma once
// Every way in which RTP and RTCP bytes can be wrong.

#include <string_view>

#include "absl/status/status.h"

namespace millrace::media::rtp {

enum class RtpError {
  kPacketTruncated,         // the fixed header, the CSRC list or the extension does not fit
  kPacketVersion,           // not version 2
  kPacketPadding,           // a padding count of 0, or beyond the packet
  kRtcpTruncated,           // a report shorter than its counts and lengths say
  kRtcpVersion,             // not version 2
  kRtcpPadding,             // a padding count of 0, not of whole words, or beyond the packet
  kPayloadTruncated,        // the payload format's own header does not fit
  kAggregateTruncated,      // a unit of an aggregation packet reaches beyond it
  kFragmentWithoutStart,    // a fragment whose first packet never came, without a loss
  kUnsupportedAggregation,  // interleaved or multi-time aggregation
  kReservedType,            // a payload type inside the payload that its specification reserves
  kUnitTooLarge,            // beyond the limit of an access unit
  kTooManyUnits,            // beyond the limit of units in a packet or in an access unit
  kBadUnit,                 // what was put together does not parse
  kSizeMismatch,            // lengths inside the payload contradict its size
  kMissingConfig,           // out of band by the session description, and not there
  kUnsupportedConfig,       // a configuration that this does not read
  kMissingTables,           // JPEG with quantization tables that never came
};
const char* RtpErrorName(RtpError error);  // "rtp_packet_truncated" …

// media::Fault under that name.
absl::Status RtpFault(RtpError error, std::string_view detail = {});

}  // namespace millrace::media::rtp
