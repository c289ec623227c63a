#pragma once
// Every way in which H.264 bytes can be wrong.

namespace millrace::media::h264 {

enum class H264Error {
  kConfigTruncated,
  kConfigVersion,
  kConfigWithoutSps,
  kConfigWithoutPps,
  kConfigTooLarge,  // more parameter sets than the record can hold
  kSpsTruncated,
  kSpsOutOfRange,  // a value that ISO/IEC 14496-10 forbids, or a picture beyond 16384 a side
  kPpsTruncated,
  kNalTruncated,
  kTooManyNals,
};
const char* H264ErrorName(H264Error error);  // "h264_config_truncated" …

}  // namespace millrace::media::h264
