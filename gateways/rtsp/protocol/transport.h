#pragma once
// The Transport header, RFC 2326 §12.39, in the forms in which clients and devices write it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::rtsp {

// RTP and RTCP: UDP ports, or channels of the connection.
struct Pair {
  uint16_t rtp = 0;
  uint16_t rtcp = 0;

  friend bool operator==(const Pair&, const Pair&) = default;
};

// One alternative.
struct Transport {
  enum class Mode { kNone, kPlay, kRecord };

  std::string profile = "AVP";  // upper case: "AVP", "SAVP", "AVPF" …
  bool tcp = false;             // interleaved in the connection; else UDP
  bool multicast = false;
  std::optional<Pair> interleaved;
  std::optional<Pair> client_port;
  std::optional<Pair> server_port;
  std::optional<Pair> port;  // of multicast
  std::string destination;
  std::string source;
  std::optional<uint8_t> ttl;
  std::optional<uint32_t> ssrc;
  Mode mode = Mode::kNone;

  friend bool operator==(const Transport&, const Transport&) = default;
};

// The alternatives in the order of preference; those that are not RTP at all, and those that cannot
// be read, are left out. Taken: one number for a pair ("interleaved=0"), `interleaved` without
// "/TCP" (Escam), "mode" quoted or not, in any case, and `receive` for `record` (old FFmpeg).
std::vector<Transport> ParseTransports(std::string_view header);

std::string Format(const Transport& transport);

}  // namespace millrace::rtsp
