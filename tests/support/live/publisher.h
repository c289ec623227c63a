#pragma once
// One RTMP publisher, of a synthetic stream or of files, in real time.

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/live/elementary.h"
#include "tests/support/live/loop.h"
#include "tests/support/live/rtmp_client.h"
#include "tests/support/live/synthetic.h"

namespace millrace::live {

class Publisher final : Loop::Handler, RtmpClient::Observer {
 public:
  struct Options {
    Url url;
    Profile profile;
    std::optional<ElementaryStream> files;  // in place of the profile; ends with a goodbye
    uint32_t run = 1;
    uint32_t timestamp_offset_ms = 0;  // of the first frame
    bool silent = false;               // headers and one key frame, then nothing
    std::string bind_address;
    // "publishing", "status", "closed".
    std::function<void(const std::string& event, const nlohmann::json& details)> on_event;
  };

  Publisher(Loop& loop, Options options);
  ~Publisher() override;

  void Start();
  void Stop();  // says goodbye, sends what is pending, closes once the server has
  void Cut();   // closes without a word
  void Pause() { paused_ = true; }  // stays connected, sends nothing
  bool open() const { return fd_ >= 0; }
  nlohmann::json Report() const;

 private:
  void OnEvents(uint32_t events) override;
  void OnReady() override;
  void OnStatus(const std::string& level, const std::string& code,
                const std::string& description) override;
  void OnTag(uint8_t /*type*/, uint32_t /*timestamp_ms*/,
             std::span<const uint8_t> /*body*/) override {}
  void SendDueFrames();
  int64_t NextMs() const;  // of the next frame; -1 behind the last one
  void SendNext();
  void Write();
  void End(const std::string& how);

  Loop& loop_;
  const Options options_;
  RtmpClient client_;
  SyntheticStream stream_;
  SyntheticStream::Tag tag_;
  size_t next_file_frame_ = 0;
  int fd_ = -1;
  int64_t began_ns_ = 0;
  bool paused_ = false;
  bool stopping_ = false;
  size_t largest_backlog_ = 0;
  std::shared_ptr<Publisher*> self_;  // null inside once this is gone: timers outlive it
};

}  // namespace millrace::live
