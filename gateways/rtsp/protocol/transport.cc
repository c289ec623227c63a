#include "gateways/rtsp/protocol/transport.h"

#include <algorithm>
#include <cctype>

#include "media/base/text.h"

namespace millrace::rtsp {
namespace {

using media::CutFront;
using media::EqualsIgnoringCase;
using media::ParseNumber;
using media::Trim;

constexpr size_t kMaxAlternatives = 16;
constexpr std::string_view kQuotes = " \t\"'";

// RFC 2326 §15.1: nothing that would end it, or quote what is behind it, where it is written again.
bool IsToken(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return c > 0x20 && c < 0x7f && c != '"' && c != '\'' && c != ';' && c != ',' && c != '=';
  });
}

// Up to the next `delimiter` that is not inside quotes.
std::string_view CutQuoted(std::string_view& rest, char delimiter) {
  bool quoted = false;
  size_t end = 0;
  for (; end < rest.size() && (quoted || rest[end] != delimiter); ++end) {
    if (rest[end] == '"') quoted = !quoted;
  }
  const std::string_view front = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return front;
}

std::optional<Pair> ParsePair(std::string_view text, uint16_t most) {
  text = Trim(text, kQuotes);
  const auto first = ParseNumber<uint16_t>(Trim(CutFront(text, "-")));
  if (!first.has_value() || *first > most) return std::nullopt;
  if (text.empty()) {
    const auto second = static_cast<uint16_t>(*first < most ? *first + 1 : most);
    return Pair{*first, *first == 0 && most > 255 ? uint16_t{0} : second};
  }
  const auto second = ParseNumber<uint16_t>(Trim(text));
  if (!second.has_value() || *second > most) return std::nullopt;
  return Pair{*first, *second};
}

Transport::Mode ParseMode(std::string_view text) {
  text = Trim(text, kQuotes);
  if (EqualsIgnoringCase(text, "record") || EqualsIgnoringCase(text, "receive")) {
    return Transport::Mode::kRecord;
  }
  return EqualsIgnoringCase(text, "play") ? Transport::Mode::kPlay : Transport::Mode::kNone;
}

// "RTP/AVP", "RTP/AVP/TCP", "RTP/AVP/UDP". False where it is something else.
bool ParseSpecification(std::string_view text, Transport& transport) {
  if (!EqualsIgnoringCase(CutFront(text, "/"), "RTP")) return false;
  const std::string_view profile = CutFront(text, "/");
  if (profile.empty() || !IsToken(profile)) return false;
  transport.profile = profile;
  std::transform(profile.begin(), profile.end(), transport.profile.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  transport.tcp = EqualsIgnoringCase(text, "TCP");
  return text.empty() || transport.tcp || EqualsIgnoringCase(text, "UDP");
}

// False where a value cannot be what it stands for.
bool ParseParameter(std::string_view text, Transport& transport) {
  std::string_view value = text;
  const std::string_view name = Trim(CutFront(value, "="));
  const auto is = [name](std::string_view known) { return EqualsIgnoringCase(name, known); };
  const auto pair = [&](std::optional<Pair>& field, uint16_t most) {
    field = ParsePair(value, most);
    return field.has_value();
  };
  if (is("multicast")) transport.multicast = true;
  if (is("interleaved")) {
    transport.tcp = true;
    return pair(transport.interleaved, 255);
  }
  if (is("client_port")) return pair(transport.client_port, 65535);
  if (is("server_port")) return pair(transport.server_port, 65535);
  if (is("port")) return pair(transport.port, 65535);
  if (is("destination") || is("source")) {
    const std::string_view host = Trim(value, kQuotes);
    (is("source") ? transport.source : transport.destination) = host;
    return IsToken(host);
  }
  if (is("ttl")) transport.ttl = ParseNumber<uint8_t>(Trim(value));
  if (is("ssrc")) transport.ssrc = ParseNumber<uint32_t>(Trim(value, kQuotes), 16);
  if (is("mode")) transport.mode = ParseMode(value);
  return true;
}

std::optional<Transport> ParseOne(std::string_view text) {
  Transport transport;
  if (!ParseSpecification(Trim(CutQuoted(text, ';')), transport)) return std::nullopt;
  while (!text.empty()) {
    if (!ParseParameter(CutQuoted(text, ';'), transport)) return std::nullopt;
  }
  return transport;
}

std::string FormatPair(const Pair& pair) {
  return std::to_string(pair.rtp) + "-" + std::to_string(pair.rtcp);
}

}  // namespace

std::vector<Transport> ParseTransports(std::string_view header) {
  std::vector<Transport> transports;
  while (!header.empty() && transports.size() < kMaxAlternatives) {
    if (auto one = ParseOne(CutQuoted(header, ','))) transports.push_back(*std::move(one));
  }
  return transports;
}

std::string Format(const Transport& transport) {
  std::string text = "RTP/" + transport.profile + (transport.tcp ? "/TCP" : "");
  text += transport.multicast ? ";multicast" : ";unicast";
  const auto pair = [&text](const char* name, const std::optional<Pair>& value) {
    if (value.has_value()) text += std::string(";") + name + "=" + FormatPair(*value);
  };
  if (!transport.destination.empty()) text += ";destination=" + transport.destination;
  if (!transport.source.empty()) text += ";source=" + transport.source;
  pair("interleaved", transport.interleaved);
  pair("client_port", transport.client_port);
  pair("server_port", transport.server_port);
  pair("port", transport.port);
  if (transport.ttl.has_value()) text += ";ttl=" + std::to_string(*transport.ttl);
  if (transport.ssrc.has_value()) {
    const uint32_t ssrc = *transport.ssrc;
    const uint8_t bytes[] = {static_cast<uint8_t>(ssrc >> 24), static_cast<uint8_t>(ssrc >> 16),
                             static_cast<uint8_t>(ssrc >> 8), static_cast<uint8_t>(ssrc)};
    text += ";ssrc=" + media::FormatHex(bytes);
  }
  if (transport.mode == Transport::Mode::kPlay) text += ";mode=play";
  if (transport.mode == Transport::Mode::kRecord) text += ";mode=record";
  return text;
}

}  // namespace millrace::rtsp
