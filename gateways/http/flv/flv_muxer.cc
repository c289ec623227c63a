#include "gateways/http/flv/flv_muxer.h"

#include <cstdint>
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

// What of a track set goes into this lane; pointers into the set.
struct Chosen {
  const Track* video = nullptr;
  const Track* audio = nullptr;
  bool none() const { return video == nullptr && audio == nullptr; }
};

Chosen Choose(const TrackSet& tracks, Selection selection) {
  Chosen chosen;
  for (const Track& track : tracks.tracks) {
    if (!flv::CanCarry(track)) continue;
    if (track.kind == TrackKind::kVideo && selection != Selection::kAudio &&
        chosen.video == nullptr) {
      chosen.video = &track;
    }
    if (track.kind == TrackKind::kAudio && selection != Selection::kVideo &&
        chosen.audio == nullptr) {
      chosen.audio = &track;
    }
  }
  return chosen;
}

TrackSet SetOf(const Chosen& chosen) {
  TrackSet set;
  if (chosen.video != nullptr) set.tracks.push_back(*chosen.video);
  if (chosen.audio != nullptr) set.tracks.push_back(*chosen.audio);
  return set;
}

void AddMetaData(FlvUnit::Builder& builder, const TrackSet& announced, int64_t timestamp_ms) {
  builder.Add(flv::TagType::kScript, timestamp_ms, {},
              media::Payload::FromVector(flv::OnMetaData(announced, MILLRACE_VERSION)));
}

void AddVideoHeader(FlvUnit::Builder& builder, const Track& track, int64_t timestamp_ms) {
  builder.Add(flv::TagType::kVideo, timestamp_ms, {},
              media::Payload::FromVector(flv::VideoSequenceHeader(track)));
}

void AddAudioHeader(FlvUnit::Builder& builder, const Track& track, int64_t timestamp_ms) {
  builder.Add(flv::TagType::kAudio, timestamp_ms, {},
              media::Payload::FromVector(flv::AudioSequenceHeader(track)));
}

// What a viewer needs that knows nothing yet.
void AddAll(FlvUnit::Builder& builder, const Chosen& chosen, int64_t timestamp_ms) {
  AddMetaData(builder, SetOf(chosen), timestamp_ms);
  if (chosen.video != nullptr) AddVideoHeader(builder, *chosen.video, timestamp_ms);
  if (chosen.audio != nullptr) AddAudioHeader(builder, *chosen.audio, timestamp_ms);
}

bool StartsWithKeyFrame(const TrackSet& tracks, std::span<const Frame> frames) {
  if (frames.empty() || !frames.front().random_access()) return false;
  const Track* track = tracks.Find(frames.front().track);
  return track != nullptr && track->kind == TrackKind::kVideo;
}

bool SameConfig(const Track* before, const Track& now) {
  return before != nullptr && before->codec == now.codec && before->config == now.config;
}

class FlvMuxer final : public stream::LaneMuxer {
 public:
  FlvMuxer(Selection selection, Framing framing) : selection_(selection), framing_(framing) {}

  WireUnitPtr Preamble(const TrackSet& tracks) override {
    const Chosen chosen = Choose(tracks, selection_);
    if (chosen.none()) return nullptr;
    // From here on this is what every viewer knows: TracksChanged, if any, came before.
    announced_ = SetOf(chosen);
    FlvUnit::Builder builder(3, framing_);
    builder.Head(flv::FlvFileHeader(chosen.audio != nullptr, chosen.video != nullptr));
    AddAll(builder, chosen, 0);
    return builder.Take();
  }

  // Only what changed: players take a repeated AudioSpecificConfig for a new one and start over.
  WireUnitPtr TracksChanged(const TrackSet& tracks, int64_t dts_ms) override {
    const Chosen chosen = Choose(tracks, selection_);
    TrackSet now = SetOf(chosen);
    if (now == announced_) return nullptr;
    FlvUnit::Builder builder(3, framing_);
    if (!chosen.none()) AddMetaData(builder, now, dts_ms);
    if (chosen.video != nullptr &&
        !SameConfig(announced_.FirstOf(TrackKind::kVideo), *chosen.video)) {
      AddVideoHeader(builder, *chosen.video, dts_ms);
    }
    if (chosen.audio != nullptr &&
        !SameConfig(announced_.FirstOf(TrackKind::kAudio), *chosen.audio)) {
      AddAudioHeader(builder, *chosen.audio, dts_ms);
    }
    announced_ = std::move(now);
    return builder.Take();
  }

  WireUnitPtr TracksRestated(const TrackSet& tracks, int64_t dts_ms) override {
    const Chosen chosen = Choose(tracks, selection_);
    if (chosen.none()) return nullptr;
    FlvUnit::Builder builder(3, framing_);
    AddAll(builder, chosen, dts_ms);
    return builder.Take();
  }

  bool Carries(const TrackSet& tracks, const Track& track) const override {
    const Chosen chosen = Choose(tracks, selection_);
    return &track == chosen.video || &track == chosen.audio;
  }

  WireUnitPtr Frames(const TrackSet& tracks, std::span<const Frame> frames) override {
    const Chosen chosen = Choose(tracks, selection_);
    FlvUnit::Builder builder(frames.size(), framing_);
    for (const Frame& frame : frames) {
      const bool video = chosen.video != nullptr && frame.track == chosen.video->id;
      const bool audio = chosen.audio != nullptr && frame.track == chosen.audio->id;
      const size_t size = frame.data().size();
      // A body's size has 24 bits; what does not fit cannot be said in FLV.
      if ((!video && !audio) || size == 0 || size + flv::kVideoPrefixSize > kMaxBody) continue;
      media::Payload payload = frame.payload.Slice(frame.header_len, size);
      const int64_t time = media::MsFromNs(frame.dts_ns);
      if (video) {
        builder.Add(flv::TagType::kVideo, time, flv::VideoTagPrefix(frame), std::move(payload));
      } else {
        builder.Add(flv::TagType::kAudio, time, flv::AudioTagPrefix(*chosen.audio),
                    std::move(payload));
      }
    }
    WireUnitPtr unit = builder.Take();
    if (unit == nullptr && chosen.audio != nullptr && StartsWithKeyFrame(tracks, frames)) {
      // A place where viewers may start, though a key frame has nothing for those who only listen.
      return empty_;
    }
    return unit;
  }

 private:
  const Selection selection_;
  const Framing framing_;
  const WireUnitPtr empty_ = std::make_shared<EmptyUnit>();
  TrackSet announced_;  // what viewers of the running stream know
};

// Something where FlvMuxer has something, but empty.
class HeadMuxer final : public stream::LaneMuxer {
 public:
  explicit HeadMuxer(Selection selection) : selection_(selection) {}

  WireUnitPtr Preamble(const TrackSet& tracks) override {
    return Choose(tracks, selection_).none() ? nullptr : empty_;
  }
  WireUnitPtr TracksChanged(const TrackSet& /*tracks*/, int64_t /*dts_ms*/) override {
    return nullptr;
  }
  WireUnitPtr TracksRestated(const TrackSet& /*tracks*/, int64_t /*dts_ms*/) override {
    return nullptr;
  }
  bool Carries(const TrackSet& /*tracks*/, const Track& /*track*/) const override { return false; }
  WireUnitPtr Frames(const TrackSet& tracks, std::span<const Frame> /*frames*/) override {
    return Choose(tracks, selection_).none() ? nullptr : empty_;
  }

 private:
  const Selection selection_;
  const WireUnitPtr empty_ = std::make_shared<EmptyUnit>();
};

const char* LaneKey(Selection selection) {
  switch (selection) {
    case Selection::kAll:
      return "flv";
    case Selection::kAudio:
      return "flv-audio";
    case Selection::kVideo:
      return "flv-video";
  }
  return "flv";
}

}  // namespace

stream::Lane FlvLane(Selection selection, Framing framing) {
  std::string key = LaneKey(selection);
  if (framing == Framing::kChunked) key += "-chunked";
  if (framing == Framing::kWebSocket) key += "-websocket";
  return {std::move(key),
          [selection, framing] { return std::make_unique<FlvMuxer>(selection, framing); }};
}

stream::Lane FlvHeadLane(Selection selection) {
  return {std::string(LaneKey(selection)) + "-head",
          [selection] { return std::make_unique<HeadMuxer>(selection); }};
}

}  // namespace millrace::http
