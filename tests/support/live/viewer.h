#pragma once
// One viewer: a socket, an RTMP, HTTP-FLV or WS-FLV client, and what it saw. With `drain`, it stops
// looking once media flows and throws the bytes away in the kernel (MSG_TRUNC), so that thousands
// cost little.

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tests/support/live/checker.h"
#include "tests/support/live/http_flv_client.h"
#include "tests/support/live/loop.h"
#include "tests/support/live/rtmp_client.h"
#include "tests/support/live/url.h"

namespace millrace::live {

class Viewer final : Loop::Handler, RtmpClient::Observer, HttpFlvClient::Observer {
 public:
  struct Options {
    Url url;
    bool drain = false;
    std::string bind_address;
    int receive_buffer = 0;
    std::vector<int32_t>* video_latencies_us = nullptr;
    std::vector<std::string> fourccs;  // announced by RTMP players
    // Each tag that came, before it is checked.
    std::function<void(uint8_t type, uint32_t timestamp_ms, std::span<const uint8_t> body)> on_tag;
    // "playing" (first frame), "key" (first whole key frame), "status", "closed".
    std::function<void(Viewer&, const std::string& event, const nlohmann::json& details)> on_event;
  };

  Viewer(Loop& loop, Options options);
  ~Viewer() override;

  void Start();
  void Stall() { Watch(true, false); }  // stops reading
  void Resume() { Watch(false, false); }
  void Close();
  bool open() const { return fd_ >= 0; }
  bool playing() const { return playing_; }
  uint64_t bytes() const { return bytes_; }
  uint64_t reads() const { return reads_; }
  const Checker& checker() const { return checker_; }
  double first_key_ms() const { return first_key_ms_; }
  nlohmann::json Report() const;

 private:
  void OnEvents(uint32_t events) override;
  void OnReady() override {}
  void OnStatus(const std::string& level, const std::string& code,
                const std::string& description) override;
  void OnResponse(int status) override;
  void OnFlvHeader(bool audio, bool video) override;
  void OnTag(uint8_t type, uint32_t timestamp_ms, std::span<const uint8_t> body) override;
  void Read();
  bool Consume(std::span<const uint8_t> bytes);
  void Watch(bool stalled, bool writable);
  void End(const std::string& how);
  std::vector<uint8_t>* Output();
  void Event(const std::string& event, const nlohmann::json& details);

  Loop& loop_;
  const Options options_;
  std::unique_ptr<RtmpClient> rtmp_;
  std::unique_ptr<HttpFlvClient> http_;
  Checker checker_;
  int fd_ = -1;
  bool stalled_ = false;
  bool draining_ = false;
  bool playing_ = false;
  uint64_t bytes_ = 0;
  uint64_t reads_ = 0;
  int64_t started_ns_ = 0;
  double first_frame_ms_ = -1;
  double first_key_ms_ = -1;
  std::string flags_;
  std::vector<std::pair<std::string, std::string>> statuses_;
  std::string ended_;
};

}  // namespace millrace::live
