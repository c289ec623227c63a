#include "tests/support/live/checker.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace millrace::live {
namespace {
constexpr size_t kFirstTags = 8;
}

int64_t Checker::Unwrap(uint32_t timestamp_ms) {
  if (!unwrapping_) {
    unwrapping_ = true;
    last_unwrapped_ = timestamp_ms;
  } else {
    last_unwrapped_ += static_cast<int32_t>(timestamp_ms - static_cast<uint32_t>(last_unwrapped_));
  }
  return last_unwrapped_;
}

void Checker::OnTag(uint8_t type, uint32_t timestamp_ms, std::span<const uint8_t> body,
                    int64_t now_ns) {
  if (type == kDataTag) {
    ++metadata_;
    if (first_tags_.size() < kFirstTags) first_tags_ += 'd';
    return;
  }
  if (body.size() < 2) return;
  if (body[1] != 1) {
    OnHeader(type, body);
    return;
  }
  bool intact = false;
  const auto id = ReadFrameId(type, body, intact);
  if (first_tags_.size() < kFirstTags) {
    const bool key = type == kVideoTag && body[0] >> 4 == 1;
    first_tags_ += type == kAudioTag ? 'A' : key ? 'K' : 'V';
  }
  const int64_t time = Unwrap(timestamp_ms);
  if (!first_ms_) first_ms_ = time;
  ++frames_;
  if (!id) {
    ++foreign_;
    if (type == kVideoTag && body[0] >> 4 == 1) key_frame_seen_ = true;
    return;
  }
  if (!intact) ++damaged_;
  if (headers_.at(id->video ? 1 : 0) == 0) ++before_header_;
  if (id->video && video_latencies_us_ != nullptr) {
    video_latencies_us_->push_back(static_cast<int32_t>((now_ns - id->written_ns) / 1000));
  }
  OnFrame(*id, time);
}

void Checker::OnHeader(uint8_t type, std::span<const uint8_t> body) {
  const bool video = type == kVideoTag;
  if (body[1] != 0) return;  // AVC end of sequence
  ++headers_.at(video ? 1 : 0);
  if (first_tags_.size() < kFirstTags) first_tags_ += video ? 'v' : 'a';
}

void Checker::OnFrame(const FrameId& id, int64_t timestamp_ms) {
  if (!runs_.contains(id.run)) run_order_.push_back(id.run);
  Run& run = runs_[id.run];
  Kind& kind = run.kinds.at(id.video ? 1 : 0);
  bool resumed = !kind.last;
  if (!kind.last) {
    kind.first = id.number;
    kind.last = id.number;
  } else if (id.number == *kind.last + 1) {
    kind.last = id.number;
  } else if (id.number > *kind.last) {
    kind.missing += id.number - *kind.last - 1;
    ++kind.gaps;
    kind.last = id.number;
    resumed = true;
  } else if (id.number == *kind.last) {
    ++kind.doubled;
  } else {
    ++kind.reordered;  // late, or once more
  }
  ++kind.frames;
  if (id.video && resumed && !id.key) ++starts_without_key_;
  if (id.video && id.key) key_frame_seen_ = true;

  const int64_t offset = timestamp_ms - FrameTimeMs(id.video, id.number, id.thrifty);
  if (!run.any) run.offset_min_ms = run.offset_max_ms = offset;
  run.any = true;
  run.offset_min_ms = std::min(run.offset_min_ms, offset);
  run.offset_max_ms = std::max(run.offset_max_ms, offset);

  Track& track = tracks_.at(id.video ? 1 : 0);
  if (track.last_ms) {
    if (timestamp_ms < *track.last_ms) ++track.backwards;
    track.longest_gap_ms = std::max(track.longest_gap_ms, timestamp_ms - *track.last_ms);
  }
  track.last_ms = timestamp_ms;
}

nlohmann::json Checker::Report() const {
  nlohmann::json report;
  uint64_t missing = 0, doubled = 0, reordered = 0;
  auto& runs = report["runs"] = nlohmann::json::array();
  for (const uint32_t number : run_order_) {
    const Run& run = runs_.at(number);
    nlohmann::json row = {{"run", number},
                          {"offset_ms", run.offset_min_ms},
                          {"offset_spread_ms", run.offset_max_ms - run.offset_min_ms}};
    for (size_t i = 0; i < run.kinds.size(); ++i) {
      const Kind& kind = run.kinds[i];
      if (!kind.last) continue;
      missing += kind.missing;
      doubled += kind.doubled;
      reordered += kind.reordered;
      row[i == 1 ? "video" : "audio"] = {{"first", kind.first},        {"last", *kind.last},
                                         {"frames", kind.frames},      {"missing", kind.missing},
                                         {"doubled", kind.doubled},    {"gaps", kind.gaps},
                                         {"reordered", kind.reordered}};
    }
    runs.push_back(row);
  }
  report["frames"] = frames_;
  report["missing"] = missing;
  report["doubled"] = doubled;
  report["reordered"] = reordered;
  report["damaged"] = damaged_;
  report["foreign"] = foreign_;
  report["metadata"] = metadata_;
  report["audio_headers"] = headers_[0];
  report["video_headers"] = headers_[1];
  report["before_header"] = before_header_;
  report["starts_without_key"] = starts_without_key_;
  report["dts_backwards"] = tracks_[0].backwards + tracks_[1].backwards;
  report["longest_audio_gap_ms"] = tracks_[0].longest_gap_ms;
  report["longest_video_gap_ms"] = tracks_[1].longest_gap_ms;
  report["first_timestamp_ms"] = first_ms_.value_or(-1);
  report["last_audio_ms"] = tracks_[0].last_ms.value_or(-1);
  report["last_video_ms"] = tracks_[1].last_ms.value_or(-1);
  report["first_tags"] = first_tags_;
  return report;
}

}  // namespace millrace::live
