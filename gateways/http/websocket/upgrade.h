#pragma once
// The request that turns a connection into a WebSocket (RFC 6455 §4.2).

#include <string>
#include <string_view>

namespace millrace::http {

// Fields of a request whose Upgrade field names "websocket".
struct UpgradeRequest {
  bool connection_upgrade = false;  // the Connection field has "upgrade"
  std::string key;                  // Sec-WebSocket-Key
  std::string version;              // Sec-WebSocket-Version
};

// Whether a comma-separated list such as Upgrade or Connection has `token`, in any letter case.
bool HasToken(std::string_view list, std::string_view token);

// §4.1: 16 bytes in base64.
bool IsKey(std::string_view key);

// Sec-WebSocket-Accept: what proves that the server has read the key as one.
std::string AcceptKey(std::string_view key);

}  // namespace millrace::http
