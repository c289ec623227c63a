#include "media/codec/nal/framing.h"

#include <algorithm>
#include <cstring>

#include "media/base/fault.h"

namespace millrace::media::nal {

absl::StatusOr<std::vector<Bytes>> SplitLengthPrefixed(Bytes bytes, size_t length_size,
                                                       const FaultNames& names) {
  std::vector<Bytes> nals;
  size_t at = 0;
  while (at < bytes.size()) {
    const Bytes rest = bytes.subspan(at);
    if (rest.size() < length_size) {
      if (std::all_of(rest.begin(), rest.end(), [](uint8_t byte) { return byte == 0; })) break;
      return Fault(names.truncated);
    }
    size_t length = 0;
    for (size_t i = 0; i < length_size; ++i) length = (length << 8) | rest[i];
    if (length > rest.size() - length_size) return Fault(names.truncated);
    if (length > 0) nals.push_back(rest.subspan(length_size, length));
    if (nals.size() > kMaxNalsPerAccessUnit) return Fault(names.too_many);
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

absl::StatusOr<std::vector<Bytes>> SplitAnnexB(Bytes bytes, const FaultNames& names) {
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
    if (nals.size() > kMaxNalsPerAccessUnit) return Fault(names.too_many);
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

Payload LengthPrefixedPayload(const Payload& input, const std::vector<Bytes>& kept,
                              bool four_byte_lengths) {
  if (kept.empty()) return {};
  bool contiguous = four_byte_lengths;
  for (size_t i = 1; i < kept.size() && contiguous; ++i) {
    contiguous = kept[i].data() == kept[i - 1].data() + kept[i - 1].size() + 4;
  }
  if (!contiguous) return Payload::FromVector(JoinLengthPrefixed(kept));
  const auto begin = static_cast<size_t>(kept.front().data() - input.data()) - 4;
  const auto end = static_cast<size_t>(kept.back().data() - input.data()) + kept.back().size();
  return input.Slice(begin, end - begin);
}

std::vector<uint8_t> Unescape(Bytes nal, size_t header_size, size_t limit) {
  std::vector<uint8_t> rbsp;
  const size_t end = std::min(nal.size(), limit);
  rbsp.reserve(end);
  size_t zeros = 0;
  for (size_t i = header_size; i < end; ++i) {
    if (zeros >= 2 && nal[i] == 3) {
      zeros = 0;
      continue;
    }
    zeros = nal[i] == 0 ? zeros + 1 : 0;
    rbsp.push_back(nal[i]);
  }
  return rbsp;
}

}  // namespace millrace::media::nal
