#pragma once
// What reports are made of: packets counted as received, RFC 3550 §6.4.1, A.1, A.3 and A.8, and as
// sent, §6.4.

#include <cstdint>
#include <optional>

#include "media/rtp/packet.h"
#include "media/rtp/rtcp.h"

namespace millrace::media::rtp {

// Of one source, packets as they arrive, not put into order. Not thread-safe.
class ReceiverStatistics {
 public:
  explicit ReceiverStatistics(uint32_t clock_rate) : clock_rate_(clock_rate) {}

  // `now_ns` is monotonic, here and below. Another SSRC, or a jump in sequence numbers that the
  // next packet confirms, starts over.
  void OnPacket(const Packet& packet, int64_t now_ns);
  void OnSenderReport(const SenderReport& report, int64_t now_ns);

  bool started() const { return started_; }
  uint64_t received() const { return received_; }
  // Packets expected and not there, less duplicates; since the source began.
  int64_t lost() const;
  uint32_t jitter() const { return static_cast<uint32_t>(jitter_); }  // ticks

  // The next report block. It counts from the one before.
  ReportBlock Report(int64_t now_ns);

 private:
  void Start(const Packet& packet);
  void MeasureJitter(uint32_t timestamp, int64_t now_ns);

  const uint32_t clock_rate_;
  bool started_ = false;
  uint32_t ssrc_ = 0;
  int64_t first_ = 0;  // sequence numbers, extended
  int64_t highest_ = 0;
  std::optional<uint16_t> confirming_;  // what would confirm a jump
  uint64_t received_ = 0;
  double jitter_ = 0;
  bool has_transit_ = false;
  uint32_t transit_ = 0;  // arrival less timestamp, ticks, wrapping
  uint32_t last_sr_ = 0;
  int64_t last_sr_at_ns_ = 0;
  int64_t reported_expected_ = 0;
  int64_t reported_received_ = 0;
};

// Of one stream to one viewer. Not thread-safe.
class SenderStatistics {
 public:
  void OnPacket(size_t payload_size) {
    ++packets_;
    octets_ += static_cast<uint32_t>(payload_size);
  }
  // `rtp_timestamp` is what the media shown at `unix_ns` bears.
  SenderReport Report(uint32_t ssrc, int64_t unix_ns, uint32_t rtp_timestamp) const;

 private:
  uint32_t packets_ = 0;
  uint32_t octets_ = 0;
};

}  // namespace millrace::media::rtp
