#pragma once
// The publishing half of a gateway: waits for tracks, repairs timestamps once, stamps GOP and
// segment numbers, batches within the flush policy and publishes. Called on the session's shard;
// talks to the bus on the home shard.

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "media/frame/input_frame.h"
#include "millrace/v1/config.pb.h"
#include "runtime/bus/client.h"
#include "runtime/loop/shards.h"
#include "runtime/metrics/registry.h"

namespace millrace::stream {

using media::InputFrame;

class IngestObserver {
 public:
  virtual ~IngestObserver() = default;
  // The router granted the stream: tell the encoder that it may go on.
  virtual void OnAccepted() = 0;
  // Final: refused, replaced, kicked. `reason` is for metrics and protocol status, `text` for
  // people.
  virtual void OnClosed(v1::RefusalReason reason, const std::string& text) = 0;
  // Final: the publisher is beyond a limit of its application, `name` ("max_bitrate" …). Nothing of
  // what it sends is taken any more; say so and close.
  virtual void OnExcess(const char* name, const std::string& text) {
    static_cast<void>(name);
    OnClosed(v1::REFUSAL_LIMIT, text);
  }
};

struct IngestOptions {
  std::string stream;
  std::string session;
  std::string protocol;  // metric label
  v1::AppSettings settings;
  // Media may be pushed before OnAccepted; it is held, at most this much.
  size_t max_held_bytes = 16u << 20;
};

class Ingest {
 public:
  // `shard` is the caller's io_context. Observers are called there.
  static std::unique_ptr<Ingest> Start(bus::Client& bus, loop::Shards& shards,
                                       boost::asio::io_context& shard, metrics::Registry& metrics,
                                       IngestOptions options, IngestObserver& observer);
  virtual ~Ingest() = default;  // without Close: a lost publisher

  // A track's first or changed configuration, in order with Push. Unchanged ones are ignored.
  virtual void SetTrack(media::Track track) = 0;
  virtual void Push(InputFrame frame) = 0;
  // Both, in order; `items` is empty afterwards.
  void Take(std::vector<media::InputItem>& items);
  // The settings have changed: takes over those that v1::AppSettings calls live (flush, audio_hold,
  // grace, grace_after_unpublish).
  virtual void SetSettings(const v1::AppSettings& settings) = 0;
  // How long nothing more should be read from the publisher, which is further ahead of real time
  // than its application allows; 0: go on. Ask after each read, and read little at a time (16 KiB)
  // once it was not 0. Nothing is dropped where nobody asks.
  virtual std::chrono::nanoseconds Wait() = 0;
  // `lost`: the connection broke. Frames that were pushed are still sent.
  virtual void Close(bool lost) = 0;
};

}  // namespace millrace::stream
