#include "runtime/stream/ingest.h"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <variant>

#include "runtime/stream/ingest_core.h"
#include "runtime/stream/ingest_guard.h"
#include "runtime/transcode/audio_transcoder.h"

namespace millrace::stream {
namespace {

namespace asio = boost::asio;
using std::chrono::nanoseconds;

constexpr int64_t kMs = 1'000'000;

IngestTime Now() {
  return {nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count(),
          nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count()};
}

class IngestMetrics {
 public:
  IngestMetrics(metrics::Registry& registry, const std::string& protocol)
      : registry_(registry),
        video_bytes_(Bytes(protocol, "video")),
        audio_bytes_(Bytes(protocol, "audio")),
        video_frames_(Frames(protocol, "video")),
        audio_frames_(Frames(protocol, "audio")),
        paced_(registry.Counter("millrace_ingest_paced_total",
                                "Times that a publisher was not read because it was too far ahead "
                                "of real time.",
                                {{"protocol", protocol}})),
        transcoded_(Transcodes("ok")),
        undecodable_(Transcodes("undecodable")),
        not_transcoded_(Transcodes("refused")) {}

  void Count(const media::Frame& frame, bool video) {
    (video ? video_bytes_ : audio_bytes_).Increment(static_cast<double>(frame.payload.size()));
    (video ? video_frames_ : audio_frames_).Increment();
  }
  void Paced() { paced_.Increment(); }
  void Transcoded(bool ok) { (ok ? transcoded_ : undecodable_).Increment(); }
  void NotTranscoded() { not_transcoded_.Increment(); }
  void Dropped(const char* reason) {
    registry_
        .Counter("millrace_frames_dropped_total", "Frames that were not delivered, by reason.",
                 {{"reason", reason}})
        .Increment();
  }
  void Repaired(const char* kind) {
    registry_
        .Counter("millrace_timestamp_repairs_total",
                 "Input timestamps that were repaired, by kind.", {{"kind", kind}})
        .Increment();
  }

 private:
  prometheus::Counter& Bytes(const std::string& protocol, const char* kind) {
    return registry_.Counter("millrace_ingest_bytes_total", "Media bytes read from publishers.",
                             {{"protocol", protocol}, {"kind", kind}});
  }
  prometheus::Counter& Frames(const std::string& protocol, const char* kind) {
    return registry_.Counter("millrace_ingest_frames_total", "Frames read from publishers.",
                             {{"protocol", protocol}, {"kind", kind}});
  }
  prometheus::Counter& Transcodes(const char* result) {
    return registry_.Counter("millrace_ingest_transcodes_total",
                             "Units of sound that were to become AAC, by result; `refused` is a "
                             "track that was left as it is.",
                             {{"result", result}});
  }
  metrics::Registry& registry_;
  prometheus::Counter& video_bytes_;
  prometheus::Counter& audio_bytes_;
  prometheus::Counter& video_frames_;
  prometheus::Counter& audio_frames_;
  prometheus::Counter& paced_;
  prometheus::Counter& transcoded_;
  prometheus::Counter& undecodable_;
  prometheus::Counter& not_transcoded_;
};

// The publication and its observer: home shard only, but for the members that say otherwise.
class HomeSide : public bus::PublicationObserver {
 public:
  using OnGrant = std::function<void(const bus::Grant&)>;
  using OnRefusal = std::function<void(v1::RefusalReason, const std::string&)>;
  HomeSide(OnGrant granted, OnRefusal refused, std::function<void(uint64_t)> lost)
      : granted_(std::move(granted)), refused_(std::move(refused)), lost_(std::move(lost)) {}

  void OnGranted(const bus::Grant& grant) override { granted_(grant); }
  void OnRefused(v1::RefusalReason reason, const std::string& text) override {
    refused_(reason, text);
  }
  void OnLost(uint64_t from, uint64_t to) override { lost_(to - from + 1); }

  std::unique_ptr<bus::Publication> publication;

 private:
  const OnGrant granted_;
  const OnRefusal refused_;
  const std::function<void(uint64_t)> lost_;
};

v1::PublishPolicy Policy(v1::PublishPolicySetting setting) {
  return setting == v1::reject ? v1::PUBLISH_POLICY_REJECT : v1::PUBLISH_POLICY_REPLACE;
}

class IngestImpl : public Ingest, public std::enable_shared_from_this<IngestImpl> {
 public:
  IngestImpl(asio::io_context& home, asio::io_context& shard, metrics::Registry& metrics,
             IngestOptions options, IngestObserver& observer)
      : home_(home),
        timer_(shard),
        shard_(shard),
        metrics_(metrics, options.protocol),
        options_(std::move(options)),
        observer_(&observer),
        guard_(GuardOptions(options_.settings)),
        core_(CoreOptions(options_), CoreOutput()) {}

  void Open(bus::Client& bus) {
    const auto weak = weak_from_this();
    // What the router says is posted: an observer may destroy this from within its call.
    const auto on_shard = [weak, &shard = shard_](auto action) {
      asio::post(shard, [weak, action = std::move(action)] {
        if (const auto self = weak.lock()) action(*self);
      });
    };
    side_ = std::make_shared<HomeSide>(
        [on_shard](const bus::Grant& grant) {
          on_shard([grant](IngestImpl& self) { self.Granted(grant); });
        },
        [on_shard](v1::RefusalReason reason, const std::string& text) {
          on_shard([reason, text](IngestImpl& self) { self.Refused(reason, text); });
        },
        [on_shard](uint64_t frames) {
          on_shard([frames](IngestImpl& self) {
            for (uint64_t i = 0; i < frames; ++i) self.metrics_.Dropped("replay_overflow");
          });
        });
    bus::PublishOptions publish;
    publish.session = options_.session;
    publish.policy = Policy(options_.settings.publish_policy());
    publish.grace_ms = options_.settings.grace();
    publish.grace_after_unpublish_ms = options_.settings.grace_after_unpublish();
    publish.replay_limit_bytes = options_.settings.replay_limit();
    publish.segment_target_ms = options_.settings.segment_target();
    publish.part_target_ms = options_.settings.part_target();
    asio::dispatch(home_,
                   [side = side_, &bus, stream = options_.stream, publish = std::move(publish)] {
                     side->publication = bus.Publish(stream, publish, *side);
                   });
  }

  void SetTrack(media::Track track) override {
    if (closed_) return;
    if (track.kind == media::TrackKind::kVideo) video_tracks_.insert(track.id);
    core_.SetTrack(ToBePublished(std::move(track)), Now());
    Arm();
  }
  void Push(InputFrame frame) override {
    if (closed_ || excess_) return;
    const IngestTime now = Now();
    excess_ = guard_.OnFrame(frame.track, video_tracks_.contains(frame.track), frame.payload.size(),
                             frame.dts_ns, now.monotonic_ns);
    if (excess_) {
      // Posted: an observer may destroy this from within its call.
      asio::post(shard_, [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (self == nullptr || self->closed_) return;
        self->observer_->OnExcess(self->excess_->name, self->excess_->text);
      });
      return;
    }
    const auto transcoder = transcoders_.find(frame.track);
    if (transcoder == transcoders_.end()) {
      core_.Push(std::move(frame), now);
    } else {
      Transcode(*transcoder->second, frame, now);
    }
    Arm();
  }
  void SetSettings(const v1::AppSettings& settings) override {
    if (closed_) return;
    core_.SetPolicy(settings.flush() * kMs, settings.audio_hold() * kMs);
    Arm();
    asio::dispatch(home_, [side = side_, grace = settings.grace(),
                           after_unpublish = settings.grace_after_unpublish()] {
      if (side->publication != nullptr) side->publication->SetGrace(grace, after_unpublish);
    });
  }
  nanoseconds Wait() override {
    if (closed_) return nanoseconds(0);
    const nanoseconds wait(guard_.WaitNs(Now().monotonic_ns));
    if (wait.count() > 0) metrics_.Paced();
    return wait;
  }
  void Close(bool lost) override {
    if (closed_) return;
    core_.Finish(Now());
    closed_ = true;
    observer_ = nullptr;
    timer_.cancel();
    asio::dispatch(home_, [side = side_, lost] {
      if (side->publication != nullptr) side->publication->Unpublish(lost);
      side->publication.reset();
    });
  }

 private:
  // The track as viewers get it.
  media::Track ToBePublished(media::Track track) {
    const auto known = transcoders_.find(track.id);
    if (known != transcoders_.end() && known->second->source() == track) {
      return known->second->track();
    }
    if (known != transcoders_.end()) transcoders_.erase(known);
    if (track.kind != media::TrackKind::kAudio || track.codec == media::Codec::kAac ||
        options_.settings.audio_transcode() != v1::aac) {
      return track;
    }
    auto made = transcode::AudioTranscoder::Create(track);
    if (!made.ok()) {
      // As it is it still reaches those who can hear it.
      metrics_.NotTranscoded();
      return track;
    }
    return (transcoders_[track.id] = *std::move(made))->track();
  }
  void Transcode(transcode::AudioTranscoder& transcoder, const InputFrame& frame, IngestTime now) {
    std::vector<transcode::AudioUnit> units;
    const absl::Status status = transcoder.Take(frame.dts_ns, frame.payload.bytes(), units);
    metrics_.Transcoded(status.ok());
    for (transcode::AudioUnit& unit : units) {
      InputFrame made;
      made.track = frame.track;
      made.flags = media::kClosedRandomAccess;
      made.dts_ns = made.pts_ns = unit.dts_ns;
      made.payload = std::move(unit.payload);
      core_.Push(std::move(made), now);
    }
  }
  static IngestGuard::Options GuardOptions(const v1::AppSettings& settings) {
    return {.speed_percent = settings.ingest_speed_limit(),
            .burst_ns = settings.ingest_burst() * int64_t{1'000'000},
            .max_bitrate = settings.max_bitrate(),
            .max_frame_rate = settings.max_frame_rate()};
  }

  static IngestCore::Options CoreOptions(const IngestOptions& options) {
    const v1::AppSettings& settings = options.settings;
    IngestCore::Options core;
    core.track_wait_ns = settings.track_wait() * kMs;
    core.segment_target_ns = settings.segment_target() * kMs;
    core.max_held_bytes = options.max_held_bytes;
    core.batcher.flush_ns = settings.flush() * kMs;
    core.batcher.audio_hold_ns = settings.audio_hold() * kMs;
    return core;
  }

  IngestCore::Output CoreOutput() {
    return {.tracks = [this](const media::TrackSet& tracks) { SendTracks(tracks); },
            .batch = [this](std::vector<media::Frame> frames) { SendBatch(std::move(frames)); },
            .dropped = [this](IngestDrop drop) { metrics_.Dropped(IngestDropName(drop)); },
            .repaired =
                [this](media::TimestampRepair::Kind kind) {
                  metrics_.Repaired(media::TimestampRepair::KindName(kind));
                }};
  }

  void SendTracks(const media::TrackSet& tracks) {
    is_video_.clear();
    for (const media::Track& track : tracks.tracks) {
      if (track.kind == media::TrackKind::kData) continue;
      is_video_[track.id] = track.kind == media::TrackKind::kVideo;
    }
    asio::dispatch(home_, [side = side_, tracks] {
      if (side->publication != nullptr) side->publication->SetTracks(tracks);
    });
  }
  void SendBatch(std::vector<media::Frame> frames) {
    for (const media::Frame& frame : frames) {
      const auto found = is_video_.find(frame.track);
      if (found != is_video_.end()) metrics_.Count(frame, found->second);
    }
    asio::dispatch(home_, [side = side_, frames = std::move(frames)] {
      if (side->publication != nullptr) side->publication->Send(frames);
    });
  }

  void Granted(const bus::Grant& grant) {
    if (closed_) return;
    core_.Granted(grant, Now());
    Arm();
    observer_->OnAccepted();
  }
  void Refused(v1::RefusalReason reason, const std::string& text) {
    if (closed_) return;
    closed_ = true;
    timer_.cancel();
    asio::dispatch(home_, [side = side_] { side->publication.reset(); });
    std::exchange(observer_, nullptr)->OnClosed(reason, text);
  }

  // The timer is not moved when a deadline goes away: it fires, looks, and is set anew.
  void Arm() {
    const std::optional<int64_t> deadline = core_.NextDeadline();
    if (!deadline || (armed_ && armed_for_ <= *deadline)) return;
    armed_ = true;
    armed_for_ = *deadline;
    timer_.expires_at(std::chrono::steady_clock::time_point(nanoseconds(*deadline)));
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (error || self == nullptr || self->closed_) return;
      self->armed_ = false;
      self->core_.OnTimer(Now());
      self->Arm();
    });
  }

  asio::io_context& home_;
  asio::steady_timer timer_;
  asio::io_context& shard_;
  IngestMetrics metrics_;
  const IngestOptions options_;
  IngestObserver* observer_;
  std::map<uint8_t, bool> is_video_;  // of tracks that are counted: not of data
  std::set<uint8_t> video_tracks_;    // of all that the publisher announced
  std::map<uint8_t, std::unique_ptr<transcode::AudioTranscoder>> transcoders_;  // by track
  IngestGuard guard_;
  std::optional<IngestGuard::Excess> excess_;
  std::shared_ptr<HomeSide> side_;
  IngestCore core_;
  bool closed_ = false;
  bool armed_ = false;
  int64_t armed_for_ = 0;
};

// What the session holds; the implementation may outlive it for as long as a posted call needs.
class IngestHandle : public Ingest {
 public:
  explicit IngestHandle(std::shared_ptr<IngestImpl> impl) : impl_(std::move(impl)) {}
  ~IngestHandle() override { impl_->Close(true); }
  void SetTrack(media::Track track) override { impl_->SetTrack(std::move(track)); }
  void Push(InputFrame frame) override { impl_->Push(std::move(frame)); }
  void SetSettings(const v1::AppSettings& settings) override { impl_->SetSettings(settings); }
  nanoseconds Wait() override { return impl_->Wait(); }
  void Close(bool lost) override { impl_->Close(lost); }

 private:
  const std::shared_ptr<IngestImpl> impl_;
};

}  // namespace

void Ingest::Take(std::vector<media::InputItem>& items) {
  for (media::InputItem& item : items) {
    if (auto* track = std::get_if<media::Track>(&item)) {
      SetTrack(std::move(*track));
    } else {
      Push(std::move(std::get<InputFrame>(item)));
    }
  }
  items.clear();
}

std::unique_ptr<Ingest> Ingest::Start(bus::Client& bus, loop::Shards& shards,
                                      asio::io_context& shard, metrics::Registry& metrics,
                                      IngestOptions options, IngestObserver& observer) {
  auto impl =
      std::make_shared<IngestImpl>(shards.home(), shard, metrics, std::move(options), observer);
  impl->Open(bus);
  return std::make_unique<IngestHandle>(std::move(impl));
}

}  // namespace millrace::stream
