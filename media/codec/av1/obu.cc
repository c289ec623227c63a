#include "media/codec/av1/obu.h"

#include "media/base/fault.h"

namespace millrace::media::av1 {

const char* Av1ErrorName(Av1Error error) {
  switch (error) {
    case Av1Error::kConfigTruncated:
      return "av1_config_truncated";
    case Av1Error::kConfigVersion:
      return "av1_config_version";
    case Av1Error::kConfigWithoutSequenceHeader:
      return "av1_config_without_sequence_header";
    case Av1Error::kConfigTooLarge:
      return "av1_config_too_large";
    case Av1Error::kSequenceHeaderTruncated:
      return "av1_sequence_header_truncated";
    case Av1Error::kSequenceHeaderReserved:
      return "av1_sequence_header_reserved";
    case Av1Error::kObuForbiddenBit:
      return "av1_obu_forbidden_bit";
    case Av1Error::kObuTruncated:
      return "av1_obu_truncated";
    case Av1Error::kTooManyObus:
      return "av1_too_many_obus";
  }
  return "av1_unknown";
}

namespace {

constexpr uint8_t kForbidden = 0x80;
constexpr uint8_t kHasExtension = 0x04;
constexpr uint8_t kHasSize = 0x02;

// leb128(), §4.10.5: at most eight bytes, at most 2^32 - 1.
uint64_t ReadLeb128(ByteReader& reader) {
  uint64_t value = 0;
  for (unsigned i = 0; i < 8; ++i) {
    const uint8_t byte = reader.U8();
    value |= uint64_t{byte & 0x7fu} << (7 * i);
    if ((byte & 0x80) == 0) return value;
  }
  reader.Fail();
  return 0;
}

}  // namespace

absl::StatusOr<std::vector<Obu>> SplitObus(Bytes bytes) {
  std::vector<Obu> obus;
  ByteReader reader(bytes);
  while (!reader.done()) {
    const size_t begin = reader.position();
    const uint8_t header = reader.U8();
    if ((header & kForbidden) != 0) return Fault(Av1ErrorName(Av1Error::kObuForbiddenBit));
    Obu obu;
    obu.type = static_cast<ObuType>((header >> 3) & 15);
    obu.has_size = (header & kHasSize) != 0;
    if ((header & kHasExtension) != 0) reader.Skip(1);
    const uint64_t size = obu.has_size ? ReadLeb128(reader) : reader.remaining();
    if (size > reader.remaining()) reader.Fail();
    obu.payload = reader.Take(static_cast<size_t>(size));
    if (!reader.ok()) return Fault(Av1ErrorName(Av1Error::kObuTruncated));
    obu.whole = bytes.subspan(begin, reader.position() - begin);
    obus.push_back(obu);
    if (obus.size() > kMaxObusPerTemporalUnit) return Fault(Av1ErrorName(Av1Error::kTooManyObus));
  }
  return obus;
}

void AppendSized(ByteWriter& writer, const Obu& obu) {
  if (obu.has_size) return writer.Append(obu.whole);
  const size_t header_size = obu.whole.size() - obu.payload.size();
  writer.U8(obu.whole[0] | kHasSize);
  writer.Append(obu.whole.subspan(1, header_size - 1));  // the extension
  size_t left = obu.payload.size();
  while (left >= 0x80) {
    writer.U8(static_cast<uint8_t>(left | 0x80));
    left >>= 7;
  }
  writer.U8(static_cast<uint8_t>(left));
  writer.Append(obu.payload);
}

}  // namespace millrace::media::av1
