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
#include "media/flv/presentation.h"
#include "media/flv/tags.h"
#include "media/frame/frame.h"
#include "media/frame/track.h"

namespace millrace::media::flv {

inline constexpr size_t kTagHeaderSize = 11;
inline constexpr size_t kPreviousTagSizeSize = 4;
inline constexpr size_t kMaxPrefixSize = 64;

// File header and PreviousTagSize0. True to fact, or flv.js waits for ever for a track that never
// comes.
std::array<uint8_t, 13> FlvFileHeader(bool has_audio, bool has_video);

// `timestamp_ms`: the low 24 bits, then the upper 8; wraps at 2^32. `body_size`: prefix included,
// below 2^24.
std::array<uint8_t, kTagHeaderSize> TagHeader(TagType type, size_t body_size,
                                              uint32_t timestamp_ms);

// What follows a tag whose body has `body_size` bytes.
std::array<uint8_t, kPreviousTagSizeSize> PreviousTagSize(size_t body_size);

TagType TagTypeOf(TrackKind kind);

// What stands in a body before Frame::data(): a few bytes on the stack.
class TagPrefix {
 public:
  void Add(uint8_t byte) { bytes_[size_++] = byte; }
  // False, and nothing done, where there is no room.
  bool Append(Bytes bytes);
  size_t size() const { return size_; }
  operator Bytes() const {
    return Bytes(bytes_).first(size_);
  }  // NOLINT(google-explicit-constructor)

 private:
  std::array<uint8_t, kMaxPrefixSize> bytes_{};
  uint8_t size_ = 0;
};

// A random-access point is a key frame, of AV1 with the sequence header in front, as players expect
// it there ("AV1 Codec ISO Media File Format Binding" §2.4); composition time is the difference of
// the rounded milliseconds of pts and dts, so that both leave as they came. Nothing for metadata,
// whose frames are whole bodies.
TagPrefix FramePrefix(const PresentedTrack& track, const Frame& frame);

// Whole body of the tag that carries the track's configuration; empty where the form has none (MP3,
// G.711, AC-3, metadata).
std::vector<uint8_t> SequenceStart(const PresentedTrack& track);

// Whole body of the script tag: "onMetaData" and an ECMA array with what the main tracks tell, and
// what the configuration of the data track adds to that.
// `version` is Millrace's own.
std::vector<uint8_t> OnMetaData(const Presentation& presentation, std::string_view version);

struct Announcement {
  TagType type = TagType::kScript;
  std::vector<uint8_t> body;
};
// Metadata, then the configuration of each track that the receiver does not have in `known` as it
// is: players take a repeated one for a new one and start over.
std::vector<Announcement> Announce(const Presentation& presentation, const TrackSet& known,
                                   std::string_view version);

}  // namespace millrace::media::flv
