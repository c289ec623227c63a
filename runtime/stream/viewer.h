#pragma once
// One viewer of one stream: a socket and a position in the lane's shared list of ready units.
// Everything here happens on the shard of the session that owns the viewer.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "media/frame/track.h"
#include "millrace/v1/config.pb.h"
#include "runtime/rpc/session_registry.h"
#include "runtime/stream/lane.h"
#include "runtime/stream/sink.h"

namespace millrace::stream {

class FeedHub;
class ShardFeed;

enum class ViewerEnd {
  kStreamEnded,  // the publisher is gone for good
  kWaitTimeout,  // the stream did not appear within wait_timeout: nothing was sent
  kNoTracks,     // the stream has nothing for this lane: nothing was sent
  kTooSlow,      // behind for slow_viewer_timeout
  kSocket,       // the client closed or the connection broke
  kRequested,    // Finish() was called
};
const char* ViewerEndName(ViewerEnd end);  // "stream_ended" …: log field and metric label

struct ViewerOptions {
  std::string stream;
  std::string protocol;  // metric label: "rtmp", "http-flv"
  Lane lane;
  v1::AppSettings settings;  // defaults filled in
  // Where the viewer's time begins: of one who was here before, and goes on.
  int64_t start_ms = 0;
  // Where units go instead of the connection; nothing else may be sent then. Outlives the viewer.
  Sink* sink = nullptr;
};

// Where a viewer starts.
struct ViewerStart {
  const WireUnit& unit;  // the first one
  int64_t base_ms = 0;   // the viewer's time base
  int64_t lead_ms = 0;   // how much of the stream is there already
};

class ViewerObserver {
 public:
  virtual ~ViewerObserver() = default;
  // Right before OnStart.
  virtual void OnPlace(const ViewerStart&) {}
  // The stream is there and its first unit is about to go out: bytes to send before it (an HTTP
  // response head, RTMP's onStatus). Called once, or never.
  virtual std::vector<uint8_t> OnStart(const media::TrackSet& tracks) = 0;
  // The stream ended or the viewer is too slow: bytes to send last. Not called for kSocket.
  virtual std::vector<uint8_t> OnEnding(ViewerEnd end, const std::string& text) = 0;
  // kNoTracks: what the stream has instead, before OnEnded.
  virtual void OnNothingOf(const media::TrackSet&) {}
  // Nothing more will be written; the session may shut the socket down. Called once, posted.
  virtual void OnEnded(ViewerEnd end, const std::string& text) = 0;
};

// Create with FeedHub::View on the session's shard; destroy on the same shard (the socket must
// still be open or closed, not destroyed). While it lives nobody else writes to the socket.
class Viewer {
 public:
  virtual ~Viewer() = default;
  // Bytes between two units (RTMP acknowledgements, ping answers). Bounded: more than 64 KiB that
  // the socket does not take ends the viewer as kTooSlow.
  virtual void SendControl(std::vector<uint8_t> bytes) = 0;
  // Sends `bytes` after the current unit, waits at most one second for the socket, then
  // OnEnded(kRequested).
  virtual void Finish(std::vector<uint8_t> bytes, const std::string& text) = 0;
};

}  // namespace millrace::stream
