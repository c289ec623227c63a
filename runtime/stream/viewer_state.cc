#include "runtime/stream/viewer_state.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>
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

ViewerState::ViewerState(boost::asio::ip::tcp::socket& socket, ViewerOptions options,
                         std::shared_ptr<rpc::SessionRecord> record, ViewerObserver& observer,
                         int64_t now_ns)
    : socket_(socket),
      record_(std::move(record)),
      last_progress_ns_(now_ns),
      observer_(&observer),
      created_ns_(now_ns),
      options_(std::move(options)) {
  record_->state = "waiting";
}

void ViewerState::StartAt(const LaneItem& item) {
  phase_ = Phase::kPlaying;
  next_index_ = item.index;
  base_ms_ = item.base_ms;
  tracks_ = item.tracks;
  preamble_ = tracks_->preamble;
  const std::vector<uint8_t> head = observer_->OnStart(tracks_->tracks);
  control_.insert(control_.end(), head.begin(), head.end());
  record_->state = "active";
}

void ViewerState::Gather(Round& round) const {
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
    for (uint64_t index = next_index_; index < end_index_; ++index) {
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
  for (;;) {
    Round round;
    Gather(round);
    const auto pieces = round.list.pieces();
    if (pieces.empty()) {
      Drained();
      return;
    }
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    const ssize_t written =
        ::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (written < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS) {
        Terminate(ViewerEnd::kSocket, "the connection broke");
        return;
      }
      WaitWritable();
      return;
    }
    record_->bytes_out.fetch_add(static_cast<uint64_t>(written), std::memory_order_relaxed);
    last_progress_ns_ = now_ns;
    const size_t handed = round.list.bytes();
    Consume(round, static_cast<size_t>(written), now_ns);
    if (static_cast<size_t>(written) < handed) {
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
  socket_.async_wait(boost::asio::ip::tcp::socket::wait_write,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       self->blocked_ = false;
                       if (self->observer_ == nullptr || self->phase_ == Phase::kEnded) return;
                       if (error) {
                         self->Terminate(ViewerEnd::kSocket, "the connection broke");
                       } else {
                         self->Advance(MonotonicNs());
                       }
                     });
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

void ViewerState::SkipIfTooFar(int64_t now_ns) {
  if (phase_ != Phase::kPlaying || backlog_bytes() <= options_.settings.viewer_backlog()) return;
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

void ViewerState::Tick(int64_t now_ns) {
  if (phase_ == Phase::kWaiting) {
    const int64_t wait = options_.settings.wait_timeout() * kMillisecond;
    const int64_t patience =
        feed_ != nullptr && feed_->has_tracks() ? kPatienceForStart * wait : wait;
    if (now_ns - created_ns_ >= patience) {
      End(ViewerEnd::kWaitTimeout, "nobody publishes the stream", now_ns);
    }
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

void ViewerState::Terminate(ViewerEnd end, const std::string& text) {
  if (phase_ == Phase::kEnded) return;
  phase_ = Phase::kEnded;
  partial_ = {};
  preamble_.reset();
  boost::asio::post(socket_.get_executor(), [self = shared_from_this(), end, text] {
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
