// H.265: configuration records, parameter sets, access units in every framing.

#include <cstddef>
#include <cstdint>

#include "media/base/fault.h"
#include "media/codec/h265/access_unit.h"
#include "media/codec/h265/config.h"
#include "media/codec/h265/nal.h"
#include "tests/support/require.h"

using namespace millrace;
namespace h265 = media::h265;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const media::Bytes bytes(data, size);
  if (const auto config = h265::ParseHevcConfig(bytes); config.ok()) {
    if (const auto record = h265::BuildHevcConfig(*config); record.ok()) {
      const auto again = h265::ParseHevcConfig(*record);
      tests::Require(again.ok() && *again == *config, "record survives");
    }
    const auto track = h265::MakeTrack(*config);
    tests::Require(!track.ok() || (track->width > 0 && track->height > 0), "a track has a size");
  } else {
    tests::Require(media::FaultName(config.status()).starts_with("h265_"), "named error");
  }
  if (const auto sps = h265::ParseSps(bytes); sps.ok()) {
    tests::Require(sps->width > 0 && sps->width <= 16888 && sps->height <= 16888, "sane size");
    tests::Require((sps->frame_rate_num == 0) == (sps->frame_rate_den == 0), "a whole frame rate");
    tests::Require(sps->sub_layers >= 1 && sps->sub_layers <= 7, "sub-layers");
    (void)h265::CodecString(sps->profile);
  } else {
    tests::Require(media::FaultName(sps.status()).starts_with("h265_sps"), "named error");
  }
  if (const auto vps = h265::ParseVps(bytes); vps.ok()) {
    tests::Require((vps->frame_rate_num == 0) == (vps->frame_rate_den == 0), "a whole frame rate");
  }
  (void)h265::ParsePpsIds(bytes);

  const media::Payload payload = media::Payload::Copy(bytes);
  for (size_t length_size : {1, 2, 4}) {
    const auto unit = h265::ReadAccessUnit(payload, length_size, size % 3 + 1);
    if (!unit.ok() || unit->payload.empty()) continue;
    const auto kept = h265::SplitLengthPrefixed(unit->payload.bytes(), 4);
    tests::Require(kept.ok(), "payload has 4-byte lengths");
    for (media::Bytes nal : *kept) {
      const h265::NalType type = h265::TypeOf(nal);
      tests::Require(h265::LayerOf(nal) == 0 && type != h265::NalType::kVps &&
                         type != h265::NalType::kSps && type != h265::NalType::kPps &&
                         type != h265::NalType::kAccessUnitDelimiter,
                     "parameter sets leave the payload");
    }
    (void)h265::FromParameterSets(unit->sets);
  }
  return 0;
}
