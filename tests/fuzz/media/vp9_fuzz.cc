// VP9: configuration records and frame headers.

#include <cstddef>
#include <cstdint>

#include "media/base/fault.h"
#include "media/codec/vp9/config.h"
#include "media/codec/vp9/frame_header.h"
#include "tests/support/require.h"

using namespace millrace;
namespace vp9 = media::vp9;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const media::Bytes bytes(data, size);
  if (const auto config = vp9::ParseVp9Config(bytes); config.ok()) {
    const auto again = vp9::ParseVp9Config(vp9::BuildVp9Config(*config));
    tests::Require(again.ok() && *again == *config, "record survives");
  } else {
    tests::Require(media::FaultName(config.status()).starts_with("vp9_config"), "named error");
  }
  const auto header = vp9::ParseFrameHeader(bytes);
  if (!header.ok()) {
    tests::Require(media::FaultName(header.status()).starts_with("vp9_frame"), "named error");
    return 0;
  }
  (void)vp9::FlagsOf(*header, bytes);
  const auto config = vp9::ConfigOf(*header);
  tests::Require(config.ok() == header->key_frame, "a key frame makes a record");
  if (!config.ok()) return 0;
  const auto read = vp9::ParseVp9Config(vp9::BuildVp9Config(*config));
  tests::Require(read.ok() && *read == *config, "that can be read");
  const auto track = vp9::MakeTrack(*config, *header);
  tests::Require(track.ok() && track->width > 0 && track->height > 0, "a track has a size");
  return 0;
}
