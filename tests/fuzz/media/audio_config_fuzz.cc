// Opus, MPEG audio, FLAC and AC-3: configuration records and frame headers. AAC has a target of its
// own.

#include <cstddef>
#include <cstdint>

#include "media/base/fault.h"
#include "media/codec/ac3/header.h"
#include "media/codec/flac/config.h"
#include "media/codec/flac/frame.h"
#include "media/codec/mp3/header.h"
#include "media/codec/opus/config.h"
#include "media/codec/opus/packet.h"
#include "tests/support/require.h"

using namespace millrace;

namespace {

void Opus(media::Bytes bytes) {
  namespace opus = media::opus;
  for (const auto& config : {opus::ParseOpusHead(bytes), opus::ParseDops(bytes)}) {
    if (!config.ok()) {
      tests::Require(media::FaultName(config.status()).starts_with("opus_"), "named error");
      continue;
    }
    tests::Require(config->channels > 0, "channels");
    const auto head = opus::ParseOpusHead(opus::BuildOpusHead(*config));
    tests::Require(head.ok() && *head == *config, "OpusHead survives");
    const auto dops = opus::ParseDops(opus::BuildDops(*config));
    tests::Require(dops.ok() && *dops == *config, "dOps survives");
  }
  const auto samples = opus::PacketSamples(bytes);
  if (samples.ok()) tests::Require(*samples >= 120 && *samples <= 5760, "2.5 to 120 ms");
}

void Mp3(media::Bytes bytes) {
  const auto header = media::mp3::ParseFrameHeader(bytes);
  if (!header.ok()) {
    tests::Require(media::FaultName(header.status()).starts_with("mp3_"), "named error");
    return;
  }
  tests::Require(header->frame_size >= 4 && header->frame_size < 4096, "a frame holds its header");
  tests::Require(header->sample_rate >= 8000 && header->samples >= 384, "rate and samples");
}

void Flac(media::Bytes bytes) {
  namespace flac = media::flac;
  if (const auto info = flac::ParseStreamInfo(bytes); info.ok()) {
    const auto dfla = flac::ParseStreamInfo(flac::BuildDfla(*info));
    tests::Require(dfla.ok() && *dfla == *info, "dfLa survives");
    const auto native = flac::ParseStreamInfo(flac::BuildNativeHeader(*info));
    tests::Require(native.ok() && *native == *info, "the native form survives");
  } else {
    tests::Require(media::FaultName(info.status()).starts_with("flac_"), "named error");
  }
  const auto samples = flac::FrameSamples(bytes);
  if (samples.ok()) tests::Require(*samples >= 1 && *samples <= 65536, "samples");
}

void Ac3(media::Bytes bytes) {
  namespace ac3 = media::ac3;
  if (const auto config = ac3::ParseAc3Config(bytes); config.ok()) {
    const auto again = ac3::ParseAc3Config(ac3::BuildAc3Config(*config));
    tests::Require(again.ok() && *again == *config, "dac3 survives");
  }
  const auto header = ac3::ParseFrameHeader(bytes);
  if (header.ok()) {
    tests::Require(header->frame_size >= 128 && header->frame_size <= 3840, "a frame's size");
    tests::Require(ac3::MakeTrack(header->config).channels > 0, "channels");
  } else {
    tests::Require(media::FaultName(header.status()).starts_with("ac3_"), "named error");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const media::Bytes bytes(data, size);
  Opus(bytes);
  Mp3(bytes);
  Flac(bytes);
  Ac3(bytes);
  return 0;
}
