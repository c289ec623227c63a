#pragma once
// Packets of one video track to its configurations and frames.

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "media/base/payload.h"
#include "media/codec/av1/config.h"
#include "media/codec/h264/config.h"
#include "media/codec/h265/config.h"
#include "media/codec/vp9/config.h"
#include "media/flv/item.h"
#include "media/flv/tags.h"
#include "media/frame/leading.h"

namespace millrace::media::flv {

// Not thread-safe.
class VideoReader {
 public:
  explicit VideoReader(uint8_t id) : id_(id) {}

  // Appends a Track where configuration or colour are new or changed, then the frame. `packet.data`
  // is a slice of `body`. `key`: the container calls it a key frame.
  absl::Status Read(const TagPacket& packet, bool key, int64_t dts_ns, const Payload& body,
                    std::vector<Item>& items);
  uint64_t frames_without_config() const { return frames_without_config_; }

 private:
  // VP9's record does not say how large the pictures are: a track takes a key frame too.
  struct Vp9State {
    std::optional<vp9::Vp9Config> record;  // as announced
    std::optional<vp9::Vp9Config> in_force;
    uint32_t width = 0;
    uint32_t height = 0;
  };
  struct Unit {
    Payload payload;  // empty: nothing to show
    uint16_t flags = 0;
  };

  absl::Status Configure(const TagPacket& packet, std::vector<Item>& items);
  absl::StatusOr<Unit> ReadUnit(const Payload& data, bool key, std::vector<Item>& items);
  absl::StatusOr<Unit> ReadH264(const Payload& data, bool key, std::vector<Item>& items);
  absl::StatusOr<Unit> ReadH265(const Payload& data, std::vector<Item>& items);
  absl::StatusOr<Unit> ReadAv1(const Payload& data, std::vector<Item>& items);
  absl::StatusOr<Unit> ReadVp9(const Payload& data, std::vector<Item>& items);
  template <typename Config>
  absl::Status Use(Config config, std::vector<Item>& items);
  template <typename Config>
  const Config* Configured() const {
    return std::get_if<Config>(&config_);
  }
  bool configured() const;
  absl::Status ReadColor(Bytes data, std::vector<Item>& items);
  void Announce(Track track, std::vector<Item>& items);

  const uint8_t id_;
  Codec claimed_ = Codec::kUnknown;  // by the packets
  Codec codec_ = Codec::kUnknown;    // what it is
  std::variant<std::monostate, h264::AvcConfig, h265::HevcConfig, av1::Av1Config, Vp9State> config_;
  Track announced_;             // as last appended; its codec unknown before that
  std::optional<Color> color_;  // as last told
  LeadingMarker leading_;
  uint64_t frames_without_config_ = 0;
};

}  // namespace millrace::media::flv
