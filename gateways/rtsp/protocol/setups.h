#pragma once
// The media of a session that were set up, and the choice of a transport for the next one.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gateways/rtsp/protocol/transport.h"

namespace millrace::rtsp {

struct Setup {
  size_t media = 0;  // index in the description
  Transport transport;
};

struct TransportPolicy {
  bool udp = false;
  bool multicast = false;
  // Packets are sent to the address that asks for them and to no other.
  std::string peer_address;
};

// What became of a SETUP: the transport that was chosen, or the status that says why there is none:
// 461 where no alternative suits, 463 where packets should go to somebody else.
struct Choice {
  int status = 200;
  Transport transport;
};
Choice ChooseTransport(const std::vector<Transport>& offered, const TransportPolicy& policy);

class Setups {
 public:
  // Which media a packet of `channel` belongs to.
  struct Place {
    size_t media = 0;
    bool rtcp = false;
  };

  // Remembers the media with the transport. A pair of channels is kept where nobody has it, else
  // the next free one is taken; the same media again replaces what it had. Nothing where all
  // channels are taken.
  const Setup* Add(size_t media, Transport transport);
  // Remembers it as it is: what a server decided.
  void Put(size_t media, Transport transport);
  void Clear() { setups_.clear(); }

  bool empty() const { return setups_.empty(); }
  const std::vector<Setup>& all() const { return setups_; }
  const Setup* Find(size_t media) const;
  std::optional<Place> OfChannel(uint8_t channel) const;
  // One above the highest channel.
  unsigned channel_end() const;

 private:
  std::vector<Setup> setups_;
};

}  // namespace millrace::rtsp
