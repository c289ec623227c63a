#include "media/frame/track.h"

namespace millrace::media {

const char* CodecName(Codec codec) {
  switch (codec) {
    case Codec::kUnknown:
      return "unknown";
    case Codec::kH264:
      return "h264";
    case Codec::kH265:
      return "h265";
    case Codec::kAv1:
      return "av1";
    case Codec::kVp9:
      return "vp9";
    case Codec::kMjpeg:
      return "mjpeg";
    case Codec::kAac:
      return "aac";
    case Codec::kOpus:
      return "opus";
    case Codec::kMp3:
      return "mp3";
    case Codec::kFlac:
      return "flac";
    case Codec::kAc3:
      return "ac3";
    case Codec::kG711A:
      return "g711a";
    case Codec::kG711U:
      return "g711u";
    case Codec::kG726:
      return "g726";
    case Codec::kPcm:
      return "pcm";
    case Codec::kMetadata:
      return "metadata";
    case Codec::kCaptions:
      return "captions";
    case Codec::kScte35:
      return "scte35";
  }
  return "unknown";  // a number from a newer peer
}

TrackKind KindOf(Codec codec) {
  // The contract numbers codecs by kind: video below 32, audio below 64, data from there on.
  const auto number = static_cast<unsigned>(codec);
  if (number < 32) return TrackKind::kVideo;
  return number < 64 ? TrackKind::kAudio : TrackKind::kData;
}

}  // namespace millrace::media
