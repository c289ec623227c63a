#pragma once
// "rtmp://host:port/app/name", "http://host:port/app/name.flv", "ws://" the same, and
// "tcp://host:port" for raw bytes.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::live {

struct Url {
  std::string scheme;
  std::string host;
  uint16_t port = 0;
  std::string path;  // "/app/name", with the query

  // RTMP: the first part of the path, and the rest.
  std::string app() const;
  std::string name() const;
};

std::optional<Url> ParseUrl(std::string_view text);

}  // namespace millrace::live
