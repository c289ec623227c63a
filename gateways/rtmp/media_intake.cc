#include "gateways/rtmp/media_intake.h"

#include <utility>
#include <variant>

#include "media/base/fault.h"

namespace millrace::rtmp {

bool IsUnsupportedVideo(std::string_view fault) {
  return fault == "flv_unsupported_video" || fault == "flv_mpeg_ts_video";
}

MediaIntake::Taken MediaIntake::Take(media::flv::TagType type, int64_t timestamp_ms,
                                     const media::Payload& body, stream::Ingest& ingest) {
  items_.clear();
  Taken taken;
  taken.status = frames_.Read(type, timestamp_ms, body, items_);
  if (!taken.status.ok() && IsUnsupportedVideo(media::FaultName(taken.status))) return taken;
  for (media::flv::Item& item : items_) {
    taken.any = true;
    if (auto* track = std::get_if<media::Track>(&item)) {
      ingest.SetTrack(std::move(*track));
      continue;
    }
    auto& read = std::get<media::flv::ReadFrame>(item);
    stream::InputFrame frame;
    frame.track = read.track;
    frame.flags = read.flags;
    frame.dts_ns = read.dts_ns;
    frame.pts_ns = read.pts_ns;
    frame.payload = std::move(read.payload);
    ingest.Push(std::move(frame));
  }
  items_.clear();
  return taken;
}

}  // namespace millrace::rtmp
