#include "media/codec/mjpeg/image.h"

#include "media/base/fault.h"

namespace millrace::media::mjpeg {
namespace {

absl::Status Fail(MjpegError error) { return Fault(MjpegErrorName(error)); }

bool IsFrameHeader(uint8_t marker) {
  return marker >= kSof0 && marker <= 0xcf && marker != kDht && marker != kJpg && marker != kDac;
}

}  // namespace

const char* MjpegErrorName(MjpegError error) {
  switch (error) {
    case MjpegError::kNoImage:
      return "mjpeg_no_image";
    case MjpegError::kSegmentTruncated:
      return "mjpeg_segment_truncated";
    case MjpegError::kNoFrame:
      return "mjpeg_no_frame";
    case MjpegError::kBadFrame:
      return "mjpeg_bad_frame";
  }
  return "mjpeg_unknown";
}

absl::StatusOr<std::optional<Segment>> SegmentReader::Next() {
  if (ended_) return std::nullopt;
  if (!begun_) {
    begun_ = true;
    if (reader_.U16() != (0xff00 | kSoi) || !reader_.ok()) return Fail(MjpegError::kNoImage);
  }
  if (reader_.done()) return Fail(MjpegError::kSegmentTruncated);
  if (reader_.U8() != 0xff) return Fail(MjpegError::kNoImage);
  while (!reader_.done() && reader_.Peek() == 0xff) reader_.Skip(1);  // fill bytes, §B.1.1.2
  Segment segment;
  segment.marker = reader_.U8();
  const size_t size = reader_.U16();
  if (!reader_.ok() || size < 2) return Fail(MjpegError::kSegmentTruncated);
  segment.body = reader_.Take(size - 2);
  if (!reader_.ok()) return Fail(MjpegError::kSegmentTruncated);
  ended_ = segment.marker == kSos;
  return segment;
}

absl::StatusOr<Size> ReadSize(Bytes image) {
  SegmentReader reader(image);
  while (true) {
    const auto segment = reader.Next();
    if (!segment.ok()) return segment.status();
    if (!segment->has_value() || (*segment)->marker == kSos) return Fail(MjpegError::kNoFrame);
    if (!IsFrameHeader((*segment)->marker)) continue;
    ByteReader header((*segment)->body);
    header.Skip(1);  // bits of a sample
    Size size;
    size.height = header.U16();
    size.width = header.U16();
    if (!header.ok() || size.width == 0 || size.height == 0) return Fail(MjpegError::kBadFrame);
    return size;
  }
}

Track MakeTrack(Size size) {
  Track track;
  track.id = 1;
  track.kind = TrackKind::kVideo;
  track.codec = Codec::kMjpeg;
  track.codec_string = "mjpg";
  track.width = size.width;
  track.height = size.height;
  return track;
}

}  // namespace millrace::media::mjpeg
