#include "media/flv/records.h"

#include <utility>

#include "media/codec/av1/config.h"
#include "media/codec/flac/config.h"
#include "media/codec/vp9/config.h"

namespace millrace::media::flv {

std::vector<uint8_t> WireRecord(const Track& track) {
  switch (track.codec) {
    case Codec::kMp3:
    case Codec::kAc3:
    case Codec::kG711A:
    case Codec::kG711U:
    case Codec::kMetadata:
      return {};
    case Codec::kVp9:
      // The record alone, without the version and flags of its box.
      if (track.config.size() <= vp9::kVersionAndFlagsSize) return {};
      return {track.config.begin() + vp9::kVersionAndFlagsSize, track.config.end()};
    case Codec::kFlac: {
      const auto info = flac::ParseStreamInfo(track.config);
      return info.ok() ? flac::BuildNativeHeader(*info) : std::vector<uint8_t>();
    }
    default:
      return track.config;
  }
}

std::vector<uint8_t> KeyFrameRecord(const Track& track) {
  if (track.codec != Codec::kAv1) return {};
  auto config = av1::ParseAv1Config(track.config);
  return config.ok() ? std::move(config->sequence_header) : std::vector<uint8_t>();
}

}  // namespace millrace::media::flv
