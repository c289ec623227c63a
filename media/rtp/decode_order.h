#pragma once
// RTP carries presentation times in decoding order: when each unit is to be decoded follows from
// how far pictures are reordered.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace::media::rtp {

// Of one video track. Not thread-safe.
class DecodeOrder {
 public:
  static constexpr size_t kMaxDepth = 16;

  // `depth`: how many pictures may precede a picture in decoding order and follow it in output
  // order (max_num_reorder_frames). 0 also where it is not known: it grows when pictures show it.
  explicit DecodeOrder(size_t depth = 0) : depth_(std::min(depth, kMaxDepth)) {}

  void SetDepth(size_t depth) { depth_ = std::max(depth_, std::min(depth, kMaxDepth)); }
  size_t depth() const { return depth_; }

  // The decoding time of the next unit: the smallest presentation time of the last depth + 1 ones.
  // It is never behind `pts`, and does not fall as long as the depth is right.
  int64_t operator()(int64_t pts) {
    window_.push_back(pts);
    if (started_ && pts < last_ && depth_ < kMaxDepth) ++depth_;
    if (window_.size() > depth_ + 1) {
      // The earliest one has been decoded already: it leaves.
      window_.erase(std::min_element(window_.begin(), window_.end() - 1));
    }
    started_ = true;
    last_ = *std::min_element(window_.begin(), window_.end());
    return last_;
  }
  // What comes next has nothing to do with what came before.
  void Reset() {
    window_.clear();
    started_ = false;
  }

 private:
  size_t depth_;
  std::vector<int64_t> window_;
  bool started_ = false;
  int64_t last_ = 0;
};

}  // namespace millrace::media::rtp
