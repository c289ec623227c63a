// RTP packets: what is read can be written and read again.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "media/base/fault.h"
#include "media/rtp/packet.h"
#include "tests/support/require.h"

using namespace millrace;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto packet = media::rtp::ParsePacket(media::Payload::Copy({data, size}));
  if (!packet.ok()) {
    tests::Require(media::FaultName(packet.status()).starts_with("rtp_"), "named error");
    return 0;
  }
  const auto again =
      media::rtp::ParsePacket(media::Payload::FromVector(media::rtp::BuildPacket(*packet)));
  tests::Require(again.ok(), "what is written can be read");
  tests::Require(again->marker == packet->marker && again->sequence == packet->sequence &&
                     again->timestamp == packet->timestamp && again->ssrc == packet->ssrc &&
                     again->payload_type == packet->payload_type && again->csrcs == packet->csrcs &&
                     again->has_extension == packet->has_extension &&
                     again->extension_profile == packet->extension_profile,
                 "header survives");
  tests::Require(std::ranges::equal(again->payload.bytes(), packet->payload.bytes()) &&
                     std::ranges::equal(again->extension.bytes(), packet->extension.bytes()),
                 "payload survives");
  return 0;
}
