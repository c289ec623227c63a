#pragma once
// The pieces of an FLV stream, most of which RTMP shares: pure functions from tracks and frames to
// bytes.
//
//   FlvFileHeader | { TagHeader | prefix | payload | PreviousTagSize } …
//   RTMP message body: prefix | payload

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "media/base/ticks.h"
#include "media/flv/tags.h"
#include "media/frame/frame.h"
#include "media/frame/track.h"

namespace millrace::media::flv {

inline constexpr size_t kTagHeaderSize = 11;
inline constexpr size_t kPreviousTagSizeSize = 4;
inline constexpr size_t kVideoPrefixSize = 5;
inline constexpr size_t kAudioPrefixSize = 2;

// File header and PreviousTagSize0. True to fact, or flv.js waits for ever for a track that never
// comes.
std::array<uint8_t, 13> FlvFileHeader(bool has_audio, bool has_video);

// `timestamp_ms`: the low 24 bits, then the upper 8; wraps at 2^32. `body_size`: prefix included,
// below 2^24.
std::array<uint8_t, kTagHeaderSize> TagHeader(TagType type, size_t body_size,
                                              uint32_t timestamp_ms);

// What follows a tag whose body has `body_size` bytes.
std::array<uint8_t, kPreviousTagSizeSize> PreviousTagSize(size_t body_size);

// Stands before Frame::data(). A random-access point is a key frame; composition time is the
// difference of the rounded milliseconds of pts and dts, so that both leave as they came.
std::array<uint8_t, kVideoPrefixSize> VideoTagPrefix(const Frame& frame);
std::array<uint8_t, kAudioPrefixSize> AudioTagPrefix(const Track& track);

// Whole bodies of the tags that carry Track::config.
std::vector<uint8_t> VideoSequenceHeader(const Track& track);
std::vector<uint8_t> AudioSequenceHeader(const Track& track);

// Whole body of the script tag: "onMetaData" and an ECMA array with what the first video and audio
// track tell. `version` is Millrace's own.
std::vector<uint8_t> OnMetaData(const TrackSet& tracks, std::string_view version);

// Whether FLV can carry the track in this form.
bool CanCarry(const Track& track);

}  // namespace millrace::media::flv
