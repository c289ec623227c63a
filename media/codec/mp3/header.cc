#include "media/codec/mp3/header.h"

#include "media/base/bit_reader.h"
#include "media/base/fault.h"

namespace millrace::media::mp3 {
namespace {

constexpr uint32_t kReservedVersion = 1;

// kbit/s by bit_rate_index; 0 is the free format.
constexpr uint16_t kLayer1[15] = {0,   32,  64,  96,  128, 160, 192, 224,
                                  256, 288, 320, 352, 384, 416, 448};
constexpr uint16_t kLayer2[15] = {0,   32,  48,  56,  64,  80,  96, 112,
                                  128, 160, 192, 224, 256, 320, 384};
constexpr uint16_t kLayer3[15] = {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320};
constexpr uint16_t kLowLayer1[15] = {0,   32,  48,  56,  64,  80,  96, 112,
                                     128, 144, 160, 176, 192, 224, 256};
constexpr uint16_t kLowLayer23[15] = {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160};
constexpr uint32_t kMpeg1Rates[3] = {44100, 48000, 32000};

uint32_t BitRate(const FrameHeader& header, uint32_t index) {
  const bool low = header.version != Version::kMpeg1;
  const uint16_t* table = low ? (header.layer == 1 ? kLowLayer1 : kLowLayer23)
                              : (header.layer == 1   ? kLayer1
                                 : header.layer == 2 ? kLayer2
                                                     : kLayer3);
  return table[index] * 1000u;
}

uint32_t SampleRate(Version version, uint32_t index) {
  const unsigned divisor = version == Version::kMpeg1 ? 1 : version == Version::kMpeg2 ? 2 : 4;
  return kMpeg1Rates[index] / divisor;
}

uint32_t Samples(const FrameHeader& header) {
  if (header.layer == 1) return 384;
  return header.layer == 3 && header.version != Version::kMpeg1 ? 576 : 1152;
}

}  // namespace

const char* Mp3ErrorName(Mp3Error error) {
  switch (error) {
    case Mp3Error::kHeaderTruncated:
      return "mp3_header_truncated";
    case Mp3Error::kHeaderSync:
      return "mp3_header_sync";
    case Mp3Error::kHeaderReserved:
      return "mp3_header_reserved";
    case Mp3Error::kFreeFormat:
      return "mp3_free_format";
  }
  return "mp3_unknown";
}

absl::StatusOr<FrameHeader> ParseFrameHeader(Bytes bytes) {
  if (bytes.size() < 4) return Fault(Mp3ErrorName(Mp3Error::kHeaderTruncated));
  BitReader bits(bytes.first(4));
  if (bits.Bits(11) != 0x7ff) return Fault(Mp3ErrorName(Mp3Error::kHeaderSync));
  const uint32_t version = bits.Bits(2);
  const uint32_t layer = bits.Bits(2);
  bits.Flag();  // protection
  const uint32_t bit_rate = bits.Bits(4);
  const uint32_t sample_rate = bits.Bits(2);
  const uint32_t padding = bits.Bits(1);
  bits.Flag();  // private
  const uint32_t mode = bits.Bits(2);
  if (version == kReservedVersion || layer == 0 || bit_rate == 15 || sample_rate == 3) {
    return Fault(Mp3ErrorName(Mp3Error::kHeaderReserved));
  }
  if (bit_rate == 0) return Fault(Mp3ErrorName(Mp3Error::kFreeFormat));
  FrameHeader header;
  header.version = static_cast<Version>(version);
  header.layer = static_cast<uint8_t>(4 - layer);
  header.bit_rate = BitRate(header, bit_rate);
  header.sample_rate = SampleRate(header.version, sample_rate);
  header.channels = mode == 3 ? 1 : 2;
  header.samples = Samples(header);
  const uint32_t slot = header.layer == 1 ? 4 : 1;  // bytes
  header.frame_size =
      (header.samples / 8 * header.bit_rate / header.sample_rate / slot + padding) * slot;
  return header;
}

std::string CodecString(const FrameHeader& header) {
  return header.version == Version::kMpeg1 ? "mp4a.6B" : "mp4a.69";
}

Track MakeTrack(const FrameHeader& header) {
  Track track;
  track.id = 2;
  track.kind = TrackKind::kAudio;
  track.codec = Codec::kMp3;
  track.codec_string = CodecString(header);
  track.sample_rate = header.sample_rate;
  track.channels = header.channels;
  track.samples_per_frame = header.samples;
  return track;
}

}  // namespace millrace::media::mp3
