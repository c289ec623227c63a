#include "gateways/rtsp/udp_pair.h"

#include <charconv>
#include <utility>

namespace millrace::rtsp {
namespace {

using boost::asio::ip::udp;

std::optional<uint16_t> ParsePort(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

bool Bind(udp::socket& socket, const boost::asio::ip::address& local, uint16_t port) {
  boost::system::error_code error;
  const udp::endpoint endpoint(local, port);
  socket.open(endpoint.protocol(), error);
  if (!error) socket.bind(endpoint, error);
  if (!error) socket.native_non_blocking(true, error);
  if (!error) return true;
  boost::system::error_code ignored;
  socket.close(ignored);
  return false;
}

}  // namespace

std::optional<PortRange> ParsePortRange(std::string_view text) {
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = ParsePort(text.substr(0, dash));
  const auto last = ParsePort(text.substr(dash + 1));
  if (!first || !last || *first == 0 || *first >= 65'534) return std::nullopt;
  const auto even = static_cast<uint16_t>(*first + *first % 2);
  if (even + 1 > *last) return std::nullopt;
  return PortRange{even, *last};
}

UdpPair::~UdpPair() {
  if (port_ == 0) return;
  const std::lock_guard lock(taken_->mutex);
  taken_->ports.erase(port_);
}

std::shared_ptr<UdpPair> UdpPorts::Open(boost::asio::io_context& context,
                                        const boost::asio::ip::address& local,
                                        const PortRange& range) {
  const int pairs = (range.last - range.first + 1) / 2;
  std::shared_ptr<UdpPair> pair(new UdpPair(context, taken_));
  for (int i = 0; i < pairs; ++i) {
    uint16_t port = 0;
    {
      const std::lock_guard lock(taken_->mutex);
      port = taken_->next;
      if (port < range.first || port + 1 > range.last) port = range.first;
      taken_->next = static_cast<uint16_t>(port + 2);
      if (!taken_->ports.insert(port).second) continue;
    }
    if (Bind(pair->rtp_, local, port) &&
        Bind(pair->rtcp_, local, static_cast<uint16_t>(port + 1))) {
      pair->port_ = port;
      return pair;
    }
    // Somebody else has one of them.
    boost::system::error_code ignored;
    pair->rtp_.close(ignored);
    const std::lock_guard lock(taken_->mutex);
    taken_->ports.erase(port);
  }
  return nullptr;
}

}  // namespace millrace::rtsp
