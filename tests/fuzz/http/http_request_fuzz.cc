// Targets, queries and X-Forwarded-For as a client may write them: lines of text. The first is the
// target, the second the peer's address, the third a trusted network, the rest values of
// X-Forwarded-For.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gateways/http/client_address.h"
#include "gateways/http/request.h"
#include "gateways/http/response.h"
#include "runtime/bus/stream_name.h"

namespace http = millrace::http;
namespace net = millrace::net;

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  while (lines.size() < 16) {
    const size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::vector<std::string> lines = Lines({reinterpret_cast<const char*>(data), size});

  const http::Route route = http::RouteRequest(lines[0]);
  if (const auto* play = std::get_if<http::Play>(&route)) {
    Check(millrace::bus::ValidateStreamName(play->stream).ok());
  } else if (const auto* problem = std::get_if<http::Problem>(&route)) {
    const std::string text = http::Render(http::ProblemResponse(*problem), {});
    // Nothing of the request may reach the header.
    Check(text.find("\r\n\r\n") == text.find("\r\n{") - 2);
  }
  http::QueryArgument(lines[0], "only");
  Check(http::CleanText(lines[0], 64).size() <= 64);

  if (lines.size() < 3) return 0;
  const auto peer = net::ParseIpAddress(lines[1]);
  if (peer) Check(net::ParseIpAddress(peer->ToString()) == peer);
  const auto network = net::ParseNetwork(lines[2]);
  if (network) Check(network->Contains(network->address));
  if (peer && network) {
    const std::vector<net::Network> trusted = {*network};
    const std::vector<std::string> forwarded(lines.begin() + 3, lines.end());
    const net::IpAddress client = http::ClientAddress(*peer, forwarded, trusted);
    // Who is not trusted is not asked.
    if (!network->Contains(*peer)) Check(client == *peer);
  }
  return 0;
}
