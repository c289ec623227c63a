// The bus client's own work for each batch, without sockets: encode, decode, publish into the
// replay window, deliver to a subscription.

#include <benchmark/benchmark.h>

#include <cstring>
#include <memory>
#include <vector>

#include "media/frame/batch.h"
#include "runtime/bus/client_core.h"
#include "runtime/bus/control.h"
#include "runtime/bus/convert.h"

namespace millrace::bus {
namespace {

// A video frame of the given size and two of audio behind it, as they go out together.
std::vector<media::Frame> MakeFrames(size_t video_bytes) {
  std::vector<media::Frame> frames(3);
  for (size_t i = 0; i < frames.size(); ++i) {
    frames[i].track = i == 0 ? 1 : 2;
    frames[i].sequence = i + 1;
    frames[i].duration_ns = 20'000'000;
    frames[i].payload =
        media::Payload::FromVector(std::vector<uint8_t>(i == 0 ? video_bytes : 340, 7));
  }
  return frames;
}

media::Payload Encode(const std::vector<media::Frame>& frames, uint64_t epoch) {
  media::BatchHeader header{.stream_id = 77, .epoch = epoch};
  header.track_set_version = 1;
  header.flags = media::kBatchRandomAccess;
  std::vector<uint8_t> bytes(media::EncodedBatchSize(frames));
  media::EncodeBatch(header, frames, bytes);
  return media::Payload::FromVector(std::move(bytes));
}

void BM_Encode(benchmark::State& state) {
  const std::vector<media::Frame> frames = MakeFrames(static_cast<size_t>(state.range(0)));
  const size_t size = media::EncodedBatchSize(frames);
  for (auto _ : state) {
    BatchRef batch = BatchRef::Allocate(size);
    media::EncodeBatch({}, frames, batch.writable());
    benchmark::DoNotOptimize(batch.data());
  }
  state.SetBytesProcessed(static_cast<int64_t>(size) * state.iterations());
}
BENCHMARK(BM_Encode)->Arg(300)->Arg(9'000)->Arg(60'000);

void BM_Decode(benchmark::State& state) {
  const media::Payload message = Encode(MakeFrames(static_cast<size_t>(state.range(0))), 5);
  for (auto _ : state) {
    auto frames = media::DecodeBatch(message);
    benchmark::DoNotOptimize(frames->data());
  }
  state.SetBytesProcessed(static_cast<int64_t>(message.size()) * state.iterations());
}
BENCHMARK(BM_Decode)->Arg(300)->Arg(9'000)->Arg(60'000);

// Takes everything, grants everything.
class FreeNetwork : public Network {
 public:
  void Open(LinkId opened, const std::string&) override { link = opened; }
  void Close(LinkId) override {}
  bool SendControl(LinkId, v1::Channel, const v1::Envelope& message) override {
    if (message.has_publish()) request = message.publish().request_id();
    if (message.has_subscribe()) request = message.subscribe().request_id();
    return true;
  }
  bool SendMedia(LinkId, const BatchRef& batch) override {
    benchmark::DoNotOptimize(batch.data());
    return true;
  }
  void OnDeadline(int64_t) override {}
  LinkId link = 0;
  uint64_t request = 0;
};

struct Silent : PublicationObserver, SubscriptionObserver {
  void OnGranted(const Grant&) override {}
  void OnRefused(v1::RefusalReason, const std::string&) override {}
  void OnTracks(uint64_t, const media::TrackSet&) override {}
  void OnFrames(uint64_t, bool, std::vector<media::Frame> frames) override {
    delivered += frames.size();
  }
  void OnSkipped(const Skip&) override {}
  void OnEnded(v1::EndReason, const std::string&) override {}
  uint64_t delivered = 0;
};

class Node {
 public:
  Node() {
    v1::Topology topology;
    topology.set_term(1);
    topology.add_endpoints("tcp://a:1");
    core.SetTopology(topology);
    core.OnConnected(network.link, v1::CHANNEL_MEDIA, now);
    v1::Envelope welcome;
    welcome.mutable_welcome()->set_router_incarnation(1);
    core.OnControl(network.link, v1::CHANNEL_MEDIA, welcome, now);
  }
  void Say(const v1::Envelope& message) {
    core.OnControl(network.link, v1::CHANNEL_MEDIA, message, now);
  }

  Instant now{1'000'000'000, 0};
  FreeNetwork network;
  Silent observer;
  ClientCore core{{.node = "n", .incarnation = 1}, network, [this] { return now; }};
};

media::TrackSet Tracks() {
  media::TrackSet tracks{.version = 1, .tracks = {}};
  tracks.tracks.push_back({.id = 1, .kind = media::TrackKind::kVideo});
  tracks.tracks.push_back({.id = 2, .kind = media::TrackKind::kAudio});
  return tracks;
}

// Publication::Send: encode, replay window, hand over to the network.
void BM_Publish(benchmark::State& state) {
  Node node;
  const auto publication = node.core.Publish("live/a", {}, node.observer);
  v1::Envelope grant;
  grant.mutable_publish_grant()->set_request_id(node.network.request);
  grant.mutable_publish_grant()->set_stream_id(77);
  grant.mutable_publish_grant()->set_epoch(5);
  grant.mutable_publish_grant()->set_credit_limit(UINT64_MAX);
  node.Say(grant);
  publication->SetTracks(Tracks());
  std::vector<media::Frame> frames = MakeFrames(static_cast<size_t>(state.range(0)));
  uint64_t sequence = 0;
  uint64_t batches = 0;
  for (auto _ : state) {
    node.now.mono_ns += 40'000'000;
    for (media::Frame& frame : frames) frame.sequence = ++sequence;
    frames[0].flags = batches++ % 50 == 0 ? media::kClosedRandomAccess : 0;
    publication->Send(frames);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Publish)->Arg(9'000);

// ClientCore::OnMedia: find the subscription, check, decode, deliver. Includes making the message.
void BM_Deliver(benchmark::State& state) {
  Node node;
  const auto subscription = node.core.Subscribe("live/a", {}, node.observer);
  v1::Envelope grant;
  grant.mutable_subscribe_grant()->set_request_id(node.network.request);
  grant.mutable_subscribe_grant()->set_stream_id(77);
  node.Say(grant);
  v1::Envelope tracks;
  tracks.mutable_track_set()->set_stream_id(77);
  tracks.mutable_track_set()->set_epoch(5);
  SetTracks(Tracks(), *tracks.mutable_track_set());
  node.Say(tracks);
  std::vector<media::Frame> frames = MakeFrames(static_cast<size_t>(state.range(0)));
  uint64_t sequence = 0;
  for (auto _ : state) {
    for (media::Frame& frame : frames) frame.sequence = ++sequence;
    node.core.OnMedia(node.network.link, Encode(frames, 5), node.now);
  }
  if (node.observer.delivered != sequence) state.SkipWithError("frames were not delivered");
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Deliver)->Arg(9'000);

void BM_ControlRoundTrip(benchmark::State& state) {
  v1::Envelope envelope;
  envelope.set_term(1);
  envelope.mutable_credit()->set_stream_id(77);
  envelope.mutable_credit()->set_request_id(1 << 24);
  envelope.mutable_credit()->set_limit(1 << 25);
  for (auto _ : state) {
    const std::string message = EncodeControl(envelope);
    benchmark::DoNotOptimize(DecodeControl(media::AsBytes(message)));
  }
}
BENCHMARK(BM_ControlRoundTrip);

}  // namespace
}  // namespace millrace::bus
