// AV1: configuration records, sequence headers, temporal units.

#include <cstddef>
#include <cstdint>

#include "media/base/fault.h"
#include "media/codec/av1/config.h"
#include "media/codec/av1/obu.h"
#include "media/codec/av1/temporal_unit.h"
#include "tests/support/require.h"

using namespace millrace;
namespace av1 = media::av1;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const media::Bytes bytes(data, size);
  if (const auto config = av1::ParseAv1Config(bytes); config.ok()) {
    if (const auto record = av1::BuildAv1Config(*config); record.ok()) {
      const auto again = av1::ParseAv1Config(*record);
      tests::Require(again.ok() && *again == *config, "record survives");
      tests::Require(av1::MakeTrack(*config).ok(), "a track follows");
    }
  } else {
    tests::Require(media::FaultName(config.status()).starts_with("av1_"), "named error");
  }
  if (const auto header = av1::ParseSequenceHeader(bytes); header.ok()) {
    tests::Require(header->width > 0 && header->height > 0, "a size");
    tests::Require((header->frame_rate_num == 0) == (header->frame_rate_den == 0),
                   "a whole frame rate");
    tests::Require(av1::CodecString(*header).starts_with("av01."), "a codec string");
  } else {
    tests::Require(media::FaultName(header.status()).starts_with("av1_sequence_header"),
                   "named error");
  }
  const auto unit = av1::ReadTemporalUnit(media::Payload::Copy(bytes));
  if (!unit.ok()) return 0;
  const auto kept = av1::SplitObus(unit->payload.bytes());
  tests::Require(kept.ok(), "payload can be read again");
  for (const av1::Obu& obu : *kept) {
    tests::Require(obu.has_size && obu.type != av1::ObuType::kTemporalDelimiter &&
                       obu.type != av1::ObuType::kSequenceHeader,
                   "sizes stay, delimiters and sequence headers leave");
  }
  if (!unit->sequence_header.empty()) {
    tests::Require(av1::ConfigFromObus(unit->sequence_header).ok(), "a header makes a record");
  }
  return 0;
}
