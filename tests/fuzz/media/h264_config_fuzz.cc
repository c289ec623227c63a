// H.264: configuration records, parameter sets, NAL units in every framing.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "media/base/fault.h"
#include "media/codec/h264/access_unit.h"
#include "media/codec/h264/config.h"
#include "media/codec/h264/nal.h"
#include "tests/support/require.h"

using namespace millrace;
namespace h264 = media::h264;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const media::Bytes bytes(data, size);
  if (const auto config = h264::ParseAvcConfig(bytes); config.ok()) {
    if (const auto record = h264::BuildAvcConfig(*config); record.ok()) {
      auto again = h264::ParseAvcConfig(*record);
      tests::Require(again.ok(), "what is written can be read");
      again->sps_extensions = config->sps_extensions;  // only high profiles keep them
      tests::Require(*again == *config, "record survives");
    }
    const auto track = h264::MakeTrack(*config);
    tests::Require(!track.ok() || (track->width > 0 && track->height > 0), "a track has a size");
  } else {
    tests::Require(media::FaultName(config.status()) != "other", "named error");
  }
  if (const auto sps = h264::ParseSps(bytes); sps.ok()) {
    tests::Require(sps->width > 0 && sps->width <= 16384 && sps->height <= 16384, "sane size");
    tests::Require((sps->frame_rate_num == 0) == (sps->frame_rate_den == 0), "a whole frame rate");
  }
  (void)h264::ParsePpsIds(bytes);

  const auto nals = h264::SplitAnnexB(bytes);
  if (nals.ok() && !nals->empty()) {
    const std::vector<uint8_t> prefixed = h264::JoinLengthPrefixed(*nals);
    const auto back = h264::SplitLengthPrefixed(prefixed, 4);
    tests::Require(back.ok() && back->size() == nals->size(), "units survive");
    for (size_t i = 0; i < nals->size(); ++i) {
      tests::Require(std::ranges::equal((*nals)[i], (*back)[i]), "unit survives");
    }
  }
  const media::Payload payload = media::Payload::Copy(bytes);
  for (size_t length_size : {1, 2, 4}) {
    const auto unit = h264::ReadAccessUnit(payload, length_size, (size & 1) != 0);
    if (!unit.ok() || unit->payload.empty()) continue;
    const auto kept = h264::SplitLengthPrefixed(unit->payload.bytes(), 4);
    tests::Require(kept.ok(), "payload has 4-byte lengths");
    for (media::Bytes nal : *kept) {
      const h264::NalType type = h264::TypeOf(nal);
      tests::Require(type != h264::NalType::kSps && type != h264::NalType::kPps &&
                         type != h264::NalType::kAccessUnitDelimiter,
                     "parameter sets leave the payload");
    }
  }
  return 0;
}
