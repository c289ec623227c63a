#include "media/codec/h264/nal.h"

#include <algorithm>
#include <cstring>

#include "media/base/fault.h"

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

absl::StatusOr<std::vector<Bytes>> SplitLengthPrefixed(Bytes bytes, size_t length_size) {
  std::vector<Bytes> nals;
  size_t at = 0;
  while (at < bytes.size()) {
    const Bytes rest = bytes.subspan(at);
    if (rest.size() < length_size) {
      if (std::all_of(rest.begin(), rest.end(), [](uint8_t byte) { return byte == 0; })) break;
      return Fault(H264ErrorName(H264Error::kNalTruncated));
    }
    size_t length = 0;
    for (size_t i = 0; i < length_size; ++i) length = (length << 8) | rest[i];
    if (length > rest.size() - length_size) return Fault(H264ErrorName(H264Error::kNalTruncated));
    if (length > 0) nals.push_back(rest.subspan(length_size, length));
    if (nals.size() > kMaxNalsPerAccessUnit) return Fault(H264ErrorName(H264Error::kTooManyNals));
    at += length_size + length;
  }
  return nals;
}

namespace {

// Position of the next 00 00 01 at or behind `from`, or bytes.size().
size_t FindStartCode(Bytes bytes, size_t from) {
  size_t at = from;
  while (at + 3 <= bytes.size()) {
    const void* found = std::memchr(bytes.data() + at + 2, 1, bytes.size() - at - 2);
    if (found == nullptr) break;
    const auto one = static_cast<size_t>(static_cast<const uint8_t*>(found) - bytes.data());
    if (bytes[one - 1] == 0 && bytes[one - 2] == 0) return one - 2;
    at = one - 1;
  }
  return bytes.size();
}

}  // namespace

absl::StatusOr<std::vector<Bytes>> SplitAnnexB(Bytes bytes) {
  std::vector<Bytes> nals;
  size_t at = FindStartCode(bytes, 0);
  while (at < bytes.size()) {
    const size_t begin = at + 3;
    at = FindStartCode(bytes, begin);
    size_t end = at;
    while (end > begin && bytes[end - 1] == 0)
      --end;  // trailing_zero_8bits, or a 4-byte start code
    if (end == begin) continue;
    nals.push_back(bytes.subspan(begin, end - begin));
    if (nals.size() > kMaxNalsPerAccessUnit) return Fault(H264ErrorName(H264Error::kTooManyNals));
  }
  return nals;
}

bool StartsWithStartCode(Bytes bytes) {
  if (bytes.size() < 4 || bytes[0] != 0 || bytes[1] != 0) return false;
  return bytes[2] == 1 || (bytes[2] == 0 && bytes[3] == 1);
}

namespace {

std::vector<uint8_t> Join(const std::vector<Bytes>& nals, bool start_codes) {
  size_t size = 0;
  for (Bytes nal : nals) size += 4 + nal.size();
  std::vector<uint8_t> out;
  out.reserve(size);
  ByteWriter writer(out);
  for (Bytes nal : nals) {
    writer.U32(start_codes ? 1 : static_cast<uint32_t>(nal.size()));
    writer.Append(nal);
  }
  return out;
}

}  // namespace

std::vector<uint8_t> JoinLengthPrefixed(const std::vector<Bytes>& nals) {
  return Join(nals, false);
}
std::vector<uint8_t> JoinAnnexB(const std::vector<Bytes>& nals) { return Join(nals, true); }

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

std::vector<uint8_t> Unescape(Bytes nal, size_t limit) {
  std::vector<uint8_t> rbsp;
  const size_t end = std::min(nal.size(), limit);
  rbsp.reserve(end);
  size_t zeros = 0;
  for (size_t i = 1; i < end; ++i) {
    if (zeros >= 2 && nal[i] == 3) {
      zeros = 0;
      continue;
    }
    zeros = nal[i] == 0 ? zeros + 1 : 0;
    rbsp.push_back(nal[i]);
  }
  return rbsp;
}

}  // namespace millrace::media::h264
