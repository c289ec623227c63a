#include "runtime/loop/listen.h"

#include <fmt/format.h>

#include <boost/asio/ip/v6_only.hpp>
#include <string>
#include <utility>

#include "runtime/lifecycle/host_port.h"

namespace millrace::loop {
namespace {

using boost::asio::ip::tcp;

absl::Status Failed(std::string_view what, std::string_view address,
                    const boost::system::error_code& error) {
  return absl::UnavailableError(fmt::format("cannot {} {}: {}", what, address, error.message()));
}

}  // namespace

absl::StatusOr<tcp::acceptor> Listen(boost::asio::io_context& context, std::string_view address) {
  absl::StatusOr<lifecycle::HostPort> parsed = lifecycle::ParseHostPort(address);
  if (!parsed.ok()) return parsed.status();
  boost::system::error_code error;
  const std::string host = parsed->host.empty() ? "0.0.0.0" : parsed->host;
  tcp::endpoint endpoint(boost::asio::ip::make_address(host, error), parsed->port);
  if (error) {
    tcp::resolver resolver(context);
    const auto found =
        resolver.resolve(host, std::to_string(parsed->port),
                         tcp::resolver::passive | tcp::resolver::numeric_service, error);
    if (error || found.empty()) return Failed("resolve", address, error);
    endpoint = found.begin()->endpoint();
  }
  tcp::acceptor acceptor(context);
  acceptor.open(endpoint.protocol(), error);
  if (error) return Failed("open a socket for", address, error);
  acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  // One socket for both families where the kernel allows it.
  if (endpoint.address().is_v6()) acceptor.set_option(boost::asio::ip::v6_only(false), error);
  acceptor.bind(endpoint, error);
  if (error) return Failed("listen on", address, error);
  acceptor.listen(boost::asio::socket_base::max_listen_connections, error);
  if (error) return Failed("listen on", address, error);
  return acceptor;
}

}  // namespace millrace::loop
