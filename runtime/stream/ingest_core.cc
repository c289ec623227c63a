#include "runtime/stream/ingest_core.h"

#include <algorithm>
#include <utility>

namespace millrace::stream {
namespace {

constexpr size_t kMaxEarlyFrames = 512;

}  // namespace

const char* IngestDropName(IngestDrop drop) {
  switch (drop) {
    case IngestDrop::kUnknownTrack:
      return "unknown_track";
    case IngestDrop::kNoRandomAccess:
      return "no_random_access";
    case IngestDrop::kHeldTooMuch:
      return "held_too_much";
  }
  return "unknown_track";
}

IngestCore::IngestCore(Options options, Output output)
    : options_(options),
      output_(std::move(output)),
      batcher_(options.batcher,
               [this](std::vector<media::Frame> frames) { output_.batch(std::move(frames)); }) {}

bool IngestCore::Knows(media::TrackKind kind) const {
  return std::any_of(known_.begin(), known_.end(),
                     [kind](const auto& e) { return e.second.kind == kind; });
}

void IngestCore::SetTrack(media::Track track, IngestTime now) {
  if (live_) {
    ApplyTrack(std::move(track));
    return;
  }
  known_.try_emplace(track.id, track);
  held_.emplace_back(std::move(track));
  StartIfReady(now);
}

void IngestCore::Push(InputFrame frame, IngestTime now) {
  if (live_) {
    Process(std::move(frame), now);
    return;
  }
  if (!first_media_ns_) first_media_ns_ = now.monotonic_ns;
  held_bytes_ += frame.payload.size();
  held_.emplace_back(Held{std::move(frame), now});
  StartIfReady(now);
  while (!live_ && held_bytes_ > options_.max_held_bytes) {
    if (const Held* held = std::get_if<Held>(&held_.front())) {
      held_bytes_ -= held->frame.payload.size();
      output_.dropped(IngestDrop::kHeldTooMuch);
    }
    held_.pop_front();
  }
}

void IngestCore::Granted(const bus::Grant& grant, IngestTime now) {
  grant_ = grant;
  StartIfReady(now);
}

void IngestCore::StartIfReady(IngestTime now) {
  if (live_ || !grant_ || !first_media_ns_) return;
  const bool video = Knows(media::TrackKind::kVideo);
  const bool audio = Knows(media::TrackKind::kAudio);
  if (!video && !audio) return;
  const bool waited = now.monotonic_ns - *first_media_ns_ >= options_.track_wait_ns;
  if ((video && audio) || waited || held_bytes_ > options_.max_held_bytes) Start(now);
}

void IngestCore::Start(IngestTime now) {
  live_ = true;
  media::Stamper::Options stamps;
  stamps.segment_target_ns = options_.segment_target_ns;
  int64_t base_ns = 0;
  if (grant_->previous) {
    const bus::Timeline& previous = *grant_->previous;
    // Also behind all pictures: a player that is given a key frame to show before what it has last
    // been given may skip to the next one.
    base_ns = std::max(previous.dts_end_ns, previous.pts_end_ns);
    stamps.next_gop = previous.next_gop;
    stamps.next_segment = previous.next_segment;
    stamps.discontinuity_sequence = previous.discontinuity_sequence + 1;
    mark_discontinuity_ = true;
  } else {
    stamps.next_segment = static_cast<uint32_t>(now.unix_ns / 1'000'000'000);
  }
  stamper_.emplace(stamps);

  // One offset for all tracks: the earliest frame of what was held is where the timeline goes on.
  std::optional<int64_t> earliest;
  for (const HeldEvent& event : held_) {
    const Held* held = std::get_if<Held>(&event);
    if (held == nullptr || !known_.contains(held->frame.track)) continue;
    earliest = std::min(earliest.value_or(held->frame.dts_ns), held->frame.dts_ns);
  }
  repair_.StartAt(base_ns);
  if (earliest) repair_.Anchor(*earliest);

  tracks_.version = 1;
  for (const auto& [id, track] : known_) tracks_.tracks.push_back(track);
  stamper_->SetTracks(tracks_);
  output_.tracks(tracks_);
  std::deque<HeldEvent> held = std::exchange(held_, {});
  held_bytes_ = 0;
  for (HeldEvent& event : held) {
    if (auto* track = std::get_if<media::Track>(&event)) {
      ApplyTrack(std::move(*track));
    } else {
      Held& waiting = std::get<Held>(event);
      Process(std::move(waiting.frame), waiting.at);
    }
  }
}

void IngestCore::ApplyTrack(media::Track track) {
  const auto same_id = std::find_if(tracks_.tracks.begin(), tracks_.tracks.end(),
                                    [&](const media::Track& t) { return t.id == track.id; });
  if (same_id != tracks_.tracks.end()) {
    if (*same_id == track) return;
    *same_id = std::move(track);
  } else {
    tracks_.tracks.push_back(std::move(track));
  }
  batcher_.Flush();
  ++tracks_.version;
  stamper_->SetTracks(tracks_);
  output_.tracks(tracks_);
}

void IngestCore::Process(InputFrame input, IngestTime at) {
  const media::Track* track = tracks_.Find(input.track);
  if (track == nullptr) {
    output_.dropped(IngestDrop::kUnknownTrack);
    return;
  }
  const auto repaired = repair_.Repair({.track = track->id,
                                        .kind = track->kind,
                                        .sample_rate = track->sample_rate,
                                        .samples_per_frame = track->samples_per_frame,
                                        .frame_rate_num = track->frame_rate_num,
                                        .frame_rate_den = track->frame_rate_den,
                                        .dts_ns = input.dts_ns,
                                        .pts_ns = input.pts_ns,
                                        .arrival_ns = at.monotonic_ns});
  for (size_t kind = 0; kind < media::TimestampRepair::kKinds; ++kind) {
    const auto named = static_cast<media::TimestampRepair::Kind>(kind);
    if (repaired.Has(named)) output_.repaired(named);
  }
  media::Frame frame;
  frame.track = input.track;
  frame.flags = input.flags;
  if (repaired.discontinuity) frame.flags |= media::kDiscontinuity;
  frame.dts_ns = repaired.dts_ns;
  frame.pts_ns = repaired.pts_ns;
  frame.duration_ns = repaired.duration_ns;
  frame.ingest_wall_ns = at.unix_ns;
  frame.payload = std::move(input.payload);

  const bool has_video = tracks_.FirstOf(media::TrackKind::kVideo) != nullptr;
  if (!reader_started_ && has_video) {
    if (track->kind != media::TrackKind::kVideo) {
      // Behind the key frame that is to come, so that a viewer who starts there gets this audio
      // too.
      early_.push_back(std::move(frame));
      if (early_.size() > kMaxEarlyFrames) {
        early_.pop_front();
        output_.dropped(IngestDrop::kNoRandomAccess);
      }
      return;
    }
    if (!frame.random_access()) {
      output_.dropped(IngestDrop::kNoRandomAccess);
      return;
    }
    reader_started_ = true;
    Emit(std::move(frame), *track, !early_.empty(), at.monotonic_ns);
    for (media::Frame& early : std::exchange(early_, {})) {
      if (const media::Track* its = tracks_.Find(early.track)) {
        Emit(std::move(early), *its, true, at.monotonic_ns);
      }
    }
    if (options_.batcher.flush_ns == 0) batcher_.Flush();
    return;
  }
  Emit(std::move(frame), *track, false, at.monotonic_ns);
}

void IngestCore::Emit(media::Frame frame, const media::Track& track, bool hold, int64_t now_ns) {
  if (mark_discontinuity_) {
    frame.flags |= media::kDiscontinuity;
    mark_discontinuity_ = false;
  }
  const media::Stamper::Stamp stamp = stamper_->Apply(frame);
  const bool leading = !hold && stamp.leading;
  batcher_.Add(std::move(frame), leading, stamp.reader_start, now_ns);
}

std::optional<int64_t> IngestCore::NextDeadline() const {
  if (live_) return batcher_.NextDeadline();
  if (!first_media_ns_ || !grant_ || known_.empty()) return std::nullopt;
  return *first_media_ns_ + options_.track_wait_ns;
}

void IngestCore::OnTimer(IngestTime now) {
  if (live_) {
    batcher_.OnTimer(now.monotonic_ns);
  } else {
    StartIfReady(now);
  }
}

void IngestCore::Finish(IngestTime now) {
  if (!live_ && grant_ && first_media_ns_ && !known_.empty()) Start(now);
  batcher_.Flush();
}

}  // namespace millrace::stream
