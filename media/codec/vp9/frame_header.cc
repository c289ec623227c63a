#include "media/codec/vp9/frame_header.h"

#include "media/base/bit_reader.h"
#include "media/base/fault.h"
#include "media/codec/vp9/errors.h"
#include "media/frame/frame.h"

namespace millrace::media::vp9 {

const char* Vp9ErrorName(Vp9Error error) {
  switch (error) {
    case Vp9Error::kConfigTruncated:
      return "vp9_config_truncated";
    case Vp9Error::kConfigVersion:
      return "vp9_config_version";
    case Vp9Error::kConfigReserved:
      return "vp9_config_reserved";
    case Vp9Error::kFrameTruncated:
      return "vp9_frame_truncated";
    case Vp9Error::kFrameMarker:
      return "vp9_frame_marker";
    case Vp9Error::kFrameReserved:
      return "vp9_frame_reserved";
    case Vp9Error::kFrameSync:
      return "vp9_frame_sync";
    case Vp9Error::kNeedsKeyFrame:
      return "vp9_needs_key_frame";
  }
  return "vp9_unknown";
}

namespace {

constexpr uint32_t kSyncCode = 0x498342;
constexpr uint8_t kSrgb = 7;

absl::Status Error(Vp9Error error) { return Fault(Vp9ErrorName(error)); }

// color_config(), §6.2.2; false where it holds what is reserved.
bool ReadColour(BitReader& bits, FrameHeader& header) {
  header.bit_depth = 8;
  if (header.profile >= 2) header.bit_depth = bits.Flag() ? 12 : 10;
  header.color_space = static_cast<uint8_t>(bits.Bits(3));
  const bool odd_profile = (header.profile & 1) != 0;
  if (header.color_space == kSrgb) {
    header.full_range = true;
    header.subsampling_x = header.subsampling_y = false;
    return odd_profile && !bits.Flag();
  }
  header.full_range = bits.Flag();
  if (!odd_profile) return true;
  header.subsampling_x = bits.Flag();
  header.subsampling_y = bits.Flag();
  return !bits.Flag();
}

absl::Status ReadKeyFrame(BitReader& bits, FrameHeader& header) {
  const uint32_t sync = bits.Bits(24);
  if (bits.ok() && sync != kSyncCode) return Error(Vp9Error::kFrameSync);
  const bool sound = ReadColour(bits, header);
  header.width = bits.Bits(16) + 1;
  header.height = bits.Bits(16) + 1;
  header.refresh_frame_flags = 0xff;
  if (!bits.ok()) return Error(Vp9Error::kFrameTruncated);
  return sound ? absl::OkStatus() : Error(Vp9Error::kFrameReserved);
}

// The rest of the header as far as refresh_frame_flags.
absl::Status ReadInterFrame(BitReader& bits, FrameHeader& header, bool error_resilient) {
  header.intra_only = !header.show_frame && bits.Flag();
  if (!error_resilient) bits.Skip(2);  // reset_frame_context
  if (header.intra_only) {
    const uint32_t sync = bits.Bits(24);
    if (bits.ok() && sync != kSyncCode) return Error(Vp9Error::kFrameSync);
    FrameHeader colours = header;
    if (header.profile > 0 && !ReadColour(bits, colours) && bits.ok()) {
      return Error(Vp9Error::kFrameReserved);
    }
  }
  header.refresh_frame_flags = static_cast<uint8_t>(bits.Bits(8));
  return bits.ok() ? absl::OkStatus() : Error(Vp9Error::kFrameTruncated);
}

}  // namespace

absl::StatusOr<FrameHeader> ParseFrameHeader(Bytes bytes) {
  BitReader bits(bytes);
  const uint32_t marker = bits.Bits(2);
  if (!bits.ok()) return Error(Vp9Error::kFrameTruncated);
  if (marker != 2) return Error(Vp9Error::kFrameMarker);
  FrameHeader header;
  const bool low = bits.Flag();
  const bool high = bits.Flag();
  header.profile = static_cast<uint8_t>((high ? 2 : 0) | (low ? 1 : 0));
  if (header.profile == 3 && bits.Flag()) return Error(Vp9Error::kFrameReserved);
  header.show_existing_frame = bits.Flag();
  if (header.show_existing_frame) {
    header.show_frame = true;
    return header;
  }
  header.key_frame = !bits.Flag();
  header.show_frame = bits.Flag();
  const bool error_resilient = bits.Flag();
  const absl::Status rest =
      header.key_frame ? ReadKeyFrame(bits, header) : ReadInterFrame(bits, header, error_resilient);
  if (!rest.ok()) return rest;
  return header;
}

unsigned FramesIn(Bytes bytes) {
  if (bytes.empty() || (bytes.back() & 0xe0) != 0xc0) return 1;
  const unsigned count = (bytes.back() & 7u) + 1;
  const size_t index_size = 2 + size_t{((bytes.back() >> 3) & 3u) + 1} * count;
  const bool framed =
      bytes.size() >= index_size && bytes[bytes.size() - index_size] == bytes.back();
  return framed ? count : 1;
}

uint16_t FlagsOf(const FrameHeader& header, Bytes bytes) {
  if (header.key_frame) return kClosedRandomAccess;
  return header.refresh_frame_flags == 0 && FramesIn(bytes) == 1 ? kNonReference : 0;
}

}  // namespace millrace::media::vp9
