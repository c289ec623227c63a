#include "media/rtp/statistics.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "media/base/ticks.h"
#include "media/rtp/packetizer.h"

namespace millrace::media::rtp {
namespace {

// A.1: beyond these the source began anew.
constexpr int kMaxDropout = 3000;
constexpr int kMaxMisorder = 100;

constexpr int64_t kMostLost = 0x7fffff;
constexpr int64_t kLeastLost = -0x800000;

}  // namespace

void ReceiverStatistics::Start(const Packet& packet) {
  started_ = true;
  ssrc_ = packet.ssrc;
  first_ = highest_ = packet.sequence;
  confirming_.reset();
  received_ = 0;
  jitter_ = 0;
  has_transit_ = false;
  last_sr_ = 0;
  reported_expected_ = reported_received_ = 0;
}

void ReceiverStatistics::OnPacket(const Packet& packet, int64_t now_ns) {
  if (!started_ || packet.ssrc != ssrc_) {
    Start(packet);
  } else {
    const int distance = static_cast<int16_t>(
        static_cast<uint16_t>(packet.sequence - static_cast<uint16_t>(highest_)));
    if (distance > kMaxDropout || distance < -kMaxMisorder) {
      if (confirming_ != packet.sequence) {
        confirming_ = static_cast<uint16_t>(packet.sequence + 1);
        return;
      }
      Start(packet);
    } else if (distance > 0) {
      highest_ += distance;
    }
    confirming_.reset();
  }
  ++received_;
  MeasureJitter(packet.timestamp, now_ns);
}

// A.8: the difference of transit times, smoothed by 1/16.
void ReceiverStatistics::MeasureJitter(uint32_t timestamp, int64_t now_ns) {
  const uint32_t arrival = static_cast<uint32_t>(TicksFromNs(now_ns, clock_rate_));
  const uint32_t transit = arrival - timestamp;
  if (has_transit_) {
    const double difference =
        std::abs(static_cast<double>(static_cast<int32_t>(transit - transit_)));
    jitter_ += (difference - jitter_) / 16;
  }
  has_transit_ = true;
  transit_ = transit;
}

void ReceiverStatistics::OnSenderReport(const SenderReport& report, int64_t now_ns) {
  if (started_ && report.ssrc != ssrc_) return;
  last_sr_ = static_cast<uint32_t>(report.ntp >> 16);
  last_sr_at_ns_ = now_ns;
}

int64_t ReceiverStatistics::lost() const {
  if (!started_) return 0;
  return highest_ - first_ + 1 - static_cast<int64_t>(received_);
}

ReportBlock ReceiverStatistics::Report(int64_t now_ns) {
  ReportBlock block;
  block.ssrc = ssrc_;
  if (!started_) return block;
  const int64_t expected = highest_ - first_ + 1;
  const int64_t received = static_cast<int64_t>(received_);
  const int64_t expected_since = expected - reported_expected_;
  const int64_t lost_since = expected_since - (received - reported_received_);
  reported_expected_ = expected;
  reported_received_ = received;
  if (expected_since > 0 && lost_since > 0) {
    block.fraction_lost =
        static_cast<uint8_t>(std::min<int64_t>(lost_since * 256 / expected_since, 255));
  }
  block.lost = static_cast<int32_t>(std::clamp(lost(), kLeastLost, kMostLost));
  block.highest_sequence = static_cast<uint32_t>(highest_);
  block.jitter = jitter();
  block.last_sr = last_sr_;
  if (last_sr_ != 0) {
    block.delay_since_last_sr =
        static_cast<uint32_t>(TicksFromNs(std::max<int64_t>(now_ns - last_sr_at_ns_, 0), 65'536));
  }
  return block;
}

SenderReport SenderStatistics::Report(uint32_t ssrc, int64_t unix_ns,
                                      uint32_t rtp_timestamp) const {
  SenderReport report;
  report.ssrc = ssrc;
  report.ntp = NtpFromUnixNs(unix_ns);
  report.rtp_timestamp = rtp_timestamp;
  report.packets = packets_;
  report.octets = octets_;
  return report;
}

}  // namespace millrace::media::rtp
