#pragma once
// What a publisher may send: how far ahead of real time, how many bits and video frames a second.
// Sans I/O; one per publisher. Times are nanoseconds, `now_ns` monotonic.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millrace::stream {

// How far a publisher's media has come: the track that is furthest. A step back, or ahead by more
// than a frame can be long, is a jump of its clock and counts as nothing.
class MediaClock {
 public:
  void Add(uint8_t track, int64_t dts_ns);
  int64_t elapsed_ns() const { return elapsed_ns_; }

 private:
  struct Track {
    uint8_t id;
    int64_t dts_ns;
    int64_t elapsed_ns;
  };
  std::vector<Track> tracks_;
  int64_t elapsed_ns_ = 0;
};

// A limit a second that may be passed for a while: by three seconds' worth.
class RateCap {
 public:
  // `limit` 0: none.
  explicit RateCap(uint64_t limit) : limit_(static_cast<double>(limit)) {}

  // Whether that is too much. `time_ns` never falls.
  bool Add(double units, int64_t time_ns);
  // Since it was last below its limit.
  double average() const;

 private:
  const double limit_;
  double level_ = 0;
  int64_t then_ns_ = 0;
  double since_units_ = 0;
  int64_t since_ns_ = 0;
};

class IngestGuard {
 public:
  struct Options {
    uint32_t speed_percent = 0;  // of real time; 0: no limit
    int64_t burst_ns = 0;        // how far ahead of that at once
    uint64_t max_bitrate = 0;    // 0: no limit, as below
    uint32_t max_frame_rate = 0;
  };
  struct Excess {
    const char* name;  // "max_bitrate", "max_frame_rate": log field and metric label
    std::string text;  // for people, with what to do
  };

  explicit IngestGuard(const Options& options)
      : options_(options), bitrate_(options.max_bitrate), frame_rate_(options.max_frame_rate) {}

  // One frame, on the publisher's own clock. What it is beyond for good, or nothing.
  std::optional<Excess> OnFrame(uint8_t track, bool video, size_t bytes, int64_t dts_ns,
                                int64_t now_ns);
  // How long nothing more should be read, so that the publisher keeps to its speed. 0: go on. At
  // most kMaxWaitNs: a publisher that is gone is to be noticed.
  int64_t WaitNs(int64_t now_ns);

  static constexpr int64_t kMaxWaitNs = 10'000'000'000;

 private:
  void Drain(int64_t now_ns);

  const Options options_;
  MediaClock clock_;
  RateCap bitrate_;
  RateCap frame_rate_;
  std::optional<int64_t> begin_ns_;
  int64_t time_ns_ = 0;  // the longer of media and real time, since the first frame
  // Media that came beyond what speed_percent accounts for.
  int64_t lead_ns_ = 0;
  int64_t then_ns_ = 0;
};

}  // namespace millrace::stream
