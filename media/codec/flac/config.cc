#include "media/codec/flac/config.h"

#include <algorithm>

#include "media/base/bit_reader.h"
#include "media/base/fault.h"

namespace millrace::media::flac {
namespace {

constexpr std::string_view kMarker = "fLaC";
constexpr size_t kStreamInfoSize = 34;
constexpr uint8_t kLastBlock = 0x80;
constexpr uint8_t kStreamInfoType = 0;

absl::Status Error(FlacError error) { return Fault(FlacErrorName(error)); }

// The 34 bytes in whatever stands around them.
absl::StatusOr<Bytes> Unwrap(Bytes bytes) {
  if (bytes.size() < kStreamInfoSize) return Error(FlacError::kStreamInfoTruncated);
  if (bytes.size() == kStreamInfoSize) return bytes;
  ByteReader reader(bytes);
  const Bytes front = reader.Take(4);
  const bool version_and_flags =
      std::all_of(front.begin(), front.end(), [](uint8_t byte) { return byte == 0; });
  if (AsText(front) != kMarker && !version_and_flags) reader = ByteReader(bytes);
  const uint8_t type = reader.U8() & 0x7f;
  const uint32_t size = reader.U24();
  if (type != kStreamInfoType || size != kStreamInfoSize) {
    return Error(FlacError::kStreamInfoMissing);
  }
  const Bytes info = reader.Take(size);
  if (!reader.ok()) return Error(FlacError::kStreamInfoTruncated);
  return info;
}

void AppendBlock(ByteWriter& writer, const StreamInfo& info) {
  writer.U8(kLastBlock | kStreamInfoType);
  writer.U24(kStreamInfoSize);
  writer.U16(info.min_block_size);
  writer.U16(info.max_block_size);
  writer.U24(info.min_frame_size);
  writer.U24(info.max_frame_size);
  writer.U64(uint64_t{info.sample_rate} << 44 | uint64_t{info.channels - 1u} << 41 |
             uint64_t{info.bits_per_sample - 1u} << 36 | info.total_samples);
  writer.Append(info.md5);
}

}  // namespace

const char* FlacErrorName(FlacError error) {
  switch (error) {
    case FlacError::kStreamInfoTruncated:
      return "flac_stream_info_truncated";
    case FlacError::kStreamInfoMissing:
      return "flac_stream_info_missing";
    case FlacError::kStreamInfoReserved:
      return "flac_stream_info_reserved";
    case FlacError::kFrameTruncated:
      return "flac_frame_truncated";
    case FlacError::kFrameSync:
      return "flac_frame_sync";
    case FlacError::kFrameReserved:
      return "flac_frame_reserved";
  }
  return "flac_unknown";
}

absl::StatusOr<StreamInfo> ParseStreamInfo(Bytes bytes) {
  auto block = Unwrap(bytes);
  if (!block.ok()) return block.status();
  ByteReader reader(*block);
  StreamInfo info;
  info.min_block_size = reader.U16();
  info.max_block_size = reader.U16();
  info.min_frame_size = reader.U24();
  info.max_frame_size = reader.U24();
  const uint64_t packed = reader.U64();
  info.sample_rate = static_cast<uint32_t>(packed >> 44);
  info.channels = static_cast<uint8_t>((packed >> 41 & 7) + 1);
  info.bits_per_sample = static_cast<uint8_t>((packed >> 36 & 31) + 1);
  info.total_samples = packed & 0xfffffffff;
  std::ranges::copy(reader.Rest(), info.md5.begin());
  // A sample rate of 0 is for what is no sound.
  if (info.min_block_size < 16 || info.max_block_size < info.min_block_size ||
      info.sample_rate == 0 || info.bits_per_sample < 4) {
    return Error(FlacError::kStreamInfoReserved);
  }
  return info;
}

std::vector<uint8_t> BuildDfla(const StreamInfo& info) {
  std::vector<uint8_t> out;
  ByteWriter writer(out);
  writer.U32(0);  // version and flags
  AppendBlock(writer, info);
  return out;
}

std::vector<uint8_t> BuildNativeHeader(const StreamInfo& info) {
  std::vector<uint8_t> out;
  ByteWriter writer(out);
  writer.Text(kMarker);
  AppendBlock(writer, info);
  return out;
}

Track MakeTrack(const StreamInfo& info) {
  Track track;
  track.id = 2;
  track.kind = TrackKind::kAudio;
  track.codec = Codec::kFlac;
  track.config = BuildDfla(info);
  track.codec_string = CodecString();
  track.sample_rate = info.sample_rate;
  track.channels = info.channels;
  if (info.min_block_size == info.max_block_size) track.samples_per_frame = info.max_block_size;
  return track;
}

}  // namespace millrace::media::flac
