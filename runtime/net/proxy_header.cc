#include "runtime/net/proxy_header.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "media/base/fault.h"

namespace millrace::net {
namespace {

using media::Fault;

constexpr std::string_view kLineStart = "PROXY ";
constexpr std::string_view kShortestLine = "PROXY UNKNOWN\r\n";
constexpr std::string_view kSignature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr size_t kIpv4Addresses = 12;  // §2.2: two addresses, then two ports
constexpr size_t kIpv6Addresses = 36;
constexpr size_t kUnixAddresses = 216;

// The next word of a line whose words stand one space apart.
std::string_view TakeWord(std::string_view& line) {
  const size_t space = line.find(' ');
  const std::string_view word = line.substr(0, space);
  line = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
  return word;
}

std::optional<IpAddress> ParseLineAddress(std::string_view text, bool v4) {
  constexpr std::string_view kV4 = "0123456789.";
  constexpr std::string_view kV6 = "0123456789abcdefABCDEF:.";
  if (text.find_first_not_of(v4 ? kV4 : kV6) != std::string_view::npos) return std::nullopt;
  if (!v4 && text.find(':') == std::string_view::npos) return std::nullopt;
  return ParseIpAddress(text);
}

std::optional<uint16_t> ParsePort(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

}  // namespace

size_t ProxyHeaderReader::wanted() const {
  if (size_ < kShortestLine.size()) return kShortestLine.size() - size_;
  // A line without its end has at least the two bytes of that before it.
  if (is_line()) return head_[size_ - 1] == '\r' ? 1 : 2;
  return size_ < kFixedSize ? kFixedSize - size_ : total() - size_;
}

absl::StatusOr<std::optional<ProxyHeader>> ProxyHeaderReader::Consume(media::Bytes& bytes) {
  while (failure_.ok() && !bytes.empty()) {
    const media::Bytes piece = bytes.first(std::min(bytes.size(), wanted()));
    bytes = bytes.subspan(piece.size());
    const size_t kept = size_ < head_.size() ? std::min(piece.size(), head_.size() - size_) : 0;
    std::copy_n(piece.begin(), kept, head_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += piece.size();
    failure_ = Check();
    if (!failure_.ok()) break;
    const bool complete =
        is_line() ? head_[size_ - 1] == '\n' : size_ >= kFixedSize && size_ == total();
    if (!complete) continue;
    auto header = is_line() ? ParseLine() : ParseBinary();
    if (header.ok()) return *std::move(header);
    failure_ = header.status();
  }
  if (!failure_.ok()) return failure_;
  return std::nullopt;
}

// What came so far can still become a header.
absl::Status ProxyHeaderReader::Check() const {
  const std::string_view start = is_line() ? kLineStart : kSignature;
  const std::string_view seen(reinterpret_cast<const char*>(head_.data()),
                              std::min(size_, start.size()));
  if (!start.starts_with(seen)) return Fault("proxy_no_header");
  if (is_line()) return CheckLine();
  if (size_ > 12 && head_[12] >> 4 != 2) return Fault("proxy_version");
  return absl::OkStatus();
}

absl::Status ProxyHeaderReader::CheckLine() const {
  const auto end = head_.begin() + static_cast<std::ptrdiff_t>(std::min(size_, kMaxLine));
  const auto line_feed = std::find(head_.begin(), end, '\n');
  if (line_feed == end) {
    return size_ >= kMaxLine ? Fault("proxy_line_too_long") : absl::OkStatus();
  }
  const auto length = static_cast<size_t>(line_feed - head_.begin()) + 1;
  const bool at_end = length == size_ && size_ >= kShortestLine.size();
  return at_end && head_[size_ - 2] == '\r' ? absl::OkStatus() : Fault("proxy_line");
}

// §2.1: "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n".
absl::StatusOr<ProxyHeader> ProxyHeaderReader::ParseLine() const {
  std::string_view line(reinterpret_cast<const char*>(head_.data()), size_ - 2);
  line.remove_prefix(kLineStart.size());
  const std::string_view family = TakeWord(line);
  if (family == "UNKNOWN") return ProxyHeader{};  // what follows is to be ignored
  if (family != "TCP4" && family != "TCP6") return Fault("proxy_family");
  const auto source = ParseLineAddress(TakeWord(line), family == "TCP4");
  const auto destination = ParseLineAddress(TakeWord(line), family == "TCP4");
  const auto source_port = ParsePort(TakeWord(line));
  const auto destination_port = ParsePort(line);
  if (!source || !destination || !source_port || !destination_port) return Fault("proxy_line");
  return ProxyHeader{.local = false, .client = Endpoint{*source, *source_port}};
}

absl::StatusOr<ProxyHeader> ProxyHeaderReader::ParseBinary() const {
  const unsigned command = head_[12] & 15;
  if (command > 1) return Fault("proxy_command");
  // "… discard the protocol block including the family which is ignored."
  if (command == 0) return ProxyHeader{.local = true, .client = std::nullopt};
  const unsigned family = head_[13] >> 4;
  const unsigned transport = head_[13] & 15;
  if (family > 3 || transport > 2) return Fault("proxy_family");
  constexpr size_t kSizes[] = {0, kIpv4Addresses, kIpv6Addresses, kUnixAddresses};
  if (total() - kFixedSize < kSizes[family]) return Fault("proxy_addresses");
  if (family != 1 && family != 2) return ProxyHeader{};
  media::ByteReader reader(media::Bytes(head_).subspan(kFixedSize));
  Endpoint client;
  const size_t length = family == 1 ? 4 : 16;
  const media::Bytes source = reader.Take(length);
  reader.Skip(length);
  if (family == 1) client.address.bytes[10] = client.address.bytes[11] = 0xff;
  std::copy(source.begin(), source.end(),
            client.address.bytes.end() - static_cast<std::ptrdiff_t>(length));
  client.port = reader.U16();
  return ProxyHeader{.local = false, .client = client};
}

}  // namespace millrace::net
