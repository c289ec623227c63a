#include "gateways/rtmp/media_intake.h"

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
  taken.any = !items_.empty();
  ingest.Take(items_);
  return taken;
}

}  // namespace millrace::rtmp
