#pragma once
// The synthetic source: a stream whose every frame says which one it is. Parameter sets are real
// (libx264, 25 fps; AAC-LC, 44.1 kHz stereo), frames are framed as H.264 and AAC are, but their
// bits mean nothing to a decoder: behind the slice header comes a record (run, number, time of
// writing, size), then bytes that the record foretells. So a viewer can tell loss, doubling,
// reordering, damage and delay without the source.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace millrace::live {

inline constexpr uint8_t kAudioTag = 8, kVideoTag = 9, kDataTag = 18;

struct Profile {
  uint32_t width;
  uint32_t height;
  uint32_t video_bytes_per_second;
  uint32_t gop_frames;
  uint32_t audio_bytes_per_second;  // 0: no audio
  bool video;
  std::span<const uint8_t> avc_config;
  bool thrifty = false;  // few frames
};

// "bench": 1280x720, 2 Mbit/s, GOP 2 s, AAC 128 kbit/s. "small": 640x360, 300 kbit/s in all.
// "light": 640x360, 160 kbit/s in all, GOP 1 s, for tests with many viewers. "heavy": 8 Mbit/s, to
// fill buffers soon. "audio", "video": one track of "light". "thrifty": 5 pictures of
// 600 bytes and 8 frames of 8 kHz mono a second, for many streams at once.
std::optional<Profile> FindProfile(std::string_view name);

inline constexpr int64_t kFramesPerSecond = 25, kSampleRate = 44100, kSamplesPerFrame = 1024;
inline constexpr int64_t kThriftyFramesPerSecond = 5, kThriftySampleRate = 8000;

// What a record says, and what follows from it.
struct FrameId {
  uint32_t run = 0;
  bool video = false;
  bool key = false;
  bool thrifty = false;
  uint32_t number = 0;     // of its kind in its run, from 0
  int64_t written_ns = 0;  // CLOCK_MONOTONIC
  uint32_t size = 0;       // of the record and what follows
};
// Of its dts, from the start of its run.
int64_t FrameTimeMs(bool video, uint32_t number, bool thrifty = false);

// Audio and video in the order of time, as an encoder interleaves them.
class SyntheticStream {
 public:
  SyntheticStream(const Profile& profile, uint32_t run) : profile_(profile), run_(run) {}

  struct Tag {
    uint8_t type = 0;
    uint32_t timestamp_ms = 0;
    std::vector<uint8_t> body;  // as in an FLV tag
    FrameId id;
  };
  std::vector<Tag> Headers() const;  // onMetaData, avcC, AudioSpecificConfig
  // When the next frame is due, from the start of the run.
  int64_t next_ms() const;
  // Fills `tag` with the next frame, stamped as written at `now_ns`.
  void Next(int64_t now_ns, Tag& tag);
  uint32_t video_frames() const { return video_number_; }
  uint32_t audio_frames() const { return audio_number_; }

 private:
  bool NextIsVideo() const;
  uint32_t VideoSize(uint32_t number) const;

  const Profile profile_;
  const uint32_t run_;
  uint32_t video_number_ = 0;
  uint32_t audio_number_ = 0;
};

// The record of an FLV tag body (audio or video, not a sequence header); nullopt where there is
// none. `intact`: all bytes behind it are what they should be.
std::optional<FrameId> ReadFrameId(uint8_t tag_type, std::span<const uint8_t> body, bool& intact);

}  // namespace millrace::live
