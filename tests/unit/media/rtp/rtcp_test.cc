#include "media/rtp/rtcp.h"

#include <gtest/gtest.h>

#include "media/base/fault.h"
#include "media/base/ticks.h"
#include "media/rtp/statistics.h"
#include "tests/support/hex.h"
#include "tests/support/seeds.h"

namespace millrace::media::rtp {
namespace {

using tests::Hex;

const ReportBlock kBlock = {.ssrc = 0x01020304,
                            .fraction_lost = 64,
                            .lost = -2,
                            .highest_sequence = 0x00010005,
                            .jitter = 7,
                            .last_sr = 0xaabbccdd,
                            .delay_since_last_sr = 65536};
constexpr char kBlockHex[] = "01020304 40 fffffe 00010005 00000007 aabbccdd 00010000";

TEST(Rtcp, ReadsAndWrites) {
  const std::string block = kBlockHex;
  const struct {
    const char* name;
    std::string hex;
    std::vector<RtcpPacket> packets;
    bool canonical;  // written again it is the same
  } cases[] = {
      {"sender report",
       "80c80006 0000000a e000000080000000 00000064 00000002 000000c8",
       {SenderReport{10, 0xe000000080000000, 100, 2, 200, {}}},
       true},
      {"sender report with a block",
       "81c8000c 0000000a e000000080000000 00000064 00000002 000000c8" + block,
       {SenderReport{10, 0xe000000080000000, 100, 2, 200, {kBlock}}},
       true},
      {"receiver report", "81c90007 0000000a" + block, {ReceiverReport{10, {kBlock}}}, true},
      {"empty receiver report", "80c90001 0000000a", {ReceiverReport{10, {}}}, true},
      {"description",
       "81ca0004 0000000a 01 05 'a@b.c' 00 00 00 00 00",
       {SourceDescription{{{10, "a@b.c"}}}},
       false},
      {"description of two",
       "82ca0005 0000000a 01 01 'a' 00 0000000b 01 03 'b@c' 00 0000",
       {SourceDescription{{{10, "a"}, {11, "b@c"}}}},
       true},
      {"description with other items",
       "81ca0004 0000000a 02 03 'Bob' 01 01 'a' 06 01 'x' 00",
       {SourceDescription{{{10, "a"}}}},
       false},
      {"bye", "81cb0001 0000000a", {Bye{{10}, ""}}, true},
      {"bye with a reason", "81cb0003 0000000a 05 'tired' 0000", {Bye{{10}, "tired"}}, true},
      {"bye of nobody", "80cb0000", {Bye{}}, true},
      {"compound",
       "80c90001 0000000a 81ca0002 0000000a 01 01 'a' 00 81cb0001 0000000a",
       {ReceiverReport{10, {}}, SourceDescription{{{10, "a"}}}, Bye{{10}, ""}},
       true},
      {"padding on the last",
       "80c90001 0000000a a1cb0002 0000000a 00000004",
       {ReceiverReport{10, {}}, Bye{{10}, ""}},
       false},
      {"feedback and applications are skipped",
       "81cd0002 0000000a 0000000b 80cc0002 0000000a 'name' 80c90001 0000000a",
       {ReceiverReport{10, {}}},
       false},
      {"profile-specific extension behind a report",
       "80c90002 0000000a 12345678",
       {ReceiverReport{10, {}}},
       false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const std::vector<uint8_t> bytes = Hex(c.hex);
    tests::WriteSeed("rtp_rtcp_fuzz", c.name, bytes);
    const auto packets = ParseRtcp(bytes);
    ASSERT_TRUE(packets.ok()) << packets.status();
    EXPECT_TRUE(*packets == c.packets);
    const std::vector<uint8_t> written = BuildRtcp(c.packets);
    if (c.canonical) EXPECT_EQ(written, bytes);
    const auto again = ParseRtcp(written);
    ASSERT_TRUE(again.ok());
    EXPECT_TRUE(*again == c.packets);
  }
}

TEST(Rtcp, Refuses) {
  const struct {
    const char* name;
    const char* hex;
    RtpError error;
  } cases[] = {
      {"nothing", "", RtpError::kRtcpTruncated},
      {"cut header", "80c900", RtpError::kRtcpTruncated},
      {"length beyond the end", "80c90002 0000000a", RtpError::kRtcpTruncated},
      {"count beyond the length", "81c90001 0000000a", RtpError::kRtcpTruncated},
      {"short sender report", "80c80001 0000000a", RtpError::kRtcpTruncated},
      {"text beyond the packet", "81ca0002 0000000a 01 09 'a' 00", RtpError::kRtcpTruncated},
      {"chunk without end", "81ca0002 0000000a 01 02 'ab'", RtpError::kRtcpTruncated},
      {"reason beyond the packet", "80cb0001 09 'abc'", RtpError::kRtcpTruncated},
      {"version", "00c90001 0000000a", RtpError::kRtcpVersion},
      {"RTP behind it", "80c90001 0000000a 40600001", RtpError::kRtcpTruncated},
      {"padding of 0", "a0c90002 0000000a 00000000", RtpError::kRtcpPadding},
      {"padding of a byte", "a0c90002 0000000a 00000001", RtpError::kRtcpPadding},
      {"padding beyond the packet", "a0c90001 00000010", RtpError::kRtcpPadding},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("rtp_rtcp_fuzz", std::string("refused ") + c.name, Hex(c.hex));
    EXPECT_EQ(FaultName(ParseRtcp(Hex(c.hex)).status()), RtpErrorName(c.error));
  }
}

TEST(Rtcp, CutsWhatDoesNotFit) {
  SourceDescription description;
  description.chunks.push_back({1, std::string(300, 'x')});
  ReceiverReport report{1, std::vector<ReportBlock>(40)};
  const auto packets = ParseRtcp(BuildRtcp(std::vector<RtcpPacket>{description, report}));
  ASSERT_TRUE(packets.ok()) << packets.status();
  EXPECT_EQ(std::get<SourceDescription>((*packets)[0]).chunks[0].cname.size(), 255u);
  EXPECT_EQ(std::get<ReceiverReport>((*packets)[1]).reports.size(), 31u);
}

TEST(Ntp, MapsUnixTime) {
  EXPECT_EQ(NtpFromUnixNs(0), uint64_t{2'208'988'800} << 32);
  EXPECT_EQ(NtpFromUnixNs(kNsPerSecond / 2) & 0xffffffff, 0x80000000u);
  for (int64_t ns : {int64_t{0}, int64_t{1}, int64_t{999'999'999},
                     int64_t{1'700'000'000'123'456'789}, int64_t{2'100'000'000'000'000'000}}) {
    EXPECT_EQ(UnixNsFromNtp(NtpFromUnixNs(ns)), ns);
  }
}

Packet Numbered(uint16_t sequence, uint32_t timestamp = 0, uint32_t ssrc = 9) {
  Packet packet;
  packet.sequence = sequence;
  packet.timestamp = timestamp;
  packet.ssrc = ssrc;
  return packet;
}

TEST(ReceiverStatistics, CountsLosses) {
  ReceiverStatistics statistics(90'000);
  EXPECT_EQ(statistics.Report(0).ssrc, 0u);
  for (uint16_t sequence : {65533, 65534, 0, 1}) statistics.OnPacket(Numbered(sequence), 0);
  ReportBlock block = statistics.Report(0);
  EXPECT_EQ(block.ssrc, 9u);
  EXPECT_EQ(block.lost, 1);
  EXPECT_EQ(block.fraction_lost, 256 / 5);
  EXPECT_EQ(block.highest_sequence, 0x10001u);
  // The next interval: two of four missing.
  statistics.OnPacket(Numbered(3), 0);
  statistics.OnPacket(Numbered(5), 0);
  block = statistics.Report(0);
  EXPECT_EQ(block.lost, 3);
  EXPECT_EQ(block.fraction_lost, 128);
  // The late one makes the next interval's loss negative: reported as none.
  statistics.OnPacket(Numbered(4), 0);
  block = statistics.Report(0);
  EXPECT_EQ(block.lost, 2);
  EXPECT_EQ(block.fraction_lost, 0);
}

TEST(ReceiverStatistics, ARestartStartsOver) {
  ReceiverStatistics statistics(90'000);
  for (uint16_t sequence : {10, 11, 40'000, 40'001, 40'002}) {
    statistics.OnPacket(Numbered(sequence), 0);
  }
  EXPECT_EQ(statistics.lost(), 0);
  EXPECT_EQ(statistics.Report(0).highest_sequence, 40'002u);
  statistics.OnPacket(Numbered(7, 0, 5), 0);
  EXPECT_EQ(statistics.Report(0).ssrc, 5u);
  EXPECT_EQ(statistics.Report(0).highest_sequence, 7u);
}

TEST(ReceiverStatistics, MeasuresJitter) {
  ReceiverStatistics steady(8'000);
  ReceiverStatistics jittery(8'000);
  for (uint32_t i = 0; i < 200; ++i) {
    const int64_t at = int64_t{i} * 20 * kNsPerMs;
    steady.OnPacket(Numbered(static_cast<uint16_t>(i), i * 160), at);
    jittery.OnPacket(Numbered(static_cast<uint16_t>(i), i * 160), at + (i % 2) * 10 * kNsPerMs);
  }
  EXPECT_EQ(steady.jitter(), 0u);
  EXPECT_NEAR(jittery.jitter(), 80, 1);  // 10 ms each time
}

TEST(ReceiverStatistics, TellsTheLastSenderReport) {
  ReceiverStatistics statistics(90'000);
  statistics.OnPacket(Numbered(1), 0);
  EXPECT_EQ(statistics.Report(0).last_sr, 0u);
  SenderReport report;
  report.ssrc = 9;
  report.ntp = 0x1111222233334444;
  statistics.OnSenderReport(report, kNsPerSecond);
  report.ssrc = 8;  // another source
  report.ntp = 0x5555666677778888;
  statistics.OnSenderReport(report, kNsPerSecond);
  const ReportBlock block = statistics.Report(kNsPerSecond * 3 / 2);
  EXPECT_EQ(block.last_sr, 0x22223333u);
  EXPECT_EQ(block.delay_since_last_sr, 32768u);
}

TEST(SenderStatistics, Reports) {
  SenderStatistics statistics;
  statistics.OnPacket(100);
  statistics.OnPacket(50);
  const SenderReport report = statistics.Report(7, kNsPerSecond, 90'000);
  EXPECT_EQ(report.ssrc, 7u);
  EXPECT_EQ(report.packets, 2u);
  EXPECT_EQ(report.octets, 150u);
  EXPECT_EQ(report.rtp_timestamp, 90'000u);
  EXPECT_EQ(UnixNsFromNtp(report.ntp), kNsPerSecond);
}

}  // namespace
}  // namespace millrace::media::rtp
