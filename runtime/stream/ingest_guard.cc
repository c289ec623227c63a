#include "runtime/stream/ingest_guard.h"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::stream {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
// As far apart as two frames of one track are taken to be.
constexpr uint64_t kMaxStepNs = 3 * kSecond;
constexpr double kPatienceSeconds = 3;
// Ten years of media: whoever claims more has said enough.
constexpr int64_t kMaxElapsedNs = 10 * 365 * 86'400 * kSecond;

double Seconds(int64_t ns) { return static_cast<double>(ns) * 1e-9; }

}  // namespace

void MediaClock::Add(uint8_t id, int64_t dts_ns) {
  const auto track =
      std::find_if(tracks_.begin(), tracks_.end(), [id](const Track& t) { return t.id == id; });
  if (track == tracks_.end()) {
    tracks_.push_back({id, dts_ns, elapsed_ns_});
    return;
  }
  // Without a sign: no two timestamps are too far apart for it.
  const uint64_t step = static_cast<uint64_t>(dts_ns) - static_cast<uint64_t>(track->dts_ns);
  if (dts_ns > track->dts_ns && step <= kMaxStepNs && track->elapsed_ns < kMaxElapsedNs) {
    track->elapsed_ns += static_cast<int64_t>(step);
  }
  track->dts_ns = dts_ns;
  elapsed_ns_ = std::max(elapsed_ns_, track->elapsed_ns);
}

bool RateCap::Add(double units, int64_t time_ns) {
  if (limit_ == 0) return false;
  level_ -= limit_ * Seconds(time_ns - then_ns_);
  then_ns_ = time_ns;
  if (level_ <= 0) {
    level_ = 0;
    since_units_ = 0;
    since_ns_ = time_ns;
  }
  level_ += units;
  since_units_ += units;
  return level_ > limit_ * kPatienceSeconds;
}

double RateCap::average() const {
  return since_units_ / std::max(1.0, Seconds(then_ns_ - since_ns_));
}

void IngestGuard::Drain(int64_t now_ns) {
  const int64_t elapsed = std::min(now_ns - then_ns_, 3600 * kSecond);
  lead_ns_ = std::max<int64_t>(0, lead_ns_ - elapsed * options_.speed_percent / 100);
  then_ns_ = now_ns;
}

std::optional<IngestGuard::Excess> IngestGuard::OnFrame(uint8_t track, bool video, size_t bytes,
                                                        int64_t dts_ns, int64_t now_ns) {
  if (!begin_ns_) begin_ns_ = then_ns_ = now_ns;
  const int64_t before_ns = clock_.elapsed_ns();
  clock_.Add(track, dts_ns);
  Drain(now_ns);
  if (options_.speed_percent > 0) lead_ns_ += clock_.elapsed_ns() - before_ns;

  time_ns_ = std::max({time_ns_, clock_.elapsed_ns(), now_ns - *begin_ns_});
  if (bitrate_.Add(static_cast<double>(bytes) * 8, time_ns_)) {
    return Excess{
        "max_bitrate",
        fmt::format("closed: the stream has {:.2f} Mbit/s, {:.2f} are allowed here: set "
                    "the encoder to a lower bitrate",
                    bitrate_.average() * 1e-6, static_cast<double>(options_.max_bitrate) * 1e-6)};
  }
  if (video && frame_rate_.Add(1, time_ns_)) {
    return Excess{"max_frame_rate",
                  fmt::format("closed: the stream has {:.0f} video frames a second, {} are allowed "
                              "here: set the encoder to a lower frame rate",
                              frame_rate_.average(), options_.max_frame_rate)};
  }
  return std::nullopt;
}

int64_t IngestGuard::WaitNs(int64_t now_ns) {
  if (options_.speed_percent == 0) return 0;
  Drain(now_ns);
  const int64_t beyond = lead_ns_ - options_.burst_ns;
  if (beyond <= 0) return 0;
  return std::min(kMaxWaitNs, beyond * 100 / options_.speed_percent);
}

}  // namespace millrace::stream
