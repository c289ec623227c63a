#include "gateways/rtsp/protocol/setups.h"

#include <algorithm>
#include <utility>

namespace millrace::rtsp {
namespace {

constexpr int kUnsupportedTransport = 461;
constexpr int kDestinationProhibited = 463;

bool IsUsable(const Transport& transport, const TransportPolicy& policy) {
  if (transport.profile != "AVP") return false;
  if (transport.multicast) return policy.multicast && !transport.tcp;
  if (transport.tcp) return true;
  return policy.udp && transport.client_port.has_value() && transport.client_port->rtp != 0 &&
         transport.client_port->rtcp != 0;
}

bool Overlap(const Pair& a, const Pair& b) {
  return a.rtp == b.rtp || a.rtp == b.rtcp || a.rtcp == b.rtp || a.rtcp == b.rtcp;
}

}  // namespace

Choice ChooseTransport(const std::vector<Transport>& offered, const TransportPolicy& policy) {
  Choice choice{.status = kUnsupportedTransport};
  for (const Transport& transport : offered) {
    if (!IsUsable(transport, policy)) continue;
    // Which group it is is ours to say.
    if (!transport.tcp && !transport.multicast && !transport.destination.empty() &&
        transport.destination != policy.peer_address) {
      choice.status = kDestinationProhibited;
      continue;
    }
    return {200, transport};
  }
  return choice;
}

const Setup* Setups::Add(size_t media, Transport transport) {
  std::erase_if(setups_, [media](const Setup& setup) { return setup.media == media; });
  if (transport.tcp) {
    const auto taken = [this](const Pair& pair) {
      return std::any_of(setups_.begin(), setups_.end(), [&pair](const Setup& setup) {
        return setup.transport.interleaved.has_value() &&
               Overlap(*setup.transport.interleaved, pair);
      });
    };
    Pair pair = transport.interleaved.value_or(Pair{0, 1});
    if (pair.rtp == pair.rtcp || taken(pair)) pair = {0, 1};
    while (taken(pair)) {
      if (pair.rtcp >= 255) return nullptr;
      pair = {static_cast<uint16_t>(pair.rtp + 2), static_cast<uint16_t>(pair.rtcp + 2)};
    }
    transport.interleaved = pair;
  }
  setups_.push_back({media, std::move(transport)});
  return &setups_.back();
}

void Setups::Put(size_t media, Transport transport) {
  std::erase_if(setups_, [media](const Setup& setup) { return setup.media == media; });
  setups_.push_back({media, std::move(transport)});
}

const Setup* Setups::Find(size_t media) const {
  for (const Setup& setup : setups_) {
    if (setup.media == media) return &setup;
  }
  return nullptr;
}

std::optional<Setups::Place> Setups::OfChannel(uint8_t channel) const {
  for (const Setup& setup : setups_) {
    if (!setup.transport.interleaved.has_value()) continue;
    if (setup.transport.interleaved->rtp == channel) return Place{setup.media, false};
    if (setup.transport.interleaved->rtcp == channel) return Place{setup.media, true};
  }
  return std::nullopt;
}

unsigned Setups::channel_end() const {
  unsigned end = 0;
  for (const Setup& setup : setups_) {
    if (!setup.transport.interleaved.has_value()) continue;
    const Pair& pair = *setup.transport.interleaved;
    end = std::max<unsigned>(end, std::max(pair.rtp, pair.rtcp) + 1u);
  }
  return end;
}

}  // namespace millrace::rtsp
