#include "media/codec/h264/nal.h"

namespace millrace::media::h264 {

const char* H264ErrorName(H264Error error) {
  switch (error) {
    case H264Error::kConfigTruncated:
      return "h264_config_truncated";
    case H264Error::kConfigVersion:
      return "h264_config_version";
    case H264Error::kConfigWithoutSps:
      return "h264_config_without_sps";
    case H264Error::kConfigWithoutPps:
      return "h264_config_without_pps";
    case H264Error::kConfigTooLarge:
      return "h264_config_too_large";
    case H264Error::kSpsTruncated:
      return "h264_sps_truncated";
    case H264Error::kSpsOutOfRange:
      return "h264_sps_out_of_range";
    case H264Error::kPpsTruncated:
      return "h264_pps_truncated";
    case H264Error::kNalTruncated:
      return "h264_nal_truncated";
    case H264Error::kTooManyNals:
      return "h264_too_many_nals";
  }
  return "h264_unknown";
}

namespace {

nal::FaultNames Names() {
  return {H264ErrorName(H264Error::kNalTruncated), H264ErrorName(H264Error::kTooManyNals)};
}

}  // namespace

absl::StatusOr<std::vector<Bytes>> SplitLengthPrefixed(Bytes bytes, size_t length_size) {
  return nal::SplitLengthPrefixed(bytes, length_size, Names());
}

absl::StatusOr<std::vector<Bytes>> SplitAnnexB(Bytes bytes) {
  return nal::SplitAnnexB(bytes, Names());
}

bool StartsWithStartCode(Bytes bytes) { return nal::StartsWithStartCode(bytes); }

std::vector<uint8_t> JoinLengthPrefixed(const std::vector<Bytes>& nals) {
  return nal::JoinLengthPrefixed(nals);
}
std::vector<uint8_t> JoinAnnexB(const std::vector<Bytes>& nals) { return nal::JoinAnnexB(nals); }

absl::StatusOr<std::vector<uint8_t>> AnnexBToLengthPrefixed(Bytes bytes) {
  auto nals = SplitAnnexB(bytes);
  if (!nals.ok()) return nals.status();
  return JoinLengthPrefixed(*nals);
}

absl::StatusOr<std::vector<uint8_t>> LengthPrefixedToAnnexB(Bytes bytes, size_t length_size) {
  auto nals = SplitLengthPrefixed(bytes, length_size);
  if (!nals.ok()) return nals.status();
  return JoinAnnexB(*nals);
}

std::vector<uint8_t> Unescape(Bytes nal, size_t limit) { return nal::Unescape(nal, 1, limit); }

}  // namespace millrace::media::h264
