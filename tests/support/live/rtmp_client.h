#pragma once
// The client's half of an RTMP conversation, without a socket: Feed() what came, send what Output()
// holds. Simple handshake, AMF0, one stream, publish or play.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/live/chunks.h"
#include "tests/support/live/url.h"

namespace millrace::live {

class RtmpClient {
 public:
  class Observer {
   public:
    virtual ~Observer() = default;
    // NetStream.Publish.Start or NetStream.Play.Start was heard.
    virtual void OnReady() = 0;
    virtual void OnStatus(const std::string& level, const std::string& code,
                          const std::string& description) = 0;
    // Audio (8), video (9) or data (18); the body is what an FLV tag of that type holds.
    virtual void OnTag(uint8_t type, uint32_t timestamp_ms, std::span<const uint8_t> body) = 0;
  };
  enum class Role { kPublish, kPlay };

  // `fourccs`: codecs that a player announces as playable in the enhanced form, with multitrack.
  RtmpClient(Role role, Url url, Observer& observer, std::vector<std::string> fourccs = {});

  void Start();
  // False where the server broke the protocol; error() says how.
  bool Feed(std::span<const uint8_t> bytes);
  const std::string& error() const { return error_; }
  bool ready() const { return state_ == State::kReady; }

  // Publishers, once ready.
  void SendTag(uint8_t type, uint32_t timestamp_ms, std::span<const uint8_t> body);
  // Says goodbye as an encoder does: FCUnpublish, deleteStream.
  void SendGoodbye();

  // To be sent; the caller takes bytes off its front.
  std::vector<uint8_t>& output() { return output_; }

 private:
  enum class State { kHandshake, kConnecting, kCreating, kStarting, kReady };
  void Connect();
  void CreateStream();
  void StartStream();
  void OnMessage(const RtmpMessage& message);
  void OnCommand(const RtmpMessage& message);
  void OnResult(bool good, const std::vector<struct AmfValue>& values);
  void Acknowledge();
  void Send(uint8_t chunk_stream, uint8_t type, uint32_t stream_id, std::span<const uint8_t> body);

  const Role role_;
  const Url url_;
  const std::vector<std::string> fourccs_;
  Observer& observer_;
  State state_ = State::kHandshake;
  std::vector<uint8_t> handshake_;
  ChunkReader reader_;
  ChunkWriter writer_;
  std::vector<uint8_t> output_;
  uint32_t stream_id_ = 0;
  uint32_t window_ = 0;
  uint64_t received_ = 0;
  uint64_t acknowledged_ = 0;
  std::string error_;
};

}  // namespace millrace::live
