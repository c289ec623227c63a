#include "runtime/transport/arrival.h"

#include <algorithm>
#include <array>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <utility>

#include "media/base/fault.h"
#include "runtime/net/proxy_header.h"

namespace millrace::transport {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// Cancels what a transport waits for when the time is over.
class Deadline {
 public:
  Deadline(Transport& transport, std::chrono::milliseconds time)
      : timer_(transport.socket().get_executor(), time),
        state_(std::make_shared<State>(State{&transport})) {
    timer_.async_wait([state = state_](const boost::system::error_code& error) {
      if (error || state->transport == nullptr) return;
      state->over = true;
      state->transport->Cancel();
    });
  }
  ~Deadline() { state_->transport = nullptr; }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  bool over() const { return state_->over; }

 private:
  struct State {
    Transport* transport;  // unset once nobody waits any more
    bool over = false;
  };
  asio::steady_timer timer_;
  const std::shared_ptr<State> state_;
};

// Reads no more than the header: what follows is TLS's or the protocol's.
asio::awaitable<absl::StatusOr<net::ProxyHeader>> ReadHeader(Transport& transport,
                                                             const Deadline& deadline) {
  net::ProxyHeaderReader reader;
  std::array<uint8_t, 512> buffer;
  while (true) {
    const size_t wanted = std::min(buffer.size(), reader.wanted());
    const auto [error, size] = co_await transport.Read(std::span(buffer).first(wanted));
    if (deadline.over()) co_return media::Fault("proxy_timeout");
    if (error) co_return absl::CancelledError("closed before the PROXY header was there");
    media::Bytes bytes(buffer.data(), size);
    auto header = reader.Consume(bytes);
    if (!header.ok()) co_return header.status();
    if (header->has_value()) co_return **header;
  }
}

}  // namespace

net::Endpoint PeerOf(const tcp::socket& socket) {
  boost::system::error_code error;
  const tcp::endpoint peer = socket.remote_endpoint(error);
  const asio::ip::address address = peer.address();
  net::Endpoint endpoint;
  endpoint.port = peer.port();
  if (address.is_v6()) {
    endpoint.address.bytes = address.to_v6().to_bytes();
  } else {
    endpoint.address.bytes =
        asio::ip::make_address_v6(asio::ip::v4_mapped, address.to_v4()).to_bytes();
  }
  return endpoint;
}

asio::awaitable<absl::StatusOr<Arrived>> Arrive(tcp::socket socket, ArrivalOptions options) {
  Arrived arrived;
  arrived.client = PeerOf(socket);
  arrived.transport = std::make_unique<Transport>(std::move(socket));
  const bool balanced = net::IsInside(arrived.client.address, options.balancers);
  if (!balanced && options.certificate == nullptr) co_return std::move(arrived);

  const Deadline deadline(*arrived.transport, options.timeout);
  if (balanced) {
    auto header = co_await ReadHeader(*arrived.transport, deadline);
    if (!header.ok()) co_return header.status();
    if (header->client) arrived.client = *header->client;
  }
  if (options.certificate != nullptr) {
    const absl::Status shaken = co_await arrived.transport->Handshake(options.certificate);
    if (deadline.over()) co_return media::Fault("tls_timeout");
    if (!shaken.ok()) co_return shaken;
  }
  co_return std::move(arrived);
}

}  // namespace millrace::transport
