#include "media/rtp/clock.h"

#include <algorithm>
#include <cstdlib>

#include "media/rtp/packetizer.h"

namespace millrace::media::rtp {
namespace {

// A report is about what is sent now: further from the last unit it is wrong.
constexpr int64_t kMaxReportDistanceNs = 10 * kNsPerSecond;
// The clocks of sender and receiver drift by no more than 1/kDrift.
constexpr int64_t kDrift = 1000;

}  // namespace

size_t Clock::AddTrack(TrackKind kind, uint32_t clock_rate) {
  TrackState track;
  track.kind = kind;
  track.clock_rate = std::max(clock_rate, 1u);
  tracks_.push_back(track);
  return tracks_.size() - 1;
}

int64_t Clock::Line(const TrackState& track, int64_t timestamp) const {
  return track.anchor_ns + NsFromTicks(timestamp - track.anchor_timestamp, track.clock_rate);
}

void Clock::Begin(TrackState& track, int64_t timestamp, int64_t arrival_ns) {
  if (!started_) {
    started_ = true;
    first_arrival_ns_ = arrival_ns;
  }
  track.anchor_timestamp = track.timestamp = timestamp;
  track.arrival_ns = arrival_ns;
  track.anchor_ns = track.ns = arrival_ns - first_arrival_ns_;
  Place(track);
  track.started = true;
  track.latest_ns = track.ns;
  track.lead_ns = track.ns - arrival_ns;
}

void Clock::Place(TrackState& track) const {
  const TrackState* other = Leading();
  if (other == nullptr || !track.report.has_value()) return;
  const int64_t correction = WallOffset(track) - WallOffset(*other);
  if (!Plausible(track, *other, correction)) return;
  track.anchor_ns += correction;
  track.ns += correction;
}

// Time goes on as arrival says, and never back.
void Clock::Reanchor(TrackState& track, int64_t timestamp, int64_t arrival_ns) {
  const int64_t passed = std::max<int64_t>(arrival_ns - track.arrival_ns, 0);
  track.anchor_timestamp = timestamp;
  track.anchor_ns = track.latest_ns + std::max(passed, kNsPerMs);
  track.lead_ns = track.anchor_ns - arrival_ns;
  track.pending_ns = 0;
  for (TrackState& each : tracks_) each.report.reset();
  ++counters_.timestamp_jumps;
}

Clock::Time Clock::Map(size_t index, int64_t timestamp, int64_t arrival_ns, bool restart) {
  TrackState& track = tracks_[index];
  Time time;
  if (!track.started) {
    Begin(track, timestamp, arrival_ns);
  } else {
    const int64_t passed = std::max<int64_t>(arrival_ns - track.arrival_ns, 0);
    track.lead_ns -= passed / kDrift;
    Slew(track, timestamp);
    const int64_t ns = Line(track, timestamp);
    const bool ahead = ns - arrival_ns > track.lead_ns + options_.max_step_ns;
    if (restart || ahead || ns < track.latest_ns - options_.max_step_back_ns) {
      Reanchor(track, timestamp, arrival_ns);
      time.discontinuity = true;
    }
  }
  track.timestamp = timestamp;
  track.ns = Line(track, timestamp);
  track.latest_ns = std::max(track.latest_ns, track.ns);
  track.arrival_ns = arrival_ns;
  track.lead_ns = std::max(track.lead_ns, track.ns - arrival_ns);
  time.ns = track.ns;
  return time;
}

void Clock::Slew(TrackState& track, int64_t timestamp) {
  const int64_t passed = Line(track, timestamp) - track.latest_ns;
  if (track.pending_ns == 0 || passed <= 0) return;
  const int64_t most = passed / options_.slew_factor;
  const int64_t step = std::clamp(track.pending_ns, -most, most);
  track.anchor_ns += step;
  track.pending_ns -= step;
}

void Clock::OnSenderReport(size_t index, const SenderReport& report) {
  TrackState& track = tracks_[index];
  if (report.ntp == 0) {  // the sender has no clock
    ++counters_.reports_ignored;
    return;
  }
  const Report taken{UnixNsFromNtp(report.ntp), report.rtp_timestamp};
  if (track.started) {
    const int64_t distance =
        static_cast<int32_t>(taken.rtp_timestamp - static_cast<uint32_t>(track.timestamp));
    if (std::abs(NsFromTicks(distance, track.clock_rate)) > kMaxReportDistanceNs) {
      ++counters_.reports_ignored;
      return;
    }
    if (Follows(track, taken)) {
      track.trusted = track.trusted || track.report.has_value();
    } else {
      track.trusted = false;
      ++counters_.report_jumps;
      for (TrackState& each : tracks_) {
        each.report.reset();
        each.pending_ns = 0;
      }
    }
  }
  ++counters_.reports_used;
  track.report = taken;
  Align();
}

bool Clock::Follows(const TrackState& track, const Report& report) const {
  if (!track.report.has_value()) return true;
  const int64_t ticks = static_cast<int32_t>(report.rtp_timestamp - track.report->rtp_timestamp);
  const int64_t expected = track.report->wall_ns + NsFromTicks(ticks, track.clock_rate);
  return std::abs(report.wall_ns - expected) <= options_.max_report_jump_ns;
}

const Clock::TrackState* Clock::Leading() const {
  const TrackState* leading = nullptr;
  for (const TrackState& track : tracks_) {
    if (!track.started || !track.report.has_value() || !track.trusted) continue;
    const bool audio = track.kind == TrackKind::kAudio;
    if (leading == nullptr || (audio && leading->kind != TrackKind::kAudio)) leading = &track;
  }
  return leading;
}

int64_t Clock::WallOffset(const TrackState& track) const {
  const int64_t ticks =
      static_cast<int32_t>(track.report->rtp_timestamp - static_cast<uint32_t>(track.timestamp));
  return track.report->wall_ns - Line(track, track.timestamp + ticks);
}

bool Clock::Plausible(const TrackState& track, const TrackState& other,
                      int64_t correction_ns) const {
  const int64_t skew =
      (track.ns + correction_ns - track.arrival_ns) - (other.ns - other.arrival_ns);
  return std::abs(skew) <= options_.max_skew_ns;
}

void Clock::Align() {
  const TrackState* leading = Leading();
  if (leading == nullptr) return;
  for (TrackState& track : tracks_) {
    if (&track == leading || !track.started) continue;
    if (!track.report.has_value() || !track.trusted) continue;
    const int64_t error = WallOffset(track) - WallOffset(*leading);
    if (!Plausible(track, *leading, error)) {
      ++counters_.reports_ignored;
      track.pending_ns = 0;
      continue;
    }
    track.pending_ns = error;
  }
}

}  // namespace millrace::media::rtp
