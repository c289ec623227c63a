#pragma once
// What a stream is made of, for DESCRIBE: waits for the stream as a player would. Belongs to one
// shard.

#include <functional>
#include <memory>
#include <string>

#include "media/frame/track.h"
#include "runtime/node/node.h"
#include "runtime/rpc/session_registry.h"
#include "runtime/stream/viewer.h"
#include "runtime/transport/transport.h"

namespace millrace::rtsp {

class TrackQuery final : private stream::ViewerObserver {
 public:
  // Without tracks where nobody publishes the stream; `text` says so. The query may be destroyed by
  // it.
  using Answer = std::function<void(const media::TrackSet& tracks, const std::string& text)>;

  // Asks at once, and answers once. `transport` stays the session's, which may write: the query
  // does not.
  TrackQuery(node::Node& node, size_t shard, transport::Transport& transport,
             const std::string& stream, std::shared_ptr<rpc::SessionRecord> record, Answer answer);

 private:
  std::vector<uint8_t> OnStart(const media::TrackSet&) override { return {}; }
  std::vector<uint8_t> OnEnding(stream::ViewerEnd, const std::string&) override { return {}; }
  void OnNothingOf(const media::TrackSet& tracks) override { tracks_ = tracks; }
  void OnEnded(stream::ViewerEnd end, const std::string& text) override;

  Answer answer_;
  media::TrackSet tracks_;
  std::unique_ptr<stream::Viewer> viewer_;
};

}  // namespace millrace::rtsp
