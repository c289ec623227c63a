#pragma once
// What RTMP players of a stream share: chunks built once. A unit is a run of messages, each of one
// fmt 0 chunk and as many fmt 3 chunks as it takes; payloads stay where they are. Only the
// timestamp in front of each message differs from viewer to viewer, and is written when a unit is
// gathered.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateways/rtmp/protocol/message.h"
#include "media/base/payload.h"
#include "media/flv/presentation.h"
#include "runtime/stream/lane.h"
#include "runtime/stream/wire_unit.h"

namespace millrace::rtmp {

// Smallest chunk size that a unit can be built for: the front of a body must fit a chunk.
inline constexpr uint32_t kMinUnitChunkSize = 128;

class RtmpUnit : public stream::WireUnit {
 public:
  // `message_stream`: that media goes to; players are always given the same.
  explicit RtmpUnit(uint32_t chunk_size, uint32_t message_stream = kMessageStream);

  // Before the unit is shared. `prefix` (at most 64 bytes) and `payload` together are the body,
  // below 2^24 bytes; `dts_ms` is stream time.
  void Add(uint8_t chunk_stream, MessageType type, int64_t dts_ms, media::Bytes prefix,
           media::Payload payload);
  bool empty() const { return messages_.empty(); }

  size_t Size(int64_t base_ms) const override;
  bool Gather(size_t skip, int64_t base_ms, stream::IovecList& out) const override;

 private:
  struct Entry {
    int64_t dts_ms = 0;
    size_t head = 0;  // in heads_: 12 bytes of header with timestamp 0, then the prefix
    uint8_t prefix_size = 0;
    uint8_t chunk_stream = 0;
    media::Payload payload;
  };
  size_t SizeOf(const Entry& entry, uint32_t timestamp_ms) const;
  bool GatherEntry(const Entry& entry, uint32_t timestamp_ms, size_t skip,
                   stream::IovecList& out) const;

  const uint32_t chunk_size_;
  const uint32_t message_stream_;
  std::vector<uint8_t> heads_;
  std::vector<Entry> messages_;
  size_t plain_size_ = 0;  // without extended timestamps
  int64_t last_ms_ = INT64_MIN;
};

// FLV bodies in chunks: what `options` choose of the tracks, in the form that they choose.
class RtmpMuxer : public stream::LaneMuxer {
 public:
  RtmpMuxer(uint32_t chunk_size, std::string version,
            const media::flv::PresentationOptions& options = {},
            std::optional<uint32_t> published_as = std::nullopt);

  stream::WireUnitPtr Preamble(const media::TrackSet& tracks) override;
  stream::WireUnitPtr TracksChanged(const media::TrackSet& tracks, int64_t dts_ms) override;
  stream::WireUnitPtr TracksRestated(const media::TrackSet& tracks, int64_t dts_ms) override;
  bool Carries(const media::TrackSet& tracks, const media::Track& track) const override;
  stream::WireUnitPtr Frames(const media::TrackSet& tracks,
                             std::span<const media::Frame> frames) override;

 private:
  // Metadata, and the configuration of each track that `before` does not have as it is.
  stream::WireUnitPtr Announce(const media::flv::Presentation& shown, const media::TrackSet& before,
                               int64_t dts_ms) const;

  const uint32_t chunk_size_;
  const std::string version_;
  const media::flv::PresentationOptions options_;
  const std::optional<uint32_t> published_as_;
  media::TrackSet announced_;  // what viewers know who came all the way
};

// "rtmp" for players that take everything, "rtmp-legacy", "rtmp-only-h265-opus-multitrack" …: one
// lane for all players that are sent the same.
//
// `published_as`: for another server, to which we publish on that message stream (1 to 255);
// metadata is an encoder's then (@setDataFrame).
stream::Lane RtmpLane(uint32_t chunk_size, const media::flv::PresentationOptions& options,
                      std::optional<uint32_t> published_as = std::nullopt);

}  // namespace millrace::rtmp
