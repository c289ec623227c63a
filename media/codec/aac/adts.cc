#include "media/codec/aac/adts.h"

#include "media/base/bit_reader.h"
#include "media/base/fault.h"

namespace millrace::media::aac {

bool HasAdtsSync(Bytes bytes) {
  return bytes.size() >= 2 && bytes[0] == 0xff && (bytes[1] & 0xf6) == 0xf0;
}

absl::StatusOr<AdtsHeader> ParseAdtsHeader(Bytes bytes) {
  if (bytes.size() < 7) return Fault(AacErrorName(AacError::kAdtsTruncated));
  if (!HasAdtsSync(bytes)) return Fault(AacErrorName(AacError::kAdtsSync));
  BitReader bits(bytes);
  bits.Skip(15);
  AdtsHeader header;
  header.header_size = bits.Flag() ? 7 : 9;
  header.config.object_type = static_cast<uint8_t>(bits.Bits(2) + 1);
  header.config.sample_rate = SampleRateOf(bits.Bits(4));
  bits.Flag();  // private
  header.config.channel_configuration = static_cast<uint8_t>(bits.Bits(3));
  header.config.channels = ChannelsOf(header.config.channel_configuration);
  bits.Skip(4);
  header.frame_size = bits.Bits(13);
  if (header.config.sample_rate == 0) return Fault(AacErrorName(AacError::kReservedSampleRate));
  if (header.frame_size < header.header_size) return Fault(AacErrorName(AacError::kAdtsLength));
  return header;
}

}  // namespace millrace::media::aac
