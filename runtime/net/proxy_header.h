#pragma once
// The header that a balancer puts before a connection, so that the server behind it knows who the
// client is: PROXY protocol, versions 1 (a line of text) and 2 (binary), as HAProxy's
// proxy-protocol.txt has them. Clauses below are of that document.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "media/base/bytes.h"
#include "runtime/net/ip_address.h"

namespace millrace::net {

struct ProxyHeader {
  // The balancer's own connection: a health check.
  bool local = false;
  // Where the client speaks from. Unset where the header does not say (LOCAL, UNKNOWN, AF_UNSPEC,
  // AF_UNIX): the other end of the connection is then all that is known.
  std::optional<Endpoint> client;

  friend bool operator==(const ProxyHeader&, const ProxyHeader&) = default;
};

// Reads one header. Faults (final): proxy_no_header, proxy_line, proxy_line_too_long,
// proxy_version, proxy_command, proxy_family, proxy_addresses.
class ProxyHeaderReader {
 public:
  // Takes what belongs to the header off the front of `bytes`. Unset: more is needed.
  absl::StatusOr<std::optional<ProxyHeader>> Consume(media::Bytes& bytes);

  // So many bytes surely belong to the header: who reads no more than that from a socket leaves
  // all that follows on it. At least 1 until the header is complete.
  size_t wanted() const;

 private:
  // §2.1: "107-character buffer".
  static constexpr size_t kMaxLine = 107;
  static constexpr size_t kFixedSize = 16;  // §2.2: signature, version and command, family, length

  bool is_line() const { return size_ > 0 && head_[0] == 'P'; }
  size_t total() const { return kFixedSize + (size_t{head_[14]} << 8 | head_[15]); }
  absl::Status Check() const;
  absl::Status CheckLine() const;
  absl::StatusOr<ProxyHeader> ParseLine() const;
  absl::StatusOr<ProxyHeader> ParseBinary() const;

  std::array<uint8_t, kMaxLine> head_{};  // what came first; the rest of a long header is let go
  size_t size_ = 0;                       // of what came
  absl::Status failure_;
};

}  // namespace millrace::net
