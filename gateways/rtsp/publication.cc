#include "gateways/rtsp/publication.h"

#include <utility>

#include "runtime/node/logins.h"
#include "runtime/node/session_shard.h"

namespace millrace::rtsp {
namespace {

using std::chrono::milliseconds;

}  // namespace

Publication::Publication(node::Node& node, boost::asio::io_context& shard,
                         PublicationOptions options, stream::IngestObserver& observer)
    : node_(node),
      stream_(std::move(options.stream)),
      configuration_(node.configuration()),
      settings_(node.settings(stream_)),
      receiver_(options.sources, {.datagrams = options.datagrams, .ssrc = options.ssrc}),
      last_media_(std::chrono::steady_clock::now()) {
  node::ForgetLogins(settings_);
  stream::IngestOptions ingest;
  ingest.stream = stream_;
  ingest.session = std::move(options.session);
  ingest.protocol = "rtsp";
  ingest.settings = settings_;
  ingest_ = stream::Ingest::Start(node.bus(), node.shards(), shard, node.metrics(),
                                  std::move(ingest), observer);
  for (media::Track& track : receiver_.Tracks()) ingest_->SetTrack(std::move(track));
}

absl::Status Publication::OnPacket(size_t media, bool rtcp, const media::Payload& packet,
                                   TimePoint now) {
  items_.clear();
  const absl::Status status =
      receiver_.OnPacket(media, rtcp, packet, node::NanosecondsOf(now), items_);
  Push(now);
  return status;
}

void Publication::OnTimer(TimePoint now) {
  items_.clear();
  receiver_.OnTimer(node::NanosecondsOf(now), items_);
  Push(now);
}

std::vector<uint8_t> Publication::Report(size_t media, TimePoint now) {
  return receiver_.Report(media, node::NanosecondsOf(now));
}

void Publication::Push(TimePoint now) {
  if (!items_.empty()) last_media_ = now;
  ingest_->Take(items_);
}

void Publication::CountLosses() {
  const Receiver::Counters now = receiver_.counters();
  const auto count = [this](const char* name, const char* help, uint64_t before, uint64_t after) {
    if (after == before) return;
    node_.metrics()
        .Counter(name, help, {{"protocol", "rtsp"}})
        .Increment(static_cast<double>(after - before));
  };
  count("millrace_rtp_lost_packets_total", "Packets of publishers that never came, or too late.",
        counted_.lost, now.lost);
  count("millrace_rtp_reordered_packets_total",
        "Packets of publishers that came behind later ones, but in time.", counted_.reordered,
        now.reordered);
  count("millrace_rtp_damaged_units_total",
        "Frames of publishers that were dropped for want of a packet.", counted_.damaged,
        now.damaged);
  count("millrace_rtp_undecodable_units_total",
        "Frames of publishers that were dropped because they refer to damaged ones.",
        counted_.undecodable, now.undecodable);
  counted_ = now;
}

bool Publication::IdleAt(TimePoint now) {
  CountLosses();
  if (auto configuration = node_.configuration(); configuration != configuration_) {
    configuration_ = std::move(configuration);
    settings_ = node_.settings(stream_);
    node::ForgetLogins(settings_);
    ingest_->SetSettings(settings_);
  }
  return now - last_media_ >= milliseconds(settings_.publish_idle_timeout());
}

}  // namespace millrace::rtsp
