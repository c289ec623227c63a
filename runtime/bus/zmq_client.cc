#include "runtime/bus/zmq_client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <utility>

#include "runtime/bus/client_core.h"
#include "runtime/bus/control.h"
#include "runtime/bus/zmq_dealer.h"
#include "runtime/metrics/registry.h"

namespace millrace::bus {
namespace {

// A smaller message received from ZeroMQ may keep a whole receive buffer of about this size alive.
constexpr size_t kHoldWholeBytes = 8 * 1024;
// For goodbyes that were said just before the end of the process.
constexpr int kFarewellMs = 300;

Instant Now() {
  using std::chrono::duration_cast;
  using std::chrono::nanoseconds;
  const auto mono = std::chrono::steady_clock::now().time_since_epoch();
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  return {.mono_ns = duration_cast<nanoseconds>(mono).count(),
          .wall_ns = duration_cast<nanoseconds>(wall).count()};
}

media::Payload HoldMessage(zmq::message_t message) {
  const auto* data = static_cast<const uint8_t*>(message.data());
  const size_t size = message.size();
  if (size < kHoldWholeBytes) {
    const std::shared_ptr<uint8_t[]> copy = std::make_shared_for_overwrite<uint8_t[]>(size);
    std::copy_n(data, size, copy.get());
    return {copy, media::Bytes(copy.get(), size)};
  }
  auto owner = std::make_shared<zmq::message_t>(std::move(message));
  data = static_cast<const uint8_t*>(owner->data());
  return {std::move(owner), media::Bytes(data, size)};
}

class Meters {
 public:
  explicit Meters(metrics::Registry& registry)
      : reconnects_(registry.Counter("millrace_bus_reconnects_total",
                                     "Connections to a router that had to be made again.")),
        gaps_(
            registry.Counter("millrace_bus_sequence_gaps_total",
                             "Frames missing on the bus without notice; each is asked for again.")),
        in_(registry.Counter("millrace_bus_messages_total", "Messages on the bus.",
                             {{"direction", "in"}})),
        out_(registry.Counter("millrace_bus_messages_total", "Messages on the bus.",
                              {{"direction", "out"}})),
        lost_(registry.Counter("millrace_frames_dropped_total",
                               "Frames that were not delivered, by reason.",
                               {{"reason", "replay_overflow"}})),
        replay_(registry.Gauge("millrace_queue_bytes", "Bytes waiting in a queue.",
                               {{"queue", "replay"}})),
        replay_limit_(registry.Gauge("millrace_queue_limit_bytes",
                                     "Bytes that may wait in a queue.", {{"queue", "replay"}})),
        delay_(registry.Histogram("millrace_hop_delay_seconds",
                                  "Delay that one hop added, sampled once a batch.",
                                  metrics::DelayBounds(), {{"hop", "router_to_gateway"}})) {}

  void Publish(ClientStats& stats) {
    Raise(reconnects_, stats.reconnects, last_.reconnects);
    Raise(gaps_, stats.sequence_gaps, last_.sequence_gaps);
    Raise(in_, stats.messages_in, last_.messages_in);
    Raise(out_, stats.messages_out, last_.messages_out);
    Raise(lost_, stats.lost_frames, last_.lost_frames);
    replay_.Set(static_cast<double>(stats.replay_bytes));
    replay_limit_.Set(static_cast<double>(stats.replay_limit));
    for (const double delay : stats.router_delay_seconds) delay_.Observe(delay);
    stats.router_delay_seconds.clear();
  }

 private:
  static void Raise(prometheus::Counter& counter, uint64_t now, uint64_t& last) {
    if (now != last) counter.Increment(static_cast<double>(now - last));
    last = now;
  }

  prometheus::Counter& reconnects_;
  prometheus::Counter& gaps_;
  prometheus::Counter& in_;
  prometheus::Counter& out_;
  prometheus::Counter& lost_;
  prometheus::Gauge& replay_;
  prometheus::Gauge& replay_limit_;
  prometheus::Histogram& delay_;
  ClientStats last_;
};

class ZmqClient final : public Client, private Network {
 public:
  ZmqClient(boost::asio::io_context& home, ClientOptions options, metrics::Registry& metrics)
      : home_(home),
        timer_(home),
        meters_(metrics),
        core_({.node = std::move(options.node), .incarnation = options.incarnation}, *this, Now) {
    if (options.endpoints.empty()) return;
    v1::Topology topology;
    for (std::string& endpoint : options.endpoints) topology.add_endpoints(std::move(endpoint));
    core_.SetTopology(topology);
  }

  ~ZmqClient() override {
    for (auto& [id, link] : links_) {
      link.media->Close(kFarewellMs);
      link.lease->Close(0);
    }
    timer_.cancel();
  }

  void SetTopology(const v1::Topology& topology) override { core_.SetTopology(topology); }
  std::unique_ptr<Publication> Publish(std::string_view stream, PublishOptions options,
                                       PublicationObserver& observer) override {
    return core_.Publish(stream, std::move(options), observer);
  }
  std::unique_ptr<Subscription> Subscribe(std::string_view stream, SubscribeOptions options,
                                          SubscriptionObserver& observer) override {
    return core_.Subscribe(stream, options, observer);
  }
  bool connected() const override { return core_.connected(); }

 private:
  struct Sockets {
    std::shared_ptr<ZmqDealer> media;
    std::shared_ptr<ZmqDealer> lease;
  };

  void Open(LinkId id, const std::string& endpoint) override {
    Sockets& link = links_[id];
    link.media = MakeDealer(id, v1::CHANNEL_MEDIA);
    link.lease = MakeDealer(id, v1::CHANNEL_LEASE);
    // An endpoint that cannot be connected to stays unconnected; connected() says so.
    link.media->Connect(endpoint);
    link.lease->Connect(endpoint);
  }

  std::shared_ptr<ZmqDealer> MakeDealer(LinkId id, v1::Channel channel) {
    ZmqDealer::Handlers handlers;
    handlers.on_message = [this, id, channel](zmq::message_t message) {
      OnMessage(id, channel, std::move(message));
    };
    handlers.on_connection = [this, id, channel](bool connected) {
      if (connected) {
        core_.OnConnected(id, channel, Now());
      } else {
        core_.OnDisconnected(id, channel, Now());
      }
    };
    return std::make_shared<ZmqDealer>(home_, context_, std::move(handlers));
  }

  void Close(LinkId id) override {
    const auto it = links_.find(id);
    if (it == links_.end()) return;
    it->second.media->Close(kFarewellMs);
    it->second.lease->Close(0);
    links_.erase(it);
  }

  bool SendControl(LinkId id, v1::Channel channel, const v1::Envelope& message) override {
    const Sockets& link = links_.at(id);
    return (channel == v1::CHANNEL_LEASE ? link.lease : link.media)->Send(EncodeControl(message));
  }

  bool SendMedia(LinkId id, const BatchRef& batch) override {
    return links_.at(id).media->Send(batch);
  }

  void OnMessage(LinkId id, v1::Channel channel, zmq::message_t message) {
    const media::Bytes bytes(static_cast<const uint8_t*>(message.data()), message.size());
    switch (KindOfMessage(bytes)) {
      case MessageKind::kMedia:
        if (channel == v1::CHANNEL_MEDIA) core_.OnMedia(id, HoldMessage(std::move(message)), Now());
        return;
      case MessageKind::kControl:
        if (const std::optional<v1::Envelope> envelope = DecodeControl(bytes)) {
          core_.OnControl(id, channel, *envelope, Now());
        }
        return;
      case MessageKind::kUnknown:
        return;
    }
  }

  void OnDeadline(int64_t deadline_ns) override {
    if (deadline_ns < armed_ns_) Arm(deadline_ns);
  }

  void Arm(int64_t deadline_ns) {
    armed_ns_ = deadline_ns;
    if (deadline_ns == kNever) return;
    const auto at = std::chrono::steady_clock::time_point(std::chrono::nanoseconds(deadline_ns));
    timer_.expires_at(at);
    timer_.async_wait(
        [this, alive = std::weak_ptr<bool>(alive_)](const boost::system::error_code& error) {
          if (!error && !alive.expired()) OnTimer();
        });
  }

  void OnTimer() {
    armed_ns_ = kNever;
    core_.OnTimer(Now());
    for (auto& [id, link] : links_) {
      link.media->Check();
      link.lease->Check();
    }
    meters_.Publish(core_.stats());
    Arm(core_.NextDeadline());
  }

  boost::asio::io_context& home_;
  zmq::context_t context_{1};
  boost::asio::steady_timer timer_;
  int64_t armed_ns_ = kNever;
  // A timer that has expired cannot be cancelled any more: its handler looks whether we are still
  // here.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::map<LinkId, Sockets> links_;
  Meters meters_;
  ClientCore core_;
};

}  // namespace

std::unique_ptr<Client> MakeZmqClient(boost::asio::io_context& home, ClientOptions options,
                                      metrics::Registry& metrics) {
  return std::make_unique<ZmqClient>(home, std::move(options), metrics);
}

}  // namespace millrace::bus
