#include "gateways/rtsp/track_query.h"

#include <utility>

#include "runtime/node/logins.h"

namespace millrace::rtsp {
namespace {

// A lane that shows nothing: a viewer of it is turned away as soon as the tracks are known, which
// is when DESCRIBE can be answered.
class NothingShown : public stream::LaneMuxer {
 public:
  stream::WireUnitPtr Preamble(const media::TrackSet&) override { return nullptr; }
  stream::WireUnitPtr TracksChanged(const media::TrackSet&, int64_t) override { return nullptr; }
  stream::WireUnitPtr TracksRestated(const media::TrackSet&, int64_t) override { return nullptr; }
  bool Carries(const media::TrackSet&, const media::Track&) const override { return false; }
  stream::WireUnitPtr Frames(const media::TrackSet&, std::span<const media::Frame>) override {
    return nullptr;
  }
};

}  // namespace

TrackQuery::TrackQuery(node::Node& node, size_t shard, transport::Transport& transport,
                       const std::string& stream, std::shared_ptr<rpc::SessionRecord> record,
                       Answer answer)
    : answer_(std::move(answer)) {
  stream::ViewerOptions options;
  options.stream = stream;
  options.protocol = "rtsp";
  options.settings = node.settings(stream);
  node::ForgetLogins(options.settings);
  options.lane.key = "rtsp-tracks";
  options.lane.make_muxer = [] { return std::make_unique<NothingShown>(); };
  viewer_ = node.feeds().View(shard, transport, std::move(options), std::move(record), *this);
}

void TrackQuery::OnEnded(stream::ViewerEnd, const std::string& text) {
  const Answer answer = std::move(answer_);
  const media::TrackSet tracks = std::move(tracks_);
  const std::string reason = text;
  answer(tracks, reason);
}

}  // namespace millrace::rtsp
