#pragma once
// From tags to tracks and frames: what an RTMP publisher's session and an FLV pull do alike.

#include <cstdint>
#include <map>
#include <vector>

#include "absl/status/status.h"
#include "media/base/payload.h"
#include "media/flv/audio_reader.h"
#include "media/flv/item.h"
#include "media/flv/script_reader.h"
#include "media/flv/tags.h"
#include "media/flv/video_reader.h"

namespace millrace::media::flv {

// Track::id of the track that multitrack packets call `track_id` (0 to kMaxTrackId; 0 is also the
// track of plain packets): 1 and 4, 6, 8 … for video, 2 and 5, 7, 9 … for audio. 3 is for data.
uint8_t TrackIdOf(TrackKind kind, uint8_t track_id);

// Not thread-safe. Keeps the configuration in force of each track.
class FrameReader {
 public:
  // Appends what the tag holds: a Track where its configuration is new or changed (by
  // parameter sets in band or colour information too), then a frame, for each packet in it.
  // Repeated configurations, end-of-sequence marks, commands and units without a picture yield
  // nothing. Script tags yield frames of the data track (script_reader.h). Payloads share the owner
  // of `body` where nothing had to be rewritten. An error names what was wrong with this tag alone;
  // the next one may be read, and what the tag held before the fault is kept.
  absl::Status Read(TagType type, int64_t timestamp_ms, const Payload& body,
                    std::vector<Item>& items);

  // Frames that came before any configuration and were dropped.
  uint64_t frames_without_config() const;

 private:
  absl::Status ReadVideo(int64_t timestamp_ms, const Payload& body, std::vector<Item>& items);
  absl::Status ReadAudio(int64_t timestamp_ms, const Payload& body, std::vector<Item>& items);

  std::map<uint8_t, VideoReader> video_;  // by trackId
  std::map<uint8_t, AudioReader> audio_;
  ScriptReader script_;
};

}  // namespace millrace::media::flv
