#include "gateways/rtsp/multicast.h"

#include <algorithm>
#include <boost/asio/ip/multicast.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <utility>

#include "gateways/rtsp/crypto.h"
#include "runtime/node/logins.h"

namespace millrace::rtsp {
namespace {

namespace asio = boost::asio;
using asio::ip::address_v4;

// All groups of a gateway are sent from one shard.
constexpr size_t kShard = 0;

std::optional<asio::ip::network_v4> ParseNetwork(const std::string& text) {
  boost::system::error_code error;
  const bool has_prefix = text.find('/') != std::string::npos;
  const auto network = asio::ip::make_network_v4(has_prefix ? text : text + "/32", error);
  if (error) return std::nullopt;
  return network;
}

}  // namespace

MulticastGroup::MulticastGroup(node::Node& node, UdpPorts& ports, MulticastRequest request,
                               address_v4 address, const Settings& settings)
    : node_(node),
      ports_(ports),
      request_(std::move(request)),
      address_(address),
      port_(static_cast<uint16_t>(settings.multicast_port() & ~1u)),
      ttl_(static_cast<uint8_t>(settings.multicast_ttl())),
      range_(ParsePortRange(settings.udp_ports())) {}

MulticastGroup::~MulticastGroup() {
  End("stopped");
  if (release_) release_();
}

void MulticastGroup::Play(std::function<void(const std::string&)> on_end) {
  asio::post(node_.shards().at(kShard),
             [self = shared_from_this(), on_end = std::move(on_end)]() mutable {
               if (self->over_) return on_end("stream_ended");
               self->on_end_.push_back(std::move(on_end));
               if (self->viewer_ == nullptr) self->Begin();
             });
}

void MulticastGroup::Begin() {
  asio::io_context& context = node_.shards().at(kShard);
  auto pair = range_ ? ports_.Open(context, request_.local, *range_) : nullptr;
  if (pair == nullptr) return End("no_ports");
  for (UdpPair::Socket* socket : {&pair->rtp(), &pair->rtcp()}) {
    boost::system::error_code error;
    socket->set_option(asio::ip::multicast::hops(ttl_), error);
    if (!error && request_.local.is_v4()) {
      socket->set_option(asio::ip::multicast::outbound_interface(request_.local.to_v4()), error);
    }
    if (error) return End("no_multicast");
  }
  std::vector<UdpDestination> destinations;
  for (size_t i = 0; i < request_.tracks.size(); ++i) {
    const uint16_t port = PortOf(i);
    destinations.push_back({request_.tracks[i].channel,
                            {address_, port},
                            {address_, static_cast<uint16_t>(port + 1)}});
  }
  sink_ = std::make_unique<UdpSink>(std::move(pair), std::move(destinations));
  no_connection_ = std::make_unique<transport::Transport>(asio::ip::tcp::socket(context));
  v1::Session row;
  row.set_protocol("rtsp");
  row.set_role(v1::ROLE_VIEWER);
  row.set_stream(request_.stream);
  row.set_address(address() + ":" + std::to_string(port_));
  row.set_user_agent("multicast");
  record_ = node_.sessions().Open(std::move(row),
                                  [weak = weak_from_this(), &context](const rpc::KickOrder&) {
                                    asio::post(context, [weak] {
                                      if (const auto self = weak.lock()) self->End("kicked");
                                    });
                                  });
  stream::ViewerOptions options;
  options.stream = request_.stream;
  options.protocol = "rtsp";
  options.settings = node_.settings(request_.stream);
  node::ForgetLogins(options.settings);
  options.sink = sink_.get();
  options.lane = LaneOf(request_.tracks, OpenSslRandom);
  viewer_ = node_.feeds().View(kShard, *no_connection_, std::move(options), record_, *this);
  node_.logger().Info(
      "sending to a group",
      {{"session", record_->id()}, {"stream", request_.stream}, {"group", address()}});
}

void MulticastGroup::OnPlace(const stream::ViewerStart& start) {
  const auto& unit = static_cast<const RtspUnit&>(start.unit);
  for (const PlayedTrack& track : request_.tracks) {
    if (const RtspUnit::Line* line = unit.Find(track.channel)) {
      sink_->SetSsrc(line->channel, line->ssrc);
    }
  }
}

void MulticastGroup::OnEnded(stream::ViewerEnd end, const std::string&) {
  End(stream::ViewerEndName(end));
}

void MulticastGroup::End(const char* reason) {
  if (over_.exchange(true)) return;
  viewer_.reset();
  if (sink_ != nullptr) sink_->SayBye();
  if (record_ != nullptr) node_.sessions().Close(*record_, reason);
  record_.reset();
  for (const auto& on_end : std::exchange(on_end_, {})) on_end(reason);
}

std::shared_ptr<MulticastGroup> Multicast::Join(MulticastRequest request,
                                                const MulticastGroup::Settings& settings) {
  const std::string key =
      request.stream + '\n' + request.local.to_string() + '\n' + LaneKey(request.tracks);
  const std::lock_guard lock(mutex_);
  std::erase_if(groups_, [](const auto& entry) { return entry.second.expired(); });
  if (const auto found = groups_.find(key); found != groups_.end()) {
    if (auto group = found->second.lock(); group != nullptr && !group->over()) return group;
  }
  const auto address = TakeAddress(settings.multicast_groups(), request.stream);
  if (!address) return nullptr;
  // Whoever lets go of it last may be on any shard.
  auto made =
      std::make_unique<MulticastGroup>(node_, ports_, std::move(request), *address, settings);
  made->release_ = [taken = taken_, number = address->to_uint()] {
    const std::lock_guard taken_lock(taken->mutex);
    taken->addresses.erase(number);
  };
  std::shared_ptr<MulticastGroup> group(
      made.release(), [&context = node_.shards().at(kShard)](MulticastGroup* last) {
        asio::post(context, [owned = std::unique_ptr<MulticastGroup>(last)] {});
      });
  groups_[key] = group;
  return group;
}

// The same stream is given the same address where it is free: who forgot to leave a group sees no
// other stream.
std::optional<address_v4> Multicast::TakeAddress(const std::string& groups,
                                                 const std::string& stream) {
  const auto network = ParseNetwork(groups);
  if (!network) return std::nullopt;
  const uint32_t first = network->network().to_uint();
  const uint64_t count = uint64_t{1} << (32 - network->prefix_length());
  const uint64_t start = std::hash<std::string>{}(stream);
  const std::lock_guard lock(taken_->mutex);
  // Not more tries than could fail.
  for (uint64_t i = 0; i < std::min<uint64_t>(count, taken_->addresses.size() + 1); ++i) {
    const auto number = static_cast<uint32_t>(first + (start + i) % count);
    if (taken_->addresses.insert(number).second) return address_v4(number);
  }
  return std::nullopt;
}

}  // namespace millrace::rtsp
