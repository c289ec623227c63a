// Every payload format: whatever comes, units are whole, bounded and named faults; and a unit that
// is packed and read again is the same.
//
//   format | parameters (of some formats) | packets as tests/support/rtp_script.h has them

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "media/base/fault.h"
#include "media/codec/h264/config.h"
#include "media/rtp/aac.h"
#include "media/rtp/g711.h"
#include "media/rtp/h264.h"
#include "tests/support/hex.h"
#include "tests/support/require.h"
#include "tests/support/rtp_script.h"

using namespace millrace;
using namespace millrace::media::rtp;

namespace {

// A depacketizer, and what writes what it reads.
struct Format {
  std::unique_ptr<Depacketizer> reader;
  std::unique_ptr<Packetizer> writer;    // may be nothing
  std::unique_ptr<Depacketizer> mirror;  // reads what `writer` wrote
};

constexpr PacketizerOptions kOptions{.clock_rate = 90'000, .max_packet_bytes = 80};

Format H264() {
  media::h264::AvcConfig config;
  config.sps = {tests::Hex("6742001fda01001864")};
  config.pps = {tests::Hex("68ebe3cb22c0")};
  const media::Track track = *media::h264::MakeTrack(config);
  return {std::make_unique<H264Depacketizer>(
              VideoLimits{.max_unit_bytes = 1 << 16, .max_nals = 32, .max_drop_ticks = 9000}),
          *H264Packetizer::Create(track, kOptions), std::make_unique<H264Depacketizer>()};
}

Format Aac(uint8_t selector) {
  const AacParameters parameters[] = {
      {},
      {.size_length = 6, .index_length = 2, .index_delta_length = 2},
      {.size_length = 0, .index_length = 0, .index_delta_length = 0, .constant_size = 3},
      {.cts_delta_length = 16,
       .dts_delta_length = 8,
       .random_access_indication = true,
       .auxiliary_data_size_length = 8},
      {.max_displacement = 3072},
      {.size_length = 0, .index_length = 0, .index_delta_length = 0},
  };
  return {std::make_unique<AacDepacketizer>(parameters[selector % std::size(parameters)]),
          std::make_unique<AacPacketizer>(kOptions), std::make_unique<AacDepacketizer>()};
}

Format G711() {
  return {std::make_unique<G711Depacketizer>(), std::make_unique<G711Packetizer>(kOptions),
          nullptr};
}

Format Make(media::ByteReader& reader) {
  switch (reader.U8() % 3) {
    case 0:
      return H264();
    case 1:
      return Aac(reader.U8());
    default:
      return G711();
  }
}

void WriteAndRead(const Format& format, const AccessUnit& unit) {
  media::Frame frame;
  frame.flags = unit.flags;
  frame.pts_ns = NsFromTicks(unit.timestamp & 0xffff, kOptions.clock_rate);
  frame.payload = unit.payload;
  const auto set = format.writer->Pack(frame);
  if (!set.ok()) {
    tests::Require(media::FaultName(set.status()).starts_with("rtp_"), "named error");
    return;
  }
  uint16_t sequence = 0;
  std::vector<AccessUnit> again;
  for (const OrderedPacket& packet : tests::Sent(*set, sequence)) {
    tests::Require(packet.packet.payload.size() + kHeaderSize <= kOptions.max_packet_bytes,
                   "a packet keeps to its size");
    if (format.mirror == nullptr) continue;
    tests::Require(format.mirror->Push(packet, again).ok(), "what is written can be read");
  }
  if (format.mirror == nullptr) return;
  format.mirror->Flush(again);
  tests::Require(again.size() == 1, "a unit comes back as one");
  tests::Require(std::ranges::equal(again[0].payload.bytes(), unit.payload.bytes()),
                 "a unit survives");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  media::ByteReader reader({data, size});
  const Format format = Make(reader);
  std::vector<AccessUnit> units;
  for (const OrderedPacket& packet : tests::ReadRtpScript(reader.Rest())) {
    const absl::Status status = format.reader->Push(packet, units);
    tests::Require(status.ok() || media::FaultName(status).starts_with("rtp_"), "named error");
  }
  format.reader->Flush(units);
  tests::Require(format.reader->counters().units == units.size(), "units are counted");
  for (const AccessUnit& unit : units) {
    tests::Require(!unit.payload.empty(), "a unit has a payload");
    if (format.writer != nullptr) WriteAndRead(format, unit);
  }
  return 0;
}
