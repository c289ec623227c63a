#pragma once
// Script tags to frames of the data track: what encoders say beyond the facts of their tracks.

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "media/amf/value.h"
#include "media/base/bytes.h"
#include "media/flv/item.h"

namespace millrace::media::flv {

inline constexpr uint8_t kDataTrackId = 3;

// A data frame's payload is the body of a script tag in AMF 0: a name and its values. Kept are cue
// points and captions as they are, and of onMetaData the properties that say nothing about tracks,
// where they change: as the track's configuration (an ECMA array), which also viewers that come
// later are told, or, where the last one is less than 10 s old, as a frame. Not thread-safe.
//
// Encoders stamp scripts carelessly, often with 0: a data frame has the script's own time only
// where that is near the media around it, and one that comes before all media waits for the first
// frame.
class ScriptReader {
 public:
  // Appends a Track before the first frame of it, and the frame. AMF errors, kBadScript.
  absl::Status Read(int64_t timestamp_ns, Bytes body, std::vector<Item>& items);
  // An audio or video frame came: appends what waited for it.
  void OnMedia(int64_t dts_ns, std::vector<Item>& items);

 private:
  void ReadMetadata(const amf::Value& metadata, int64_t timestamp_ns, std::vector<Item>& items);
  void Announce(std::vector<uint8_t> config, std::vector<Item>& items);
  void Relay(int64_t timestamp_ns, std::vector<uint8_t> body, std::vector<Item>& items);
  void Emit(int64_t dts_ns, std::vector<uint8_t> body, std::vector<Item>& items) const;

  bool announced_ = false;
  bool has_media_ = false;
  int64_t media_ns_ = 0;  // of the last audio or video frame
  std::vector<uint8_t> metadata_;
  std::optional<int64_t> configured_ns_;  // media time of the last configuration
  std::vector<std::vector<uint8_t>> waiting_;
};

}  // namespace millrace::media::flv
