#pragma once
// Every way in which H.265 bytes can be wrong.

namespace millrace::media::h265 {

enum class H265Error {
  kConfigTruncated,
  kConfigVersion,
  kConfigWithoutVps,
  kConfigWithoutSps,
  kConfigWithoutPps,
  kConfigTooLarge,  // more parameter sets than are ever of use
  kVpsTruncated,
  kVpsOutOfRange,
  kSpsTruncated,
  kSpsOutOfRange,  // a value that ISO/IEC 23008-2 forbids, or a picture beyond 16888 a side
  kPpsTruncated,
  kNalTruncated,
  kTooManyNals,
};
const char* H265ErrorName(H265Error error);  // "h265_config_truncated" …

}  // namespace millrace::media::h265
