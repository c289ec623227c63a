#pragma once
// What a client asks for and sends, as the session learns of it.

#include <cstddef>
#include <optional>
#include <variant>
#include <vector>

#include "gateways/rtsp/protocol/play_headers.h"
#include "gateways/rtsp/protocol/transport.h"
#include "gateways/rtsp/protocol/url.h"
#include "media/base/payload.h"
#include "media/sdp/description.h"
#include "media/sdp/sources.h"

namespace millrace::rtsp {

// Answer with Describe or Reject. Comes with DESCRIBE, and with the SETUP of a client that does not
// describe first.
struct DescribeRequest {
  Target target;
};

// Somebody wants to publish. Answer with AcceptAnnounce or Reject.
struct AnnounceRequest {
  Target target;
  media::sdp::Description description;
  std::vector<media::sdp::Source> sources;  // at least one that is not ignored
};

// SETUP over UDP. Answer with AcceptUdp or Reject.
struct UdpSetupRequest {
  size_t media = 0;
  Pair client_port;
  bool record = false;
};

// SETUP over multicast, to play. Answer with AcceptMulticast or Reject.
struct MulticastSetupRequest {
  size_t media = 0;
};

// Answer with StartPlay or Reject; media follows StartPlay.
struct PlayRequest {
  std::optional<Range> range;
};

// Answer with StartRecord or Reject; media comes after StartRecord.
struct RecordRequest {};

// No media any more until the next PlayRequest or RecordRequest. Answered already.
struct PauseRequest {};

// The session is over; the connection may go on with another. Answered already.
struct TeardownRequest {};

// A packet of a publisher, or what a player reports (RTCP).
struct MediaPacket {
  size_t media = 0;
  bool rtcp = false;
  media::Payload packet;
};

// Who connects gets nothing here (ServerOptions::refusal). Answered already: hang up.
struct TurnedAway {};

using ServerEvent = std::variant<DescribeRequest, AnnounceRequest, UdpSetupRequest,
                                 MulticastSetupRequest, PlayRequest, RecordRequest, PauseRequest,
                                 TeardownRequest, TurnedAway, MediaPacket>;

}  // namespace millrace::rtsp
