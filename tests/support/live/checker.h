#pragma once
// What one viewer saw of synthetic streams: every frame accounted for.

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tests/support/live/synthetic.h"

namespace millrace::live {

class Checker {
 public:
  // Where latencies are collected as well; shared by the viewers of a tool.
  explicit Checker(std::vector<int32_t>* video_latencies_us = nullptr)
      : video_latencies_us_(video_latencies_us) {}

  void OnTag(uint8_t type, uint32_t timestamp_ms, std::span<const uint8_t> body, int64_t now_ns);
  uint64_t frames() const { return frames_; }
  bool key_frame_seen() const { return key_frame_seen_; }
  // Counts of all kinds together, then each run by itself.
  nlohmann::json Report() const;

 private:
  struct Kind {
    uint32_t first = 0;
    std::optional<uint32_t> last;
    uint64_t frames = 0;
    uint64_t missing = 0;
    uint64_t doubled = 0;
    uint64_t reordered = 0;
    uint64_t gaps = 0;
  };
  struct Run {
    std::array<Kind, 2> kinds;  // audio, video
    // Of (timestamp seen - timestamp at the source): constant if the server only shifts time.
    int64_t offset_min_ms = 0;
    int64_t offset_max_ms = 0;
    bool any = false;
  };
  struct Track {
    std::optional<int64_t> last_ms;
    int64_t backwards = 0;
    int64_t longest_gap_ms = 0;
  };
  void OnFrame(const FrameId& id, int64_t timestamp_ms);
  void OnHeader(uint8_t type, std::span<const uint8_t> body);
  int64_t Unwrap(uint32_t timestamp_ms);

  std::vector<int32_t>* video_latencies_us_;
  std::map<uint32_t, Run> runs_;
  std::vector<uint32_t> run_order_;
  std::array<Track, 2> tracks_;
  uint64_t frames_ = 0;
  uint64_t damaged_ = 0;
  uint64_t foreign_ = 0;  // without a record
  uint64_t metadata_ = 0;
  uint64_t starts_without_key_ =
      0;  // video that begins, or resumes behind a gap, with an inter frame
  uint64_t before_header_ = 0;
  std::array<uint64_t, 2> headers_{};
  bool key_frame_seen_ = false;
  std::optional<int64_t> first_ms_;
  int64_t last_unwrapped_ = 0;
  bool unwrapping_ = false;
  std::string first_tags_;  // "dva": data, video header, audio header, then V K A for frames
};

}  // namespace millrace::live
