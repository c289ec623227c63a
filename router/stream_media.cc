// The media side of a stream: track sets and batches from its publisher, what is acknowledged, and
// Fetch.

#include <algorithm>

#include "media/frame/track.h"
#include "router/stream.h"

namespace millrace::router {
namespace {

constexpr int64_t kReattachRetentionNs = 10 * kSecond;
constexpr int64_t kAskAgainEveryNs = 200 * kMillisecond;
constexpr int64_t kAcknowledgeEveryNs = kSecond;
constexpr uint32_t kAcknowledgeEvery = 64;
constexpr size_t kMaxTrackSets = 64;
constexpr size_t kMaxTrackSetBytes = 256 * 1024;

}  // namespace

void Stream::SetTracks(ConnectionId from, const v1::TrackSetUpdate& tracks) {
  if (state_ != State::kLive || publication_.connection != from || tracks.epoch() != feed_.epoch) {
    return;
  }
  if (tracks.version() == 0 || tracks.ByteSizeLong() > kMaxTrackSetBytes ||
      tracks.first_sequence() == UINT64_MAX) {
    ++context_.counters.malformed_control;
    return;
  }
  if (tracks.first_sequence() > feed_.have_sequence + 1) {
    // What is before will not come. After a re-attachment to a router that knew nothing it is no
    // loss.
    if (feed_.have_sequence != 0) {
      context_.CountDropped(Drop::kLost, tracks.first_sequence() - 1 - feed_.have_sequence);
      Note(EventKind::kLost);
    }
    feed_.have_sequence = tracks.first_sequence() - 1;
    publication_.in_gap = false;
  }
  if (!KeepTracks(tracks)) return;
  changed_ = true;
  Note(EventKind::kTracksChanged);
  audience_.ForwardTracks();
}

// False where a newer version is known already.
bool Stream::KeepTracks(const v1::TrackSetUpdate& tracks) {
  std::deque<v1::TrackSetUpdate>& sets = feed_.track_sets;
  auto at = std::lower_bound(
      sets.begin(), sets.end(), tracks.version(),
      [](const v1::TrackSetUpdate& set, uint32_t version) { return set.version() < version; });
  if (at != sets.end() && at->version() == tracks.version()) {
    *at = tracks;
  } else {
    at = sets.insert(at, tracks);
  }
  at->set_stream_id(feed_.stream_id);
  const bool newest = std::next(at) == sets.end();
  const uint32_t oldest_used = feed_.cache.empty()
                                   ? tracks.version()
                                   : feed_.cache.at(feed_.cache.begin()).track_set_version;
  while (sets.front().version() < oldest_used || sets.size() > kMaxTrackSets) sets.pop_front();
  return newest;
}

Stream::Taken Stream::Take(ConnectionId from, const media::BatchHeader& header,
                           const SharedBatch& batch, Time now) {
  if (state_ != State::kLive || publication_.connection != from || header.epoch != feed_.epoch) {
    context_.CountDropped(Drop::kStale, header.frame_count);
    // Whoever was replaced or whose stream has ended has been told so.
    const bool told =
        header.epoch < feed_.epoch || (state_ == State::kEnded && header.epoch == feed_.epoch);
    return told ? Taken::kDropped : Taken::kUnknown;
  }
  publication_.taken += batch.bytes.size();
  RaiseCredit();
  if (header.last_sequence() <= feed_.have_sequence) {
    context_.CountDropped(Drop::kDuplicate, header.frame_count);
    return Taken::kDropped;
  }
  if (header.first_sequence > feed_.have_sequence + 1 ||
      feed_.FindTrackSet(header.track_set_version) == nullptr) {
    context_.CountDropped(Drop::kGap, header.frame_count);
    AskAgain(now);
    return Taken::kDropped;
  }
  publication_.in_gap = false;
  feed_.have_sequence = header.last_sequence();
  bytes_in_ += batch.bytes.size();
  frames_in_ += header.frame_count;
  Follow(header, batch.bytes.bytes());

  const CachedBatch entry = CachedBatch::Of(header, batch);
  context_.counters.gops_evicted +=
      feed_.cache.Append(entry, Retention(now), context_.options.stream_cache_limit);
  audience_.Forward(entry, now);

  ++publication_.unacknowledged;
  if (publication_.unacknowledged >= kAcknowledgeEvery ||
      now.mono_ns - publication_.acknowledged_ns >= kAcknowledgeEveryNs) {
    Acknowledge(false, now);
  }
  return Taken::kForwarded;
}

// More than subscriptions declare while some of them may have yet to re-attach.
int64_t Stream::Retention(Time now) const {
  const int64_t least_ns = now.mono_ns < keep_until_ns_
                               ? kReattachRetentionNs
                               : context_.options.min_retention_ms * kMillisecond;
  return std::max(audience_.retention_ns(), least_ns);
}

// Where the timeline stands now, and whether pictures are reordered: read from the frame headers.
void Stream::Follow(const media::BatchHeader& header, media::Bytes message) {
  const media::Frame last = media::DecodeFrameHeader(message, header.frame_count - 1);
  const bool continues = timeline_.epoch() == feed_.epoch;
  int64_t dts_end_ns = header.dts_end_ns;
  int64_t pts_end_ns = last.pts_end_ns();
  for (uint32_t i = 0; i + 1 < header.frame_count; ++i) {
    pts_end_ns = std::max(pts_end_ns, media::DecodeFrameHeader(message, i).pts_end_ns());
  }
  if (continues) {
    dts_end_ns = std::max(dts_end_ns, timeline_.dts_end_ns());
    pts_end_ns = std::max(pts_end_ns, timeline_.pts_end_ns());
  }
  timeline_.set_epoch(feed_.epoch);
  timeline_.set_last_sequence(header.last_sequence());
  timeline_.set_dts_end_ns(dts_end_ns);
  timeline_.set_pts_end_ns(pts_end_ns);
  timeline_.set_next_segment(last.segment + 1);
  timeline_.set_discontinuity_sequence(last.discontinuity_sequence);
  timeline_.set_next_gop(last.gop + 1);

  if ((header.flags & media::kBatchRandomAccess) != 0) {
    const int64_t dts_ns = media::DecodeFrameHeader(message, 0).dts_ns;
    if (key_dts_ns_ != INT64_MIN) key_interval_ns_ = std::max<int64_t>(dts_ns - key_dts_ns_, 0);
    key_dts_ns_ = dts_ns;
  }

  if (frames_to_probe_ == 0) return;
  for (uint32_t i = 0; i < header.frame_count && frames_to_probe_ > 0; ++i, --frames_to_probe_) {
    const media::Frame frame = media::DecodeFrameHeader(message, i);
    if (i == 0 && (header.flags & media::kBatchRandomAccess) != 0) probed_track_ = frame.track;
    if (frame.track != probed_track_) continue;
    if (frame.pts_ns < highest_pts_ns_) {
      has_b_frames_ = true;
      frames_to_probe_ = 0;
      changed_ = true;
      return;
    }
    highest_pts_ns_ = frame.pts_ns;
  }
}

void Stream::AskAgain(Time now) {
  if (!publication_.in_gap) ++context_.counters.sequence_gaps;
  publication_.in_gap = true;
  if (now.mono_ns - publication_.resend_asked_ns < kAskAgainEveryNs) return;
  publication_.resend_asked_ns = now.mono_ns;
  Acknowledge(true, now);
}

void Stream::Acknowledge(bool resend, Time now) {
  publication_.unacknowledged = 0;
  publication_.acknowledged_ns = now.mono_ns;
  v1::Envelope envelope = context_.Envelope();
  v1::Ack& ack = *envelope.mutable_ack();
  ack.set_stream_id(feed_.stream_id);
  ack.set_epoch(feed_.epoch);
  ack.set_sequence(feed_.have_sequence);
  ack.set_resend(resend);
  context_.Send(publication_.connection, envelope);
}

// Everything that has been taken is given back, in quarters of the window.
void Stream::RaiseCredit() {
  const uint64_t window = context_.options.publish_credit;
  const uint64_t limit = publication_.taken + window;
  if (limit < publication_.credit + window / 4) return;
  publication_.credit = limit;
  v1::Envelope envelope = context_.Envelope();
  v1::Credit& credit = *envelope.mutable_credit();
  credit.set_stream_id(feed_.stream_id);
  credit.set_request_id(publication_.request_id);
  credit.set_limit(limit);
  context_.Send(publication_.connection, envelope);
}

void Stream::Fetch(ConnectionId from, const v1::Fetch& fetch) {
  const Cache& cache = feed_.cache;
  uint64_t begin = cache.end();
  uint64_t end = cache.end();
  if (fetch.epoch() == feed_.epoch && fetch.to_sequence() >= fetch.from_sequence()) {
    begin = end = cache.Find(fetch.from_sequence());
    uint64_t left = context_.options.max_fetch;
    if (fetch.max_bytes() != 0) left = std::min<uint64_t>(left, fetch.max_bytes());
    uint64_t next = 0;
    while (end < cache.end() && cache.at(end).first_sequence <= fetch.to_sequence() &&
           cache.at(end).size() <= left && (next == 0 || cache.at(end).first_sequence <= next)) {
      left -= cache.at(end).size();
      next = cache.at(end).last_sequence + 1;
      ++end;
    }
  }
  v1::Envelope envelope = context_.Envelope();
  v1::Fetched& fetched = *envelope.mutable_fetched();
  fetched.set_request_id(fetch.request_id());
  fetched.set_stream_id(feed_.stream_id);
  fetched.set_epoch(fetch.epoch());
  fetched.set_batches(static_cast<uint32_t>(end - begin));
  if (begin < end) {
    fetched.set_first_sequence(cache.at(begin).first_sequence);
    fetched.set_last_sequence(cache.at(end - 1).last_sequence);
    for (const v1::TrackSetUpdate& tracks : feed_.track_sets) {
      if (tracks.version() >= cache.at(begin).track_set_version &&
          tracks.version() <= cache.at(end - 1).track_set_version) {
        *fetched.add_track_sets() = tracks;
      }
    }
  }
  context_.Send(from, envelope);
  for (uint64_t position = begin; position < end; ++position) {
    context_.Send(from, cache.at(position).batch);
  }
}

void Stream::Describe(v1::Stream& row) const {
  row.set_name(feed_.name);
  switch (state_) {
    case State::kLive:
      row.set_state(v1::STREAM_LIVE);
      break;
    case State::kGrace:
      row.set_state(v1::STREAM_GRACE);
      break;
    case State::kWaiting:
    case State::kEnded:
      row.set_state(audience_.empty() ? v1::STREAM_ENDED : v1::STREAM_WAITING);
      break;
  }
  row.set_subscriptions(static_cast<uint32_t>(audience_.size()));
  row.set_cache_bytes(feed_.cache.pinned_bytes());
  if (!feed_.online) return;
  row.set_epoch(feed_.epoch);
  row.set_publisher_session(publication_.session);
  row.set_publisher_node(publication_.node);
  row.set_started_unix_ms(publication_.started_unix_ms);
  row.set_bytes_in(bytes_in_);
  row.set_frames_in(frames_in_);
  row.set_last_sequence(feed_.have_sequence);
  if (timeline_.epoch() == feed_.epoch) row.set_dts_end_ns(timeline_.dts_end_ns());
  row.set_has_b_frames(has_b_frames_);
  if (feed_.track_sets.empty()) return;
  for (const v1::TrackInfo& info : feed_.track_sets.back().tracks()) {
    if (info.kind() != static_cast<uint32_t>(media::TrackKind::kVideo)) continue;
    row.set_key_frame_interval_ms(
        static_cast<uint32_t>(std::min<int64_t>(key_interval_ns_ / kMillisecond, UINT32_MAX)));
  }
  for (const v1::TrackInfo& info : feed_.track_sets.back().tracks()) {
    v1::TrackSummary& track = *row.add_tracks();
    const auto kind = static_cast<media::TrackKind>(info.kind());
    track.set_id(info.id());
    track.set_kind(kind == media::TrackKind::kVideo   ? "video"
                   : kind == media::TrackKind::kAudio ? "audio"
                                                      : "data");
    track.set_codec(
        media::CodecName(static_cast<media::Codec>(info.codec() <= UINT16_MAX ? info.codec() : 0)));
    track.set_codec_string(info.codec_string());
    track.set_width(info.width());
    track.set_height(info.height());
    if (info.frame_rate_den() != 0) {
      track.set_frame_rate(static_cast<double>(info.frame_rate_num()) / info.frame_rate_den());
    }
    track.set_sample_rate(info.sample_rate());
    track.set_channels(info.channels());
  }
}

}  // namespace millrace::router
