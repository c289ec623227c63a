#include "media/codec/h265/nal.h"

namespace millrace::media::h265 {

const char* H265ErrorName(H265Error error) {
  switch (error) {
    case H265Error::kConfigTruncated:
      return "h265_config_truncated";
    case H265Error::kConfigVersion:
      return "h265_config_version";
    case H265Error::kConfigWithoutVps:
      return "h265_config_without_vps";
    case H265Error::kConfigWithoutSps:
      return "h265_config_without_sps";
    case H265Error::kConfigWithoutPps:
      return "h265_config_without_pps";
    case H265Error::kConfigTooLarge:
      return "h265_config_too_large";
    case H265Error::kVpsTruncated:
      return "h265_vps_truncated";
    case H265Error::kVpsOutOfRange:
      return "h265_vps_out_of_range";
    case H265Error::kSpsTruncated:
      return "h265_sps_truncated";
    case H265Error::kSpsOutOfRange:
      return "h265_sps_out_of_range";
    case H265Error::kPpsTruncated:
      return "h265_pps_truncated";
    case H265Error::kNalTruncated:
      return "h265_nal_truncated";
    case H265Error::kTooManyNals:
      return "h265_too_many_nals";
  }
  return "h265_unknown";
}

namespace {

nal::FaultNames Names() {
  return {H265ErrorName(H265Error::kNalTruncated), H265ErrorName(H265Error::kTooManyNals)};
}

absl::StatusOr<std::vector<Bytes>> WithHeader(absl::StatusOr<std::vector<Bytes>> nals) {
  if (nals.ok()) {
    std::erase_if(*nals, [](Bytes nal) { return nal.size() < kNalHeaderSize; });
  }
  return nals;
}

}  // namespace

absl::StatusOr<std::vector<Bytes>> SplitLengthPrefixed(Bytes bytes, size_t length_size) {
  return WithHeader(nal::SplitLengthPrefixed(bytes, length_size, Names()));
}

absl::StatusOr<std::vector<Bytes>> SplitAnnexB(Bytes bytes) {
  return WithHeader(nal::SplitAnnexB(bytes, Names()));
}

std::vector<uint8_t> Unescape(Bytes nal, size_t limit) {
  return nal::Unescape(nal, kNalHeaderSize, limit);
}

}  // namespace millrace::media::h265
