#pragma once
// Every way in which a session description can be wrong as a whole. What is wrong with one media
// alone makes that media ignored (sources.h).

#include <string_view>

#include "absl/status/status.h"

namespace millrace::media::sdp {

enum class SdpError {
  kNotSdp,  // not one line of the form "v=", "o=" or "m="
  kTooLarge,
  kLineTooLong,
  kTooManyMedia,
  kTooManyAttributes,
  kTooManyFormats,
  kBadMedia,  // an m= line without kind, port, transport and format
};
const char* SdpErrorName(SdpError error);  // "sdp_not_sdp" …

absl::Status Fail(SdpError error, std::string_view detail = {});

}  // namespace millrace::media::sdp
