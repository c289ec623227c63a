// RTCP: what is read can be written and read again; statistics and the timeline take any report.

#include <cstddef>
#include <cstdint>
#include <variant>

#include "media/base/fault.h"
#include "media/rtp/clock.h"
#include "media/rtp/rtcp.h"
#include "media/rtp/statistics.h"
#include "tests/support/require.h"

using namespace millrace;
using namespace millrace::media::rtp;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto packets = ParseRtcp({data, size});
  if (!packets.ok()) {
    tests::Require(media::FaultName(packets.status()).starts_with("rtp_"), "named error");
    return 0;
  }
  if (!packets->empty()) {
    const auto again = ParseRtcp(BuildRtcp(*packets));
    tests::Require(again.ok() && *again == *packets, "reports survive");
  }
  Clock clock;
  const size_t tracks[] = {clock.AddTrack(media::TrackKind::kVideo, 90'000),
                           clock.AddTrack(media::TrackKind::kAudio, 48'000)};
  ReceiverStatistics statistics(90'000);
  int64_t now = 0;
  int64_t last = 0;
  for (const RtcpPacket& packet : *packets) {
    const auto* report = std::get_if<SenderReport>(&packet);
    if (report == nullptr) continue;
    for (size_t track : tracks) clock.OnSenderReport(track, *report);
    statistics.OnSenderReport(*report, now);
    now += 40 * media::kNsPerMs;
    for (size_t track : tracks) {
      const Clock::Time time = clock.Map(track, report->rtp_timestamp, now);
      if (track != tracks[0]) continue;
      tests::Require(time.ns - last < 4 * media::kNsPerSecond, "time never jumps ahead");
      tests::Require(last - time.ns <= media::kNsPerSecond, "nor back");
      last = time.ns;
    }
  }
  return 0;
}
