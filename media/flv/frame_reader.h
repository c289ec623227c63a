#pragma once
// From tags to tracks and frames: what an RTMP publisher's session and an FLV pull do alike.

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "media/base/payload.h"
#include "media/codec/h264/config.h"
#include "media/flv/tags.h"
#include "media/frame/leading.h"
#include "media/frame/track.h"

namespace millrace::media::flv {

// One access unit in the form of media::Frame, its times still those of the sender's clock.
struct ReadFrame {
  uint8_t track = 0;
  uint16_t flags = 0;  // media::FrameFlag, as far as the unit itself tells
  int64_t dts_ns = 0;
  int64_t pts_ns = 0;
  Payload payload;
};

using Item = std::variant<Track, ReadFrame>;

// Not thread-safe. Keeps the configuration in force of both tracks.
class FrameReader {
 public:
  // Appends what the tag holds: a Track where its configuration is new or changed (also by
  // parameter sets in band), then a frame. Repeated configurations, end-of-sequence marks, commands
  // and units without a picture yield nothing. Script tags yield nothing. Payloads share the owner
  // of `body` where nothing had to be rewritten. An error names what was wrong with this tag alone;
  // the next one may be read.
  absl::Status Read(TagType type, int64_t timestamp_ms, const Payload& body,
                    std::vector<Item>& items);

  // Frames that came before any configuration and were dropped.
  uint64_t frames_without_config() const { return frames_without_config_; }

 private:
  absl::Status ReadVideo(int64_t timestamp_ms, const Payload& body, std::vector<Item>& items);
  absl::Status ReadAudio(int64_t timestamp_ms, const Payload& body, std::vector<Item>& items);
  absl::Status SetVideo(h264::AvcConfig config, std::vector<Item>& items);
  absl::Status SetAudio(Bytes config, std::vector<Item>& items);

  std::optional<h264::AvcConfig> video_;
  std::vector<uint8_t> audio_;  // AudioSpecificConfig, empty before the first
  LeadingMarker leading_;
  uint64_t frames_without_config_ = 0;
};

}  // namespace millrace::media::flv
