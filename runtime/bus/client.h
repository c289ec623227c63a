#pragma once
// What a gateway sees of the media bus: publications and subscriptions by stream name. Which router
// owns a name, reconnections, re-attachment, replay, credit and duplicates are settled behind this.
//
// Everything here belongs to one thread, the bus's home loop: calls are made there and observers
// are called there, never from within a call into the same object. An observer must outlive the
// object it was given to; destroying a Publication that was not unpublished counts as a lost
// publisher.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "media/frame/frame.h"
#include "media/frame/track.h"
#include "millrace/v1/bus.pb.h"
#include "millrace/v1/config.pb.h"

namespace millrace::bus {

// Where the last epoch of a stream ended.
struct Timeline {
  uint64_t epoch = 0;
  uint64_t last_sequence = 0;
  int64_t dts_end_ns = 0;
  int64_t pts_end_ns = 0;  // beyond dts_end_ns where pictures are reordered
  uint32_t next_segment = 0;
  uint32_t discontinuity_sequence = 0;
  uint32_t next_gop = 0;

  // Goes on behind `frames`, which are of its epoch and not empty.
  void Follow(std::span<const media::Frame> frames);
};

struct Grant {
  uint64_t epoch = 0;
  std::optional<Timeline> previous;  // unset where no node remembers the stream
};

struct PublishOptions {
  std::string session;  // cluster-wide id of the publisher's session
  v1::PublishPolicy policy = v1::PUBLISH_POLICY_REPLACE;
  uint32_t grace_ms = 15'000;
  uint32_t grace_after_unpublish_ms = 0;
  uint64_t replay_limit_bytes = 64u << 20;
  uint32_t segment_target_ms = 4'000;
  uint32_t part_target_ms = 500;
};

class PublicationObserver {
 public:
  virtual ~PublicationObserver() = default;
  // Once. From now on SetTracks and Send may be called.
  virtual void OnGranted(const Grant& grant) = 0;
  // Final, before or after the grant: busy, fenced, replaced by another publisher, kicked.
  virtual void OnRefused(v1::RefusalReason reason, const std::string& text) = 0;
  // Frames left the replay window before they could be sent: subscribers will miss them.
  virtual void OnLost(uint64_t from_sequence, uint64_t to_sequence) {}
};

class Publication {
 public:
  virtual ~Publication() = default;
  // In order with Send. `tracks.version` must rise.
  virtual void SetTracks(const media::TrackSet& tracks) = 0;
  // One batch. Sequence numbers continue without a gap from 1; only the first frame may be a
  // random-access point of the leading track. Payloads are copied into the batch, the frames may
  // go.
  virtual void Send(std::span<const media::Frame> frames) = 0;
  // Instead of what PublishOptions said. Reaches the router with the end of the publication or the
  // next re-attachment.
  virtual void SetGrace(uint32_t grace_ms, uint32_t grace_after_unpublish_ms) = 0;
  // `lost`: the publisher's connection broke, viewers wait for its return. Otherwise it said
  // goodbye.
  virtual void Unpublish(bool lost) = 0;
};

struct SubscribeOptions {
  v1::StartFrom start = v1::START_RANDOM_ACCESS;
  uint32_t retention_ms = 0;
  uint64_t credit_bytes = 32u << 20;
};

struct Skip {
  uint64_t epoch = 0;
  uint64_t from_sequence = 0;
  uint64_t to_sequence = 0;
  uint64_t bytes = 0;
  std::string reason;
};

class SubscriptionObserver {
 public:
  virtual ~SubscriptionObserver() = default;
  // Nobody publishes the stream (yet): said at most once until tracks arrive.
  virtual void OnWaiting() {}
  // In order with OnFrames. The same epoch with a higher version is a change of format; a new epoch
  // is a new publisher that continues the timeline.
  virtual void OnTracks(uint64_t epoch, const media::TrackSet& tracks) = 0;
  // One batch as it was sent; `random_access`: its first frame is where a viewer may start.
  virtual void OnFrames(uint64_t epoch, bool random_access, std::vector<media::Frame> frames) = 0;
  // Frames that will not come. The next OnFrames is random access.
  virtual void OnSkipped(const Skip& skip) = 0;
  // The publisher is gone for good. The subscription stays and waits for the next one.
  virtual void OnEnded(v1::EndReason reason, const std::string& text) = 0;
};

class Subscription {
 public:
  virtual ~Subscription() = default;  // unsubscribes
};

class Client {
 public:
  virtual ~Client() = default;
  // Moves streams whose owner changed. Ignored unless `topology.term` is newer.
  virtual void SetTopology(const v1::Topology& topology) = 0;
  virtual std::unique_ptr<Publication> Publish(std::string_view stream, PublishOptions options,
                                               PublicationObserver& observer) = 0;
  virtual std::unique_ptr<Subscription> Subscribe(std::string_view stream, SubscribeOptions options,
                                                  SubscriptionObserver& observer) = 0;
  // Every router of the topology has welcomed this node.
  virtual bool connected() const = 0;
};

}  // namespace millrace::bus
