#pragma once
// A table on a virtual clock, with every message that it sends kept by connection.

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "media/frame/batch.h"
#include "router/table.h"

namespace millrace::router {

struct BatchSpec {
  uint64_t stream_id = 0;
  uint64_t epoch = 0;
  uint64_t first = 1;
  uint32_t count = 1;
  bool random_access = false;
  uint32_t version = 1;
  size_t payload = 100;  // of each frame
  int64_t dts_ns = 0;    // of the first frame; 40 ms each
  uint32_t segment = 7;
  uint32_t gop = 3;
  int64_t ingest_wall_ns = 0;
};

inline SharedBatch MakeBatch(const BatchSpec& spec) {
  std::vector<media::Frame> frames(spec.count);
  for (uint32_t i = 0; i < spec.count; ++i) {
    media::Frame& frame = frames[i];
    frame.track = 1;
    frame.sequence = spec.first + i;
    frame.dts_ns = frame.pts_ns = spec.dts_ns + int64_t{i} * 40'000'000;
    frame.duration_ns = 40'000'000;
    frame.segment = spec.segment;
    frame.gop = spec.gop;
    frame.ingest_wall_ns = spec.ingest_wall_ns;
    if (i == 0 && spec.random_access) frame.flags = media::kClosedRandomAccess;
    frame.payload = media::Payload::FromVector(
        std::vector<uint8_t>(spec.payload, static_cast<uint8_t>(frame.sequence)));
  }
  media::BatchHeader header;
  header.stream_id = spec.stream_id;
  header.epoch = spec.epoch;
  header.track_set_version = spec.version;
  header.flags = spec.random_access ? media::kBatchRandomAccess : 0u;
  std::vector<uint8_t> bytes(media::EncodedBatchSize(frames));
  media::EncodeBatch(header, frames, bytes);
  return {media::Payload::FromVector(std::move(bytes)), true};
}

// What one connection received: an envelope, or a batch.
struct Received {
  std::optional<v1::Envelope> control;
  media::BatchHeader media{};
  SharedBatch batch;
  bool is_media() const { return !control.has_value(); }
};

class TableWorld : public Outbox, public Observer {
 public:
  static constexpr int64_t kMs = 1'000'000;

  explicit TableWorld(Options options = {}) { Restart(std::move(options)); }

  // A new router instance that knows nothing.
  void Restart(Options options = {}) {
    // The tests' GOPs are shorter than what is held in any case; they are to see them go.
    if (options.min_retention_ms == Options{}.min_retention_ms) options.min_retention_ms = 0;
    options.incarnation = ++incarnation_;
    table_ = std::make_unique<Table>(std::move(options), *this, now, this);
  }
  Table& table() { return *table_; }

  void SendControl(ConnectionId connection, const v1::Envelope& envelope) override {
    Received received;
    received.control = envelope;
    received_[connection].push_back(std::move(received));
  }
  void SendMedia(ConnectionId connection, const SharedBatch& batch) override {
    Received received;
    received.media = media::DecodeBatchHeader(batch.bytes.bytes()).value();
    received.batch = batch;
    received_[connection].push_back(std::move(received));
  }
  void OnEvent(const Event& event) override { events.emplace_back(event.kind, event.detail); }
  void OnStreamChanged(const std::string& name) override { changed.push_back(name); }
  void OnStreamGone(const std::string& name) override { gone.push_back(name); }

  // Runs every deadline on the way.
  void Advance(int64_t ms) {
    const int64_t until = now.mono_ns + ms * kMs;
    while (table_->NextDeadline() <= until) {
      const int64_t step = std::max<int64_t>(0, table_->NextDeadline() - now.mono_ns);
      now.mono_ns += step;
      now.wall_ns += step;
      table_->OnTimer(now);
    }
    now.wall_ns += until - now.mono_ns;
    now.mono_ns = until;
  }
  // As Advance, while the named nodes go on to ping.
  void AdvanceAlive(int64_t ms, const std::vector<ConnectionId>& leases) {
    for (int64_t passed = 0; passed < ms; passed += 500) {
      for (const ConnectionId lease : leases) {
        v1::Envelope ping;
        ping.mutable_ping()->set_number(1);
        table_->OnControl(lease, ping, now);
        received_[lease].clear();
      }
      Advance(std::min<int64_t>(500, ms - passed));
    }
  }

  std::deque<Received>& inbox(ConnectionId connection) { return received_[connection]; }
  std::deque<Received> Take(ConnectionId connection) {
    return std::exchange(received_[connection], {});
  }
  void ClearInboxes() { received_.clear(); }

  void Control(ConnectionId from, const v1::Envelope& envelope) {
    table_->OnControl(from, envelope, now);
  }
  void Media(ConnectionId from, const BatchSpec& spec) {
    table_->OnMedia(from, MakeBatch(spec), now);
  }

  void Hello(ConnectionId from, const std::string& node, uint64_t incarnation = 1,
             v1::Channel channel = v1::CHANNEL_MEDIA) {
    v1::Envelope envelope;
    envelope.mutable_hello()->set_node(node);
    envelope.mutable_hello()->set_incarnation(incarnation);
    envelope.mutable_hello()->set_channel(channel);
    envelope.mutable_hello()->set_protocol_version(1);
    Control(from, envelope);
  }
  // Media on `media`, lease on media + 1000.
  void Attach(ConnectionId media, const std::string& node, uint64_t incarnation = 1) {
    Hello(media, node, incarnation, v1::CHANNEL_MEDIA);
    Hello(media + 1000, node, incarnation, v1::CHANNEL_LEASE);
    received_[media].clear();
    received_[media + 1000].clear();
  }

  void Publish(ConnectionId from, const v1::Publish& publish) {
    v1::Envelope envelope;
    *envelope.mutable_publish() = publish;
    Control(from, envelope);
  }
  static v1::Publish PublishOf(uint64_t request, const std::string& stream = "live/a") {
    v1::Publish publish;
    publish.set_request_id(request);
    publish.set_stream(stream);
    publish.set_policy(v1::PUBLISH_POLICY_REPLACE);
    publish.set_grace_ms(15'000);
    publish.set_session("rtmp-1-1");
    return publish;
  }
  // Publishes, takes the grant and sends track set 1.
  v1::PublishGrant Granted(ConnectionId from, uint64_t request,
                           const std::string& stream = "live/a") {
    Publish(from, PublishOf(request, stream));
    v1::PublishGrant grant = Last(from).publish_grant();
    Tracks(from, grant, 1, 1);
    return grant;
  }
  void Tracks(ConnectionId from, const v1::PublishGrant& grant, uint32_t version, uint64_t first) {
    v1::Envelope envelope;
    v1::TrackSetUpdate& tracks = *envelope.mutable_track_set();
    tracks.set_stream_id(grant.stream_id());
    tracks.set_epoch(grant.epoch());
    tracks.set_version(version);
    tracks.set_first_sequence(first);
    v1::TrackInfo& track = *tracks.add_tracks();
    track.set_id(1);
    track.set_kind(1);
    track.set_codec(1);
    track.set_width(1280);
    Control(from, envelope);
  }
  void Send(ConnectionId from, const v1::PublishGrant& grant, uint64_t first, uint32_t count = 1,
            bool random_access = false, size_t payload = 100, uint32_t version = 1) {
    Media(from, {.stream_id = grant.stream_id(),
                 .epoch = grant.epoch(),
                 .first = first,
                 .count = count,
                 .random_access = random_access,
                 .version = version,
                 .payload = payload,
                 .dts_ns = static_cast<int64_t>(first) * 40'000'000});
  }
  void Unpublish(ConnectionId from, const v1::PublishGrant& grant, bool lost) {
    v1::Envelope envelope;
    envelope.mutable_unpublish()->set_stream_id(grant.stream_id());
    envelope.mutable_unpublish()->set_epoch(grant.epoch());
    envelope.mutable_unpublish()->set_request_id(grant.request_id());
    envelope.mutable_unpublish()->set_lost(lost);
    Control(from, envelope);
  }

  static v1::Subscribe SubscribeOf(uint64_t request, const std::string& stream = "live/a") {
    v1::Subscribe subscribe;
    subscribe.set_request_id(request);
    subscribe.set_stream(stream);
    subscribe.set_start(v1::START_RANDOM_ACCESS);
    subscribe.set_credit_limit(32u << 20);
    return subscribe;
  }
  static v1::Subscribe AfterOf(uint64_t request, uint64_t epoch, uint64_t sequence) {
    v1::Subscribe subscribe = SubscribeOf(request);
    subscribe.set_start(v1::START_AFTER);
    subscribe.mutable_after()->set_epoch(epoch);
    subscribe.mutable_after()->set_last_sequence(sequence);
    return subscribe;
  }
  void Subscribe(ConnectionId from, const v1::Subscribe& subscribe) {
    v1::Envelope envelope;
    *envelope.mutable_subscribe() = subscribe;
    Control(from, envelope);
  }
  void Credit(ConnectionId from, uint64_t stream_id, uint64_t request, uint64_t limit) {
    v1::Envelope envelope;
    envelope.mutable_credit()->set_stream_id(stream_id);
    envelope.mutable_credit()->set_request_id(request);
    envelope.mutable_credit()->set_limit(limit);
    Control(from, envelope);
  }

  // The last control message to a connection; empty where it received none.
  v1::Envelope Last(ConnectionId connection) {
    const auto& all = received_[connection];
    for (auto message = all.rbegin(); message != all.rend(); ++message) {
      if (!message->is_media()) return *message->control;
    }
    return {};
  }
  // What a connection received since the last call, one word a message: "tracks1", "3-4" for media,
  // "skip(5-9 credit)", "ended(UNPUBLISHED)", "grant", … Marks and acknowledgements are left out.
  std::string Story(ConnectionId connection);

  Time now{.mono_ns = 1'000'000'000, .wall_ns = 1'700'000'000'000 * kMs};
  std::vector<std::pair<EventKind, std::string>> events;
  std::vector<std::string> changed;
  std::vector<std::string> gone;

 private:
  std::unique_ptr<Table> table_;
  std::map<ConnectionId, std::deque<Received>> received_;
  uint64_t incarnation_ = 100;
};

}  // namespace millrace::router
