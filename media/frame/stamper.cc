#include "media/frame/stamper.h"

#include <algorithm>
#include <utility>

#include "media/base/ticks.h"

namespace millrace::media {
namespace {

constexpr int64_t kAudioGopNs = kNsPerSecond;
// Timestamps that came as rounded milliseconds may fall short of a whole GOP by up to one at either
// end; without slack a 4 s target would alternate between 4 s and the next key frame.
constexpr int64_t kRoundingNs = 2 * kNsPerMs;

}  // namespace

Stamper::Stamper(Options options)
    : options_(options),
      gop_(std::max<uint32_t>(options.next_gop, 1) - 1),
      segment_(options.next_segment),
      discontinuity_sequence_(options.discontinuity_sequence) {}

void Stamper::SetTracks(const TrackSet& tracks) {
  std::vector<Track> media;
  for (const Track& track : tracks.tracks) {
    if (track.kind != TrackKind::kData) media.push_back(track);
  }
  const bool same_media = media == media_;
  media_ = std::move(media);
  if (has_tracks_ && sequence_ > 0 && !same_media) pending_discontinuity_ = true;
  const Track* leading = tracks.FirstOf(TrackKind::kVideo);
  leading_is_video_ = leading != nullptr;
  if (leading == nullptr) leading = tracks.FirstOf(TrackKind::kAudio);
  if (leading == nullptr && !tracks.tracks.empty()) leading = &tracks.tracks.front();
  has_tracks_ = leading != nullptr;
  leading_track_ = leading != nullptr ? leading->id : 0;
}

bool Stamper::BeginsGop(const Frame& frame) const {
  if (leading_is_video_) return frame.random_access();
  return !started_ || pending_discontinuity_ || frame.dts_ns - gop_dts_ns_ >= kAudioGopNs;
}

Stamper::Stamp Stamper::Apply(Frame& frame) {
  Stamp stamp;
  if (sequence_ > 0 && (frame.flags & kDiscontinuity) != 0) pending_discontinuity_ = true;
  stamp.leading = has_tracks_ && frame.track == leading_track_;
  stamp.reader_start = stamp.leading && BeginsGop(frame);
  if (stamp.reader_start) {
    ++gop_;
    gop_dts_ns_ = frame.dts_ns;
    const bool due = frame.dts_ns - segment_dts_ns_ + kRoundingNs >= options_.segment_target_ns;
    if (started_ && (due || pending_discontinuity_)) ++segment_;
    if (!started_ || due || pending_discontinuity_) segment_dts_ns_ = frame.dts_ns;
    if (pending_discontinuity_) ++discontinuity_sequence_;
    pending_discontinuity_ = false;
    started_ = true;
  }
  frame.sequence = ++sequence_;
  frame.gop = gop_;
  frame.segment = segment_;
  frame.discontinuity_sequence = discontinuity_sequence_;
  return stamp;
}

}  // namespace millrace::media
