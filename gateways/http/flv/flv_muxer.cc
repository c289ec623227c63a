#include "gateways/http/flv/flv_muxer.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gateways/http/flv/flv_unit.h"
#include "media/base/ticks.h"
#include "media/flv/muxer.h"

namespace millrace::http {
namespace {

namespace flv = media::flv;
using media::Frame;
using media::Track;
using media::TrackKind;
using media::TrackSet;
using stream::WireUnitPtr;

constexpr size_t kMaxBody = 0xffffff;

class EmptyUnit final : public stream::WireUnit {
 public:
  size_t Size(int64_t /*base_ms*/) const override { return 0; }
  bool Gather(size_t /*skip*/, int64_t /*base_ms*/, stream::IovecList& /*out*/) const override {
    return true;
  }
};

flv::PresentationOptions OptionsOf(const LaneChoice& choice) {
  flv::PresentationOptions options;
  options.form = choice.form;
  options.video = choice.selection != Selection::kAudio;
  options.audio = choice.selection != Selection::kVideo;
  return options;
}

void AddAnnouncements(FlvUnit::Builder& builder, const flv::Presentation& shown,
                      const TrackSet& known, int64_t timestamp_ms) {
  for (flv::Announcement& one : flv::Announce(shown, known, MILLRACE_VERSION)) {
    builder.Add(one.type, timestamp_ms, {}, media::Payload::FromVector(std::move(one.body)));
  }
}

bool StartsWithKeyFrame(const TrackSet& tracks, std::span<const Frame> frames) {
  if (frames.empty() || !frames.front().random_access()) return false;
  const Track* track = tracks.Find(frames.front().track);
  return track != nullptr && track->kind == TrackKind::kVideo;
}

class FlvMuxer final : public stream::LaneMuxer {
 public:
  FlvMuxer(const LaneChoice& choice, Framing framing)
      : options_(OptionsOf(choice)), framing_(framing) {}

  WireUnitPtr Preamble(const TrackSet& tracks) override {
    const flv::Presentation shown(tracks, options_);
    if (shown.empty()) return nullptr;
    // From here on this is what every viewer knows: TracksChanged, if any, came before.
    announced_ = shown.Announced();
    FlvUnit::Builder builder(3, framing_);
    builder.Head(flv::FlvFileHeader(shown.has(TrackKind::kAudio), shown.has(TrackKind::kVideo)));
    AddAnnouncements(builder, shown, {}, 0);
    return builder.Take();
  }

  // Only what changed: players take a repeated AudioSpecificConfig for a new one and start over.
  WireUnitPtr TracksChanged(const TrackSet& tracks, int64_t dts_ms) override {
    const flv::Presentation shown(tracks, options_);
    TrackSet now = shown.Announced();
    if (now == announced_) return nullptr;
    FlvUnit::Builder builder(3, framing_);
    if (!shown.empty()) AddAnnouncements(builder, shown, announced_, dts_ms);
    announced_ = std::move(now);
    return builder.Take();
  }

  WireUnitPtr TracksRestated(const TrackSet& tracks, int64_t dts_ms) override {
    const flv::Presentation shown(tracks, options_);
    if (shown.empty()) return nullptr;
    FlvUnit::Builder builder(3, framing_);
    AddAnnouncements(builder, shown, {}, dts_ms);
    return builder.Take();
  }

  bool Carries(const TrackSet& tracks, const Track& track) const override {
    return flv::Presentation(tracks, options_).Find(track.id) != nullptr;
  }

  WireUnitPtr Frames(const TrackSet& tracks, std::span<const Frame> frames) override {
    const flv::Presentation presentation(tracks, options_);
    FlvUnit::Builder builder(frames.size(), framing_);
    for (const Frame& frame : frames) {
      const flv::PresentedTrack* shown = presentation.Find(frame.track);
      const size_t size = frame.data().size();
      // A body's size has 24 bits; what does not fit cannot be said in FLV.
      if (shown == nullptr || size == 0 || size + flv::kMaxPrefixSize > kMaxBody) continue;
      builder.Add(flv::TagTypeOf(shown->track->kind), media::MsFromNs(frame.dts_ns),
                  flv::FramePrefix(*shown, frame), frame.payload.Slice(frame.header_len, size));
    }
    WireUnitPtr unit = builder.Take();
    const bool listens = presentation.has(TrackKind::kAudio);
    if (unit == nullptr && listens && StartsWithKeyFrame(tracks, frames)) {
      // A place where viewers may start, though a key frame has nothing for those who only listen.
      return empty_;
    }
    return unit;
  }

 private:
  const flv::PresentationOptions options_;
  const Framing framing_;
  const WireUnitPtr empty_ = std::make_shared<EmptyUnit>();
  TrackSet announced_;  // what viewers of the running stream know
};

// Something where FlvMuxer has something, but empty.
class HeadMuxer final : public stream::LaneMuxer {
 public:
  explicit HeadMuxer(const LaneChoice& choice) : options_(OptionsOf(choice)) {}

  WireUnitPtr Preamble(const TrackSet& tracks) override {
    return flv::Presentation(tracks, options_).empty() ? nullptr : empty_;
  }
  WireUnitPtr TracksChanged(const TrackSet& /*tracks*/, int64_t /*dts_ms*/) override {
    return nullptr;
  }
  WireUnitPtr TracksRestated(const TrackSet& /*tracks*/, int64_t /*dts_ms*/) override {
    return nullptr;
  }
  bool Carries(const TrackSet& /*tracks*/, const Track& /*track*/) const override { return false; }
  WireUnitPtr Frames(const TrackSet& tracks, std::span<const Frame> /*frames*/) override {
    return flv::Presentation(tracks, options_).empty() ? nullptr : empty_;
  }

 private:
  const flv::PresentationOptions options_;
  const WireUnitPtr empty_ = std::make_shared<EmptyUnit>();
};

std::string LaneKey(const LaneChoice& choice) {
  std::string key = "flv";
  if (choice.selection == Selection::kAudio) key += "-audio";
  if (choice.selection == Selection::kVideo) key += "-video";
  if (choice.form != flv::Form::kAuto) key += std::string("-") + flv::FormName(choice.form);
  return key;
}

}  // namespace

stream::Lane FlvLane(const LaneChoice& choice, Framing framing) {
  std::string key = LaneKey(choice);
  if (framing == Framing::kChunked) key += "-chunked";
  if (framing == Framing::kWebSocket) key += "-websocket";
  return {std::move(key),
          [choice, framing] { return std::make_unique<FlvMuxer>(choice, framing); }};
}

stream::Lane FlvHeadLane(const LaneChoice& choice) {
  return {LaneKey(choice) + "-head", [choice] { return std::make_unique<HeadMuxer>(choice); }};
}

}  // namespace millrace::http
