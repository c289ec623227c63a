#include "media/rtp/errors.h"

#include "media/base/fault.h"

namespace millrace::media::rtp {

const char* RtpErrorName(RtpError error) {
  switch (error) {
    case RtpError::kPacketTruncated:
      return "rtp_packet_truncated";
    case RtpError::kPacketVersion:
      return "rtp_packet_version";
    case RtpError::kPacketPadding:
      return "rtp_packet_padding";
    case RtpError::kRtcpTruncated:
      return "rtp_rtcp_truncated";
    case RtpError::kRtcpVersion:
      return "rtp_rtcp_version";
    case RtpError::kRtcpPadding:
      return "rtp_rtcp_padding";
    case RtpError::kPayloadTruncated:
      return "rtp_payload_truncated";
    case RtpError::kAggregateTruncated:
      return "rtp_aggregate_truncated";
    case RtpError::kFragmentWithoutStart:
      return "rtp_fragment_without_start";
    case RtpError::kUnsupportedAggregation:
      return "rtp_unsupported_aggregation";
    case RtpError::kReservedType:
      return "rtp_reserved_type";
    case RtpError::kUnitTooLarge:
      return "rtp_unit_too_large";
    case RtpError::kTooManyUnits:
      return "rtp_too_many_units";
    case RtpError::kBadUnit:
      return "rtp_bad_unit";
    case RtpError::kSizeMismatch:
      return "rtp_size_mismatch";
    case RtpError::kMissingConfig:
      return "rtp_missing_config";
    case RtpError::kUnsupportedConfig:
      return "rtp_unsupported_config";
    case RtpError::kMissingTables:
      return "rtp_missing_tables";
  }
  return "rtp_unknown";
}

absl::Status RtpFault(RtpError error, std::string_view detail) {
  return Fault(RtpErrorName(error), detail);
}

}  // namespace millrace::media::rtp
