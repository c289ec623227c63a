#pragma once
// Packets of one audio track to its configurations and frames.

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "media/base/payload.h"
#include "media/flv/item.h"
#include "media/flv/tags.h"

namespace millrace::media::flv {

// Not thread-safe.
class AudioReader {
 public:
  explicit AudioReader(uint8_t id) : id_(id) {}

  // Appends a Track where the configuration is new or changed, then the frame. `packet.data` is a
  // slice of `body`. `stereo`: what the legacy form says, which is all that G.711 has.
  absl::Status Read(const TagPacket& packet, bool stereo, int64_t dts_ns, const Payload& body,
                    std::vector<Item>& items);
  uint64_t frames_without_config() const { return frames_without_config_; }

 private:
  absl::Status Configure(const TagPacket& packet, std::vector<Item>& items);
  // What codecs without a record say in their frames.
  absl::Status ConfigureByFrame(const TagPacket& packet, bool stereo, std::vector<Item>& items);
  // Bytes in front of the access unit.
  absl::StatusOr<size_t> SkipAdts(Bytes data, std::vector<Item>& items);
  absl::Status Use(absl::StatusOr<Track> track, std::vector<Item>& items);

  const uint8_t id_;
  Track track_;  // in force; kUnknown before the first
  uint64_t frames_without_config_ = 0;
};

}  // namespace millrace::media::flv
