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
#include "media/base/ticks.h"
#include "media/codec/aac/adts.h"
#include "media/codec/h264/config.h"
#include "media/codec/h265/config.h"
#include "media/rtp/aac.h"
#include "media/rtp/av1.h"
#include "media/rtp/g711.h"
#include "media/rtp/g726.h"
#include "media/rtp/h264.h"
#include "media/rtp/h265.h"
#include "media/rtp/latm.h"
#include "media/rtp/mjpeg.h"
#include "media/rtp/mpeg_audio.h"
#include "media/rtp/opus.h"
#include "media/rtp/pcm.h"
#include "tests/support/hex.h"
#include "tests/support/require.h"
#include "tests/support/rtp_script.h"

using namespace millrace;
using namespace millrace::media::rtp;

namespace {

// A depacketizer, and what writes what it reads.
struct Format {
  std::unique_ptr<Depacketizer> reader;
  std::unique_ptr<Packetizer> writer;
  std::unique_ptr<Depacketizer> mirror;  // reads what `writer` wrote
  size_t max_packet_bytes = 80;          // as `writer` has it
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

Format H265(uint8_t selector) {
  media::h265::HevcConfig config;
  config.vps = {tests::Hex("40010c01ffff01600000030090000003000003003c959009")};
  config.sps = {tests::Hex(
      "42010101600000030090000003000003003ca00a880c1c44d965644a4c2f016808000003000800000300c840")};
  config.pps = {tests::Hex("4401c073c189")};
  const media::Track track = *media::h265::MakeTrack(config);
  const VideoLimits limits{.max_unit_bytes = 1 << 16, .max_nals = 32, .max_drop_ticks = 9000};
  const H265Parameters parameters{.donl = (selector & 1) != 0};
  return {std::make_unique<H265Depacketizer>(parameters, limits),
          *H265Packetizer::Create(track, kOptions), std::make_unique<H265Depacketizer>()};
}

Format Av1() {
  media::Track track;
  track.config = tests::Hex("81000c00 0a0b0000000337fffc0fff9804");
  return {std::make_unique<Av1Depacketizer>(
              Av1Depacketizer::Limits{.max_unit_bytes = 1 << 16, .max_drop_ticks = 9000}),
          *Av1Packetizer::Create(track, kOptions), std::make_unique<Av1Depacketizer>()};
}

Format Latm(uint8_t selector) {
  const LatmParameters parameters[] = {
      {.config_present = false, .config = tests::Hex("400023203fc0")},
      {.config_present = false},
      {},
  };
  return {std::make_unique<LatmDepacketizer>(parameters[selector % std::size(parameters)]),
          std::make_unique<LatmPacketizer>(kOptions),
          std::make_unique<LatmDepacketizer>(parameters[0])};
}

// A format whose packets are bytes alone: what was cut does not come back as one unit.
template <typename Reader, typename Writer, typename... Parameters>
Format Samples(Parameters... parameters) {
  return {std::make_unique<Reader>(parameters...),
          std::make_unique<Writer>(kOptions, parameters...), nullptr};
}

Format Make(media::ByteReader& reader) {
  constexpr PacketizerOptions kLarge{.max_packet_bytes = 60'000};
  switch (reader.U8() % 11) {
    case 0:
      return H264();
    case 1:
      return Aac(reader.U8());
    case 2:
      return Samples<G711Depacketizer, G711Packetizer>();
    case 3:
      return H265(reader.U8());
    case 4:
      return Av1();
    case 5:
      return Latm(reader.U8());
    case 6:
      return {std::make_unique<OpusDepacketizer>(), std::make_unique<OpusPacketizer>(kLarge),
              std::make_unique<OpusDepacketizer>(), kLarge.max_packet_bytes};
    case 7:
      return Samples<PcmDepacketizer, PcmPacketizer>(PcmParameters{.channels = 2});
    case 8:
      return Samples<G726Depacketizer, G726Packetizer>(
          G726Parameters{.bits_per_code = reader.U8()});
    case 9:
      return {std::make_unique<MpegAudioDepacketizer>(),
              std::make_unique<MpegAudioPacketizer>(kOptions),
              std::make_unique<MpegAudioDepacketizer>()};
    default:
      return {std::make_unique<MjpegDepacketizer>(), std::make_unique<MjpegPacketizer>(kLarge),
              std::make_unique<MjpegDepacketizer>(), kLarge.max_packet_bytes};
  }
}

void WriteAndRead(const Format& format, const AccessUnit& unit, int64_t number) {
  media::Frame frame;
  frame.flags = unit.flags;
  frame.pts_ns = number * 40 * media::kNsPerMs;
  frame.payload = unit.payload;
  const auto set = format.writer->Pack(frame);
  if (!set.ok()) {
    tests::Require(media::FaultName(set.status()).starts_with("rtp_"), "named error");
    return;
  }
  uint16_t sequence = 0;
  std::vector<AccessUnit> again;
  for (const OrderedPacket& packet : tests::Sent(*set, sequence)) {
    tests::Require(packet.packet.payload.size() + kHeaderSize <= format.max_packet_bytes,
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
  int64_t number = 0;
  for (const AccessUnit& unit : units) {
    tests::Require(!unit.payload.empty(), "a unit has a payload");
    // ADTS within ADTS would be taken off once more.
    if (media::aac::HasAdtsSync(unit.payload.bytes())) continue;
    WriteAndRead(format, unit, number++);
  }
  return 0;
}
