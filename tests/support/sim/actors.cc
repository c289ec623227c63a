#include "tests/support/sim/actors.h"

#include <algorithm>
#include <array>
#include <utility>

namespace millrace::sim {
namespace {

constexpr uint8_t kVideo = 1;
constexpr uint8_t kAudio = 2;

struct Stamp {
  uint64_t publisher;
  uint64_t epoch;
  uint64_t sequence;
  uint64_t version;
};

uint8_t Pattern(const Stamp& stamp, size_t at) {
  return static_cast<uint8_t>(stamp.sequence * 31 + stamp.epoch + at);
}

media::Payload MakePayload(const Stamp& stamp, size_t size) {
  std::vector<uint8_t> bytes;
  bytes.reserve(size);
  media::ByteWriter writer(bytes);
  writer.U64(stamp.publisher);
  writer.U64(stamp.epoch);
  writer.U64(stamp.sequence);
  writer.U64(stamp.version);
  while (bytes.size() < size) bytes.push_back(Pattern(stamp, bytes.size()));
  return media::Payload::FromVector(std::move(bytes));
}

media::TrackSet TracksOf(uint32_t version) {
  media::TrackSet set{.version = version, .tracks = {}};
  media::Track video;
  video.id = kVideo;
  video.kind = media::TrackKind::kVideo;
  video.codec = media::Codec::kH264;
  video.width = 640 + version;
  media::Track audio;
  audio.id = kAudio;
  audio.kind = media::TrackKind::kAudio;
  audio.codec = media::Codec::kAac;
  set.tracks = {video, audio};
  return set;
}

}  // namespace

Publisher::Publisher(Cluster& cluster, Ledger& ledger, const std::string& node,
                     PublisherOptions options)
    : cluster_(cluster),
      ledger_(ledger),
      node_(node),
      options_(std::move(options)),
      id_(++ledger.publishers) {
  publication_ = cluster_.node(node)->Publish(options_.stream, options_.publish, *this);
  ScheduleTick();
}

void Publisher::Abandon() {
  alive_.reset();
  publication_.reset();
}

void Publisher::Unpublish(bool lost) {
  // A process that is stopped does so when it runs again.
  if (cluster_.paused(node_)) {
    cluster_.After(options_.frame_ns, [this, lost, weak = std::weak_ptr<bool>(alive_)] {
      if (!weak.expired()) Unpublish(lost);
    });
    return;
  }
  producing_ = false;
  if (publication_ != nullptr) publication_->Unpublish(lost);
}

void Publisher::OnGranted(const bus::Grant& grant) {
  if (++grants_ > 1) ledger_.Violation("granted twice");
  epoch_ = grant.epoch;
  previous_ = grant.previous;
  auto& epochs = ledger_.streams[options_.stream];
  if (epochs.contains(epoch_)) ledger_.Violation("one epoch was granted to two publishers");
  epochs[epoch_].publisher = id_;
  if (previous_.has_value()) {
    epochs[epoch_].continues = true;
    dts_ns_ = std::max(previous_->dts_end_ns, previous_->pts_end_ns);
    gop_ = previous_->next_gop;
  }
  SendTracks();
}

void Publisher::OnRefused(v1::RefusalReason reason, const std::string& text) {
  if (refused_) ledger_.Violation("refused twice");
  refused_ = true;
  reason_ = reason;
  producing_ = false;
}

void Publisher::OnLost(uint64_t from_sequence, uint64_t to_sequence) {
  if (to_sequence < from_sequence || to_sequence > sequence_) ledger_.Violation("odd loss");
  lost_ += to_sequence - from_sequence + 1;
}

void Publisher::ScheduleTick() {
  cluster_.After(options_.frame_ns, [this, weak = std::weak_ptr<bool>(alive_)] {
    if (weak.expired()) return;
    Tick();
    ScheduleTick();
  });
}

void Publisher::SendTracks() {
  ++version_;
  ledger_.streams[options_.stream][epoch_].version_from[sequence_ + 1] = version_;
  publication_->SetTracks(TracksOf(version_));
}

media::Frame Publisher::MakeFrame(uint8_t track, bool key) {
  media::Frame frame;
  frame.track = track;
  frame.sequence = ++sequence_;
  frame.gop = gop_;
  frame.segment = gop_;
  frame.dts_ns = frame.pts_ns = dts_ns_;
  if (track == kVideo) {
    const bool last = (videos_ + 1) % options_.frames_per_gop == 0;
    frame.pts_ns += (key || last ? 1 : videos_ % 2 == 1 ? 2 : 0) * options_.frame_ns;
  }
  frame.duration_ns = options_.frame_ns;
  frame.ingest_wall_ns = cluster_.now().wall_ns;
  if (key || track == kAudio) frame.flags = media::kClosedRandomAccess;
  const Stamp stamp{id_, epoch_, frame.sequence, version_};
  frame.payload = MakePayload(stamp, key ? options_.key_payload_bytes : options_.payload_bytes);
  return frame;
}

void Publisher::Tick() {
  if (cluster_.paused(node_) || !producing_ || grants_ == 0 || refused_ || publication_ == nullptr)
    return;
  const bool key = videos_ % options_.frames_per_gop == 0;
  if (key) {
    ++gop_;
    const uint64_t gops = videos_ / options_.frames_per_gop;
    if (options_.tracks_change_every != 0 && gops > 0 && gops % options_.tracks_change_every == 0) {
      SendTracks();
    }
  }
  EpochRecord& record = ledger_.streams[options_.stream][epoch_];
  std::vector<media::Frame> batch;
  batch.push_back(MakeFrame(kVideo, key));
  if (key) record.random_access.push_back(sequence_);
  if (videos_ % 2 == 1) batch.push_back(MakeFrame(kAudio, false));
  ++videos_;
  dts_ns_ += options_.frame_ns;
  record.last_sequence = sequence_;
  publication_->Send(batch);
}

Subscriber::Subscriber(Cluster& cluster, Ledger& ledger, const std::string& node,
                       std::string stream, bus::SubscribeOptions options)
    : cluster_(cluster),
      ledger_(ledger),
      name_(node),
      stream_(std::move(stream)),
      live_start_(options.start == v1::START_LIVE) {
  subscription_ = cluster_.node(node)->Subscribe(stream_, options, *this);
}

void Subscriber::Violation(const std::string& text) {
  ledger_.Violation(name_ + " of " + stream_ + " at " +
                    std::to_string(cluster_.now().mono_ns / kMs) + " ms, epoch " +
                    std::to_string(epoch_) + " after " + std::to_string(last_sequence()) + ": " +
                    text);
}

uint64_t Subscriber::last_sequence() const {
  const auto it = epochs_.find(epoch_);
  return it == epochs_.end() ? 0 : it->second.last;
}

void Subscriber::OnWaiting() {
  if (++waits_ > 1 + ends_) Violation("told to wait twice");
}

void Subscriber::OnTracks(uint64_t epoch, const media::TrackSet& tracks) {
  if (epoch < epoch_) return Violation("epoch went back");
  if (epoch == epoch_ && !ended_ && tracks.version <= version_) Violation("track version repeated");
  if (epoch != epoch_) need_random_access_ = false;
  epoch_ = epoch;
  version_ = tracks.version;
  ended_ = false;
}

void Subscriber::OnFrames(uint64_t epoch, bool random_access, std::vector<media::Frame> frames) {
  if (epoch != epoch_) return Violation("frames of an epoch that was not announced");
  if (ended_) Violation("frames after the end");
  if (frames.empty()) return Violation("no frames");
  const int64_t now_ns = cluster_.now().mono_ns;
  longest_pause_ns_ = std::max(longest_pause_ns_, now_ns - last_delivery_ns_);
  last_delivery_ns_ = now_ns;

  const bool first = !epochs_.contains(epoch);
  Received& received = epochs_[epoch];
  const uint64_t sequence = frames.front().sequence;
  if (first) {
    received.first = sequence;
    received.last = sequence - 1;
    if (!random_access && sequence != 1 && !live_start_) Violation("began within a GOP");
    if (ledger_.streams[stream_][epoch].continues && frames.front().pts_ns < pts_end_ns_) {
      Violation("a picture to be shown before the end of the last epoch");
    }
  }
  if (sequence != received.last + 1) {
    Violation("got " + std::to_string(sequence) + " instead of " +
              std::to_string(received.last + 1));
  }
  if (need_random_access_ && !random_access) Violation("went on within a GOP after a skip");
  need_random_access_ = false;
  const EpochRecord& record = ledger_.streams[stream_][epoch];
  const bool truly = std::ranges::binary_search(record.random_access, sequence);
  if (random_access != truly) Violation("random access is told wrongly");
  for (const media::Frame& frame : frames) {
    CheckFrame(frame);
    pts_end_ns_ = std::max(pts_end_ns_, frame.pts_end_ns());
  }
  received.last = frames.back().sequence;
  received.frames += frames.size();
  frames_ += frames.size();
}

void Subscriber::CheckFrame(const media::Frame& frame) {
  media::ByteReader reader(frame.data());
  const Stamp stamp{reader.U64(), reader.U64(), reader.U64(), reader.U64()};
  if (!reader.ok()) return Violation("payload cut short");
  if (stamp.epoch != epoch_ || stamp.sequence != frame.sequence)
    Violation("payload of another frame");
  if (stamp.version != version_) {
    Violation("frame of track set " + std::to_string(stamp.version) + " under " +
              std::to_string(version_));
  }
  const EpochRecord& record = ledger_.streams[stream_][epoch_];
  if (stamp.publisher != record.publisher) Violation("frame of another publisher");
  if (frame.sequence > record.last_sequence) Violation("frame that was never published");
  const media::Bytes bytes = frame.data();
  // A sample of it: what could go wrong here is a slice of the wrong place, not a flipped bit.
  for (size_t at = sizeof(Stamp); at < bytes.size(); at += 29) {
    if (bytes[at] != Pattern(stamp, at)) return Violation("payload was changed");
  }
  if (!bytes.empty() && bytes.back() != Pattern(stamp, bytes.size() - 1)) {
    Violation("payload was cut");
  }
}

void Subscriber::OnSkipped(const bus::Skip& skip) {
  if (skip.epoch != epoch_) return Violation("skip in another epoch");
  const bool first = !epochs_.contains(epoch_);
  Received& received = epochs_[epoch_];
  if (first) {
    received.first = skip.from_sequence;
    received.last = skip.from_sequence - 1;
  }
  if (skip.from_sequence != received.last + 1 || skip.to_sequence < skip.from_sequence) {
    Violation("skip that does not join on");
  }
  received.last = skip.to_sequence;
  received.skipped += skip.to_sequence - skip.from_sequence + 1;
  skipped_ += skip.to_sequence - skip.from_sequence + 1;
  skips_.push_back(skip);
  need_random_access_ = true;
}

void Subscriber::OnEnded(v1::EndReason reason, const std::string& text) {
  if (ended_) Violation("ended twice");
  ended_ = true;
  ++ends_;
  end_reason_ = reason;
}

}  // namespace millrace::sim
