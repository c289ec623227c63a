#pragma once
// RTCP, RFC 3550 §6: compound packets read and written.

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "media/base/bytes.h"
#include "media/rtp/errors.h"

namespace millrace::media::rtp {

// §6.4.1.
struct ReportBlock {
  uint32_t ssrc = 0;              // whose packets are reported on
  uint8_t fraction_lost = 0;      // of 256, since the last report
  int32_t lost = 0;               // cumulative, 24 bits; negative where duplicates came
  uint32_t highest_sequence = 0;  // with the cycles in the upper half
  uint32_t jitter = 0;            // ticks
  uint32_t last_sr = 0;           // the middle 32 bits of the NTP time of the last report; 0: none
  uint32_t delay_since_last_sr = 0;  // 1/65536 s

  friend bool operator==(const ReportBlock&, const ReportBlock&) = default;
};

struct SenderReport {
  uint32_t ssrc = 0;
  uint64_t ntp = 0;            // 32.32 bits, seconds since 1900
  uint32_t rtp_timestamp = 0;  // at that time
  uint32_t packets = 0;
  uint32_t octets = 0;               // of payload
  std::vector<ReportBlock> reports;  // at most 31, here and below

  friend bool operator==(const SenderReport&, const SenderReport&) = default;
};

struct ReceiverReport {
  uint32_t ssrc = 0;
  std::vector<ReportBlock> reports;

  friend bool operator==(const ReceiverReport&, const ReceiverReport&) = default;
};

// The CNAMEs of a source description, §6.5; other items are skipped.
struct SourceDescription {
  struct Chunk {
    uint32_t ssrc = 0;
    std::string cname;  // at most 255 bytes
    friend bool operator==(const Chunk&, const Chunk&) = default;
  };
  std::vector<Chunk> chunks;  // at most 31

  friend bool operator==(const SourceDescription&, const SourceDescription&) = default;
};

struct Bye {
  std::vector<uint32_t> ssrcs;  // at most 31
  std::string reason;           // at most 255 bytes

  friend bool operator==(const Bye&, const Bye&) = default;
};

using RtcpPacket = std::variant<SenderReport, ReceiverReport, SourceDescription, Bye>;

// The packets of a compound, in order; feedback, application-defined and unknown ones are skipped.
// A compound need not begin with a report, and may be a single packet: devices send all of that.
// kRtcpTruncated, kRtcpVersion, kRtcpPadding.
absl::StatusOr<std::vector<RtcpPacket>> ParseRtcp(Bytes compound);

// Counts beyond the limits above are cut off.
std::vector<uint8_t> BuildRtcp(std::span<const RtcpPacket> packets);

// Unix time to and from the 32.32 bits of NTP, until 2036 and, by the rule of RFC 4330 §3, beyond.
uint64_t NtpFromUnixNs(int64_t unix_ns);
int64_t UnixNsFromNtp(uint64_t ntp);

}  // namespace millrace::media::rtp
