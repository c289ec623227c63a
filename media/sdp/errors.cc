#include "media/sdp/errors.h"

#include "media/base/fault.h"

namespace millrace::media::sdp {

const char* SdpErrorName(SdpError error) {
  switch (error) {
    case SdpError::kNotSdp:
      return "sdp_not_sdp";
    case SdpError::kTooLarge:
      return "sdp_too_large";
    case SdpError::kLineTooLong:
      return "sdp_line_too_long";
    case SdpError::kTooManyMedia:
      return "sdp_too_many_media";
    case SdpError::kTooManyAttributes:
      return "sdp_too_many_attributes";
    case SdpError::kTooManyFormats:
      return "sdp_too_many_formats";
    case SdpError::kBadMedia:
      return "sdp_bad_media";
  }
  return "sdp_unknown";
}

absl::Status Fail(SdpError error, std::string_view detail) {
  return Fault(SdpErrorName(error), detail);
}

}  // namespace millrace::media::sdp
