#include "media/rtp/rtcp.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "media/base/ticks.h"

namespace millrace::media::rtp {
namespace {

constexpr uint8_t kVersion = 2;
constexpr size_t kMaxCount = 31;
constexpr size_t kMaxText = 255;

enum PacketType : uint8_t { kSr = 200, kRr = 201, kSdes = 202, kBye = 203 };
constexpr uint8_t kCname = 1;  // §6.5.1

std::vector<ReportBlock> ReadReports(ByteReader& reader, size_t count) {
  std::vector<ReportBlock> reports;
  for (size_t i = 0; i < count && reader.ok(); ++i) {
    ReportBlock block;
    block.ssrc = reader.U32();
    block.fraction_lost = reader.U8();
    block.lost = reader.I24();
    block.highest_sequence = reader.U32();
    block.jitter = reader.U32();
    block.last_sr = reader.U32();
    block.delay_since_last_sr = reader.U32();
    reports.push_back(block);
  }
  return reports;
}

SenderReport ReadSenderReport(ByteReader& reader, size_t count) {
  SenderReport report;
  report.ssrc = reader.U32();
  report.ntp = reader.U64();
  report.rtp_timestamp = reader.U32();
  report.packets = reader.U32();
  report.octets = reader.U32();
  report.reports = ReadReports(reader, count);
  return report;
}

ReceiverReport ReadReceiverReport(ByteReader& reader, size_t count) {
  ReceiverReport report;
  report.ssrc = reader.U32();
  report.reports = ReadReports(reader, count);
  return report;
}

SourceDescription ReadDescription(ByteReader& reader, size_t count) {
  SourceDescription description;
  for (size_t i = 0; i < count && reader.ok(); ++i) {
    const size_t begin = reader.position();
    SourceDescription::Chunk chunk;
    chunk.ssrc = reader.U32();
    for (uint8_t type = reader.U8(); type != 0 && reader.ok(); type = reader.U8()) {
      const std::string_view text = AsText(reader.Take(reader.U8()));
      if (type == kCname) chunk.cname = text;
    }
    // Chunks end at a multiple of 4 bytes.
    reader.Skip((4 - (reader.position() - begin) % 4) % 4);
    description.chunks.push_back(std::move(chunk));
  }
  return description;
}

Bye ReadBye(ByteReader& reader, size_t count) {
  Bye bye;
  for (size_t i = 0; i < count && reader.ok(); ++i) bye.ssrcs.push_back(reader.U32());
  if (reader.remaining() > 0) bye.reason = AsText(reader.Take(reader.U8()));
  return bye;
}

}  // namespace

absl::StatusOr<std::vector<RtcpPacket>> ParseRtcp(Bytes compound) {
  std::vector<RtcpPacket> packets;
  ByteReader reader(compound);
  do {
    const uint8_t first = reader.U8();
    const uint8_t type = reader.U8();
    Bytes body = reader.Take(size_t{4} * reader.U16());
    if (!reader.ok()) return RtpFault(RtpError::kRtcpTruncated);
    if (first >> 6 != kVersion) return RtpFault(RtpError::kRtcpVersion);
    if ((first & 0x20) != 0) {
      const size_t padding = body.empty() ? 0 : body.back();
      if (padding == 0 || padding % 4 != 0 || padding > body.size()) {
        return RtpFault(RtpError::kRtcpPadding);
      }
      body = body.first(body.size() - padding);
    }
    const size_t count = first & kMaxCount;
    ByteReader fields(body);
    switch (type) {
      case kSr:
        packets.emplace_back(ReadSenderReport(fields, count));
        break;
      case kRr:
        packets.emplace_back(ReadReceiverReport(fields, count));
        break;
      case kSdes:
        packets.emplace_back(ReadDescription(fields, count));
        break;
      case kBye:
        packets.emplace_back(ReadBye(fields, count));
        break;
      default:
        break;
    }
    if (!fields.ok()) return RtpFault(RtpError::kRtcpTruncated);
  } while (!reader.done());
  return packets;
}

namespace {

// Writes one packet: the header, with its length filled in when it ends.
class RtcpWriter {
 public:
  explicit RtcpWriter(std::vector<uint8_t>& out) : out_(out), writer_(out) {}

  void operator()(const SenderReport& report) {
    Begin(kSr, report.reports.size());
    writer_.U32(report.ssrc);
    writer_.U64(report.ntp);
    writer_.U32(report.rtp_timestamp);
    writer_.U32(report.packets);
    writer_.U32(report.octets);
    Reports(report.reports);
    End();
  }
  void operator()(const ReceiverReport& report) {
    Begin(kRr, report.reports.size());
    writer_.U32(report.ssrc);
    Reports(report.reports);
    End();
  }
  void operator()(const SourceDescription& description) {
    Begin(kSdes, description.chunks.size());
    for (size_t i = 0; i < std::min(description.chunks.size(), kMaxCount); ++i) {
      writer_.U32(description.chunks[i].ssrc);
      writer_.U8(kCname);
      Text(description.chunks[i].cname);
      writer_.U8(0);
      Align();
    }
    End();
  }
  void operator()(const Bye& bye) {
    Begin(kBye, bye.ssrcs.size());
    for (size_t i = 0; i < std::min(bye.ssrcs.size(), kMaxCount); ++i) writer_.U32(bye.ssrcs[i]);
    if (!bye.reason.empty()) Text(bye.reason);
    Align();
    End();
  }

 private:
  void Begin(uint8_t type, size_t count) {
    begin_ = out_.size();
    writer_.U8(static_cast<uint8_t>(kVersion << 6 | std::min(count, kMaxCount)));
    writer_.U8(type);
    writer_.U16(0);
  }
  void End() {
    const size_t words = (out_.size() - begin_) / 4 - 1;
    out_[begin_ + 2] = static_cast<uint8_t>(words >> 8);
    out_[begin_ + 3] = static_cast<uint8_t>(words);
  }
  void Align() {
    while ((out_.size() - begin_) % 4 != 0) writer_.U8(0);
  }
  void Text(std::string_view text) {
    text = text.substr(0, kMaxText);
    writer_.U8(static_cast<uint8_t>(text.size()));
    writer_.Text(text);
  }
  void Reports(const std::vector<ReportBlock>& reports) {
    for (size_t i = 0; i < std::min(reports.size(), kMaxCount); ++i) {
      const ReportBlock& block = reports[i];
      writer_.U32(block.ssrc);
      writer_.U8(block.fraction_lost);
      writer_.U24(static_cast<uint32_t>(block.lost) & 0xffffff);
      writer_.U32(block.highest_sequence);
      writer_.U32(block.jitter);
      writer_.U32(block.last_sr);
      writer_.U32(block.delay_since_last_sr);
    }
  }

  std::vector<uint8_t>& out_;
  ByteWriter writer_;
  size_t begin_ = 0;
};

constexpr int64_t kUnixInNtp = 2'208'988'800;  // seconds from 1900 to 1970

}  // namespace

std::vector<uint8_t> BuildRtcp(std::span<const RtcpPacket> packets) {
  std::vector<uint8_t> out;
  RtcpWriter writer(out);
  for (const RtcpPacket& packet : packets) std::visit(writer, packet);
  return out;
}

uint64_t NtpFromUnixNs(int64_t unix_ns) {
  const int64_t seconds = unix_ns / kNsPerSecond - (unix_ns % kNsPerSecond < 0 ? 1 : 0);
  const auto rest = static_cast<uint64_t>(unix_ns - seconds * kNsPerSecond);
  const auto fraction =
      ((rest << 32) + kNsPerSecond / 2) / kNsPerSecond;  // below 2^32 for 1 s - 1 ns
  return (static_cast<uint64_t>(seconds + kUnixInNtp) << 32) + fraction;
}

int64_t UnixNsFromNtp(uint64_t ntp) {
  auto seconds = static_cast<int64_t>(ntp >> 32);
  if (seconds < (int64_t{1} << 31)) seconds += int64_t{1} << 32;  // after 2036
  const uint64_t fraction = ntp & 0xffffffff;
  const auto rest = static_cast<int64_t>((fraction * kNsPerSecond + (uint64_t{1} << 31)) >> 32);
  return (seconds - kUnixInNtp) * kNsPerSecond + rest;
}

}  // namespace millrace::media::rtp
