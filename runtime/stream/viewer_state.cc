#include "runtime/stream/viewer_state.h"

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "runtime/stream/shard_feed.h"

namespace millrace::stream {
namespace {

constexpr size_t kMaxControlBytes = 64 * 1024;
constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kFinishNs = 1'000 * kMillisecond;
constexpr int64_t kDrainNs = 5'000 * kMillisecond;
// A stream that is there but shows no random-access point is given this many times wait_timeout.
constexpr int64_t kPatienceForStart = 3;

}  // namespace

int64_t MonotonicNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

const char* ViewerEndName(ViewerEnd end) {
  switch (end) {
    case ViewerEnd::kStreamEnded:
      return "stream_ended";
    case ViewerEnd::kWaitTimeout:
      return "wait_timeout";
    case ViewerEnd::kNoTracks:
      return "no_tracks";
    case ViewerEnd::kTooSlow:
      return "too_slow";
    case ViewerEnd::kSocket:
      return "client_closed";
    case ViewerEnd::kRequested:
      return "requested";
  }
  return "requested";
}

// What is handed to one system call, in order, so that its result can be accounted for.
struct ViewerState::Round {
  enum class Kind : uint8_t { kPartial, kControl, kPreamble, kAnnounce, kItem, kFinal };
  struct Entry {
    Kind kind;
    size_t bytes;
    const LaneItem* item;     // kAnnounce (whose tracks), kItem
    const WireUnitPtr* unit;  // kPreamble, kAnnounce, kItem
    int64_t base_ms;
  };
  static constexpr size_t kMaxEntries = 64;

  IovecList list;
  std::array<Entry, kMaxEntries> entries;
  size_t count = 0;
  bool full = false;

  // Adds what fits of `unit`; false where the round is full behind it.
  bool AddUnit(Kind kind, const WireUnitPtr& unit, int64_t base_ms, size_t skip,
               const LaneItem* item) {
    if (count == kMaxEntries) return !(full = true);
    const size_t before = list.bytes();
    full = !unit->Gather(skip, base_ms, list);
    // An entry that did not fit counts with its full size: a write never reaches its end.
    const size_t size = full ? unit->Size(base_ms) - skip : list.bytes() - before;
    entries[count++] = {kind, size, item, &unit, base_ms};
    return !full;
  }
  bool AddBytes(Kind kind, const std::vector<uint8_t>& bytes, size_t sent) {
    if (count == kMaxEntries || !list.Add(bytes.data() + sent, bytes.size() - sent)) {
      return !(full = true);
    }
    entries[count++] = {kind, bytes.size() - sent, nullptr, nullptr, 0};
    return true;
  }
};

ViewerState::ViewerState(transport::Transport& transport, ViewerOptions options,
                         std::shared_ptr<rpc::SessionRecord> record, ViewerObserver& observer,
                         int64_t now_ns)
    : transport_(transport),
      sink_(options.sink),
      record_(std::move(record)),
      last_progress_ns_(now_ns),
      observer_(&observer),
      created_ns_(now_ns),
      options_(std::move(options)) {
  record_->state = "waiting";
}

void ViewerState::StartAt(const LaneItem& item, int64_t now_ns) {
  phase_ = Phase::kPlaying;
  next_index_ = item.index;
  base_ms_ = item.base_ms - options_.start_ms;
  tracks_ = item.tracks;
  preamble_ = tracks_->preamble;
  last_sent_ms_ = item.dts_ms;
  const int64_t edge_ms = std::max(item.edge_ms, feed_->Newest()->dts_ms);
  catching_up_ = catch_up_.Begin(options_.settings, item.dts_ms, edge_ms, now_ns);
  observer_->OnPlace({*item.unit, base_ms_, edge_ms - item.base_ms});
  const std::vector<uint8_t> head = observer_->OnStart(tracks_->tracks);
  control_.insert(control_.end(), head.begin(), head.end());
  record_->state = "active";
}

void ViewerState::Gather(Round& round, int64_t now_ns) const {
  if (partial_.unit && !round.AddUnit(Round::Kind::kPartial, partial_.unit, partial_.base_ms,
                                      partial_.skip, nullptr)) {
    return;
  }
  if (control_sent_ < control_.size() &&
      !round.AddBytes(Round::Kind::kControl, control_, control_sent_)) {
    return;
  }
  if (preamble_ && !round.AddUnit(Round::Kind::kPreamble, preamble_, 0, 0, nullptr)) return;
  if (feed_ != nullptr && phase_ != Phase::kWaiting && !skipping_) {
    const LaneTracks* tracks = tracks_.get();
    const uint64_t end = DueIndex(now_ns);
    for (uint64_t index = next_index_; index < end; ++index) {
      const LaneItem* item = feed_->At(index);
      if (item == nullptr) break;
      if (item->tracks.get() != tracks) {
        // Coming from the set just before, what changed is enough; further back, everything is
        // said.
        const bool next = tracks != nullptr && item->tracks->ordinal == tracks->ordinal + 1;
        const WireUnitPtr& unit = next ? item->tracks->announce : item->tracks->restate;
        tracks = item->tracks.get();
        if (unit && !round.AddUnit(Round::Kind::kAnnounce, unit, base_ms_, 0, item)) return;
      }
      if (!round.AddUnit(Round::Kind::kItem, item->unit, base_ms_, 0, item)) return;
    }
  }
  if (final_sent_ < final_.size()) round.AddBytes(Round::Kind::kFinal, final_, final_sent_);
}

void ViewerState::Consume(const Round& round, size_t written, int64_t now_ns) {
  for (size_t i = 0; i < round.count && written > 0; ++i) {
    const Round::Entry& entry = round.entries[i];
    const bool whole = written >= entry.bytes;
    const size_t taken = whole ? entry.bytes : written;
    written -= taken;
    const auto keep_rest = [&](LaneItem counts) {
      partial_ = {*entry.unit, entry.base_ms, taken, std::move(counts)};
    };
    switch (entry.kind) {
      case Round::Kind::kPartial:
        partial_.skip += taken;
        if (whole) {
          const LaneItem counts = std::move(partial_.counts);
          partial_ = {};
          if (counts.frames() > 0) ItemSent(counts, now_ns);
        }
        break;
      case Round::Kind::kControl:
        control_sent_ += taken;
        if (whole) {
          // A viewer's head is sent once: do not keep its memory.
          std::vector<uint8_t>().swap(control_);
          control_sent_ = 0;
        }
        break;
      case Round::Kind::kPreamble:
        if (!whole) keep_rest({});
        preamble_.reset();
        break;
      case Round::Kind::kAnnounce:
        tracks_ = entry.item->tracks;
        if (!whole) keep_rest({});
        break;
      case Round::Kind::kItem:
        tracks_ = entry.item->tracks;
        next_index_ = entry.item->index + 1;
        if (catching_up_) last_sent_ms_ = entry.item->dts_ms;
        if (whole) {
          ItemSent(*entry.item, now_ns);
        } else {
          LaneItem counts = *entry.item;
          counts.unit.reset();
          keep_rest(std::move(counts));
        }
        break;
      case Round::Kind::kFinal:
        final_sent_ += taken;
        break;
    }
  }
}

void ViewerState::ItemSent(const LaneItem& item, int64_t now_ns) {
  if (!first_frame_sent_) {
    first_frame_sent_ = true;
    if (!waited_ && feed_ != nullptr) feed_->FirstFrame(options_.protocol, now_ns - created_ns_);
  }
  if (feed_ != nullptr) feed_->Sent(item);
}

void ViewerState::Drained() {
  if (catching_up_ && feed_ != nullptr && next_index_ >= feed_->next_index() &&
      last_sent_ms_ >= catch_up_.edge_ms()) {
    catching_up_ = false;
  }
  if (lagging_since_ns_ != 0 && !skipping_) {
    lagging_since_ns_ = 0;
    record_->state = "active";
  }
  if (phase_ == Phase::kEnding) Terminate(end_, end_text_);
}

void ViewerState::Advance(int64_t now_ns) {
  if (phase_ == Phase::kEnded) return;
  PassSkipped();
  if (blocked_) {
    SkipIfTooFar(now_ns);
    return;
  }
  JumpIfDue(now_ns);
  for (;;) {
    Round round;
    Gather(round, now_ns);
    const auto pieces = round.list.pieces();
    if (pieces.empty()) {
      Drained();
      return;
    }
    boost::system::error_code error;
    const size_t written =
        sink_ == nullptr ? transport_.WriteSome(pieces, error) : sink_->WriteSome(pieces, error);
    if (error == boost::asio::error::would_block) {
      WaitWritable();
      return;
    }
    if (error) {
      Terminate(ViewerEnd::kSocket, "the connection broke");
      return;
    }
    record_->bytes_out.fetch_add(written, std::memory_order_relaxed);
    last_progress_ns_ = now_ns;
    const size_t handed = round.list.bytes();
    Consume(round, written, now_ns);
    if (written < handed) {
      WaitWritable();
      return;
    }
    if (!round.full) {
      Drained();
      return;
    }
  }
}

void ViewerState::WaitWritable() {
  if (blocked_) return;
  blocked_ = true;
  auto resume = [self = shared_from_this()](const boost::system::error_code& error) {
    self->blocked_ = false;
    if (self->observer_ == nullptr || self->phase_ == Phase::kEnded) return;
    if (error) {
      self->Terminate(ViewerEnd::kSocket, "the connection broke");
    } else {
      self->Advance(MonotonicNs());
    }
  };
  if (sink_ == nullptr) {
    transport_.WaitWritable(std::move(resume));
  } else {
    sink_->WaitWritable(std::move(resume));
  }
}

void ViewerState::PassSkipped() {
  if (feed_ == nullptr || phase_ == Phase::kWaiting) return;
  if (next_index_ < feed_->first_index()) DropUpTo(feed_->first_index());
  while (skipping_) {
    const LaneItem* item = feed_->At(next_index_);
    if (item == nullptr) return;
    if (item->random_access) {
      skipping_ = false;
    } else {
      DropUpTo(next_index_ + 1);
    }
  }
}

uint64_t ViewerState::backlog_bytes() const {
  if (feed_ == nullptr || phase_ != Phase::kPlaying) return 0;
  const LaneItem* item = feed_->At(next_index_);
  return item == nullptr ? 0 : feed_->total_bytes() - (item->end_bytes - item->bytes);
}

uint64_t ViewerState::DueIndex(int64_t now_ns) const {
  if (!catching_up_ || phase_ != Phase::kPlaying) return end_index_;
  const int64_t due_ms = catch_up_.DueMs(now_ns);
  uint64_t index = next_index_;
  for (const LaneItem* item; (item = feed_->At(index)) != nullptr && item->dts_ms <= due_ms;) {
    ++index;
  }
  return std::min(index, end_index_);
}

// The new base lets the viewer's time go on as the clock did since it started, so that a player
// does not wait for what was left out.
void ViewerState::JumpIfDue(int64_t now_ns) {
  if (!catching_up_ || !catch_up_.jumps() || phase_ != Phase::kPlaying) return;
  const LaneItem* start = feed_->LastStart();
  if (start == nullptr || start->index <= next_index_) return;
  uint64_t frames = 0;
  for (uint64_t i = next_index_; i < start->index; ++i) {
    if (const LaneItem* item = feed_->At(i)) frames += item->frames();
  }
  feed_->JumpedOver(frames);
  const int64_t behind_last_ms = last_sent_ms_ - base_ms_ + 1;
  base_ms_ = start->base_ms - std::max(behind_last_ms, catch_up_.ElapsedMs(now_ns));
  next_index_ = start->index;
  catching_up_ = false;
}

uint64_t ViewerState::OwedBytes(int64_t now_ns) const {
  if (!catching_up_ || feed_ == nullptr) return backlog_bytes();
  const LaneItem* first = feed_->At(next_index_);
  const uint64_t due = DueIndex(now_ns);
  if (first == nullptr || due == next_index_) return 0;
  return feed_->At(due - 1)->end_bytes - (first->end_bytes - first->bytes);
}

void ViewerState::SkipIfTooFar(int64_t now_ns) {
  if (phase_ != Phase::kPlaying || OwedBytes(now_ns) <= options_.settings.viewer_backlog()) return;
  catching_up_ = false;
  if (lagging_since_ns_ == 0) lagging_since_ns_ = now_ns;
  record_->state = "lagging";
  const LaneItem* start = feed_->LastStart();
  if (start != nullptr && start->index > next_index_) DropUpTo(start->index);
  if (backlog_bytes() > options_.settings.viewer_backlog()) {
    DropUpTo(feed_->next_index());
    skipping_ = true;
  }
}

void ViewerState::DropUpTo(uint64_t index) {
  uint64_t frames = 0;
  for (uint64_t i = next_index_; i < index; ++i) {
    if (const LaneItem* item = feed_->At(i)) frames += item->frames();
  }
  next_index_ = index;
  record_->frames_dropped.fetch_add(frames, std::memory_order_relaxed);
  feed_->Dropped(frames);
}

void ViewerState::End(ViewerEnd end, const std::string& text, int64_t now_ns) {
  if (phase_ == Phase::kEnded || phase_ == Phase::kEnding) return;
  if (phase_ == Phase::kWaiting && end != ViewerEnd::kRequested) {
    Terminate(end, text);
    return;
  }
  const bool send_owed = end == ViewerEnd::kStreamEnded && !skipping_;
  end_index_ = send_owed && feed_ != nullptr ? feed_->next_index() : next_index_;
  if (end != ViewerEnd::kRequested && observer_ != nullptr) final_ = observer_->OnEnding(end, text);
  phase_ = Phase::kEnding;
  end_ = end;
  end_text_ = text;
  end_deadline_ns_ = now_ns + (end == ViewerEnd::kStreamEnded ? kDrainNs : kFinishNs);
  Advance(now_ns);
}

void ViewerState::HasNothing(const media::TrackSet& tracks, int64_t now_ns) {
  if (observer_ != nullptr) observer_->OnNothingOf(tracks);
  End(ViewerEnd::kNoTracks, "the stream has none of the tracks that were asked for", now_ns);
}

void ViewerState::Tick(int64_t now_ns) {
  if (phase_ == Phase::kWaiting) {
    WaitTick(now_ns);
  } else if (phase_ == Phase::kPlaying && catching_up_ && !blocked_) {
    Advance(now_ns);  // of a stream of which nothing comes, what is held is still due
  } else if (phase_ == Phase::kPlaying && (blocked_ || skipping_)) {
    const int64_t limit = options_.settings.slow_viewer_timeout() * kMillisecond;
    const bool lagging = lagging_since_ns_ != 0 && now_ns - lagging_since_ns_ >= limit;
    if (lagging || (blocked_ && now_ns - last_progress_ns_ >= limit)) {
      End(ViewerEnd::kTooSlow, "the viewer reads too slowly", now_ns);
    }
  } else if (phase_ == Phase::kEnding && now_ns >= end_deadline_ns_) {
    Terminate(end_, end_text_);
  }
}

void ViewerState::WaitTick(int64_t now_ns) {
  const int64_t wait = options_.settings.wait_timeout() * kMillisecond;
  const int64_t waited = now_ns - created_ns_;
  const LaneItem* start = feed_ == nullptr ? nullptr : feed_->LastStart();
  if (start != nullptr && waited >= wait) {
    // It wants the live edge, and key frames are further apart than it would wait for.
    StartAt(*start, now_ns);
    Advance(now_ns);
    return;
  }
  const int64_t patience =
      feed_ != nullptr && feed_->has_tracks() ? kPatienceForStart * wait : wait;
  if (waited >= patience) End(ViewerEnd::kWaitTimeout, "nobody publishes the stream", now_ns);
}

void ViewerState::Terminate(ViewerEnd end, const std::string& text) {
  if (phase_ == Phase::kEnded) return;
  phase_ = Phase::kEnded;
  partial_ = {};
  preamble_.reset();
  boost::asio::post(transport_.socket().get_executor(), [self = shared_from_this(), end, text] {
    if (self->observer_ != nullptr) self->observer_->OnEnded(end, text);
  });
}

void ViewerState::SendControl(std::vector<uint8_t> bytes) {
  if (phase_ == Phase::kEnded) return;
  const size_t waiting = control_.size() - control_sent_;
  if (waiting + bytes.size() > kMaxControlBytes) {
    End(ViewerEnd::kTooSlow, "the viewer does not read its control messages", MonotonicNs());
    return;
  }
  control_.insert(control_.end(), bytes.begin(), bytes.end());
  Advance(MonotonicNs());
}

void ViewerState::Finish(std::vector<uint8_t> bytes, const std::string& text) {
  if (phase_ == Phase::kEnded || phase_ == Phase::kEnding) return;
  final_ = std::move(bytes);
  End(ViewerEnd::kRequested, text, MonotonicNs());
}

void ViewerState::Detach() {
  observer_ = nullptr;
  phase_ = Phase::kEnded;
  partial_ = {};
  preamble_.reset();
  if (feed_ != nullptr) feed_->RemoveViewer(*this);
  feed_ = nullptr;
}

}  // namespace millrace::stream
