// AAC: configurations and ADTS headers.

#include <cstddef>
#include <cstdint>

#include "media/base/fault.h"
#include "media/codec/aac/adts.h"
#include "media/codec/aac/config.h"
#include "tests/support/require.h"

using namespace millrace;
namespace aac = media::aac;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const media::Bytes bytes(data, size);
  const auto config = aac::ParseAacConfig(bytes);
  if (config.ok()) {
    tests::Require(config->OutputSampleRate() > 0 && config->OutputChannels() > 0,
                   "a whole configuration");
    const bool plain = (config->object_type >= 1 && config->object_type <= 4) &&
                       config->channel_configuration != 0;
    if (plain) {
      const auto again = aac::ParseAacConfig(aac::BuildAacConfig(*config));
      tests::Require(again.ok() && *again == *config, "configuration survives");
    }
    tests::Require(aac::MakeTrack(bytes).ok(), "a track follows");
  } else {
    tests::Require(media::FaultName(config.status()).starts_with("aac_"), "named error");
  }
  const auto adts = aac::ParseAdtsHeader(bytes);
  if (adts.ok()) tests::Require(adts->frame_size >= adts->header_size, "a frame holds its header");
  return 0;
}
