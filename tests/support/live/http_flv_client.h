#pragma once
// GET of an FLV stream over HTTP/1.1, without a socket: status, headers, chunked or close-delimited
// body, or ("ws" URLs) WebSocket messages; FLV header and tags, all checked strictly.

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "tests/support/live/url.h"
#include "tests/support/live/ws_frames.h"

namespace millrace::live {

class HttpFlvClient {
 public:
  class Observer {
   public:
    virtual ~Observer() = default;
    virtual void OnResponse(int status) = 0;
    virtual void OnFlvHeader(bool audio, bool video) = 0;
    virtual void OnTag(uint8_t type, uint32_t timestamp_ms, std::span<const uint8_t> body) = 0;
  };

  HttpFlvClient(Url url, Observer& observer);

  void Start();
  bool Feed(std::span<const uint8_t> bytes);
  const std::string& error() const { return error_; }
  int status() const { return status_; }
  // Names are lower-case.
  const std::map<std::string, std::string>& headers() const { return headers_; }
  // Of an answer that is not 200, its first 4 KiB.
  const std::string& error_body() const { return error_body_; }
  // If the server closes now, the body came to its proper end: behind the last chunk or the close
  // frame of an ended stream, or between two tags.
  bool complete() const {
    if (chunked_) return complete_;
    return flv_header_seen_ && flv_at_ == flv_.size() &&
           (!web_socket_ || frames_.close_code() == 1000);
  }
  const WsFrames& frames() const { return frames_; }
  std::vector<uint8_t>& output() { return output_; }

 private:
  bool Head();
  bool UpgradeIsRight();
  void Body(std::span<const uint8_t> bytes);
  void Chunked(std::span<const uint8_t> bytes);
  void Flv(std::span<const uint8_t> bytes);
  bool Tag();

  const Url url_;
  Observer& observer_;
  std::vector<uint8_t> output_;
  std::string head_;
  int status_ = 0;
  std::map<std::string, std::string> headers_;
  std::string error_body_;
  const bool web_socket_;
  WsFrames frames_;
  bool chunked_ = false;
  bool complete_ = false;
  bool last_chunk_seen_ = false;
  std::string chunk_line_;
  uint64_t chunk_left_ = 0;
  std::vector<uint8_t> flv_;
  size_t flv_at_ = 0;
  bool flv_header_seen_ = false;
  std::string error_;
};

}  // namespace millrace::live
