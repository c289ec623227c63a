#pragma once
// What a publisher sends, of whichever side of a connection it is: FLV bodies into an Ingest.

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "media/base/payload.h"
#include "media/flv/frame_reader.h"
#include "runtime/stream/ingest.h"

namespace millrace::rtmp {

class MediaIntake {
 public:
  struct Taken {
    bool any = false;  // tracks or frames came of it
    absl::Status
        status;  // what was not understood (media::FaultName); the rest is taken all the same
  };
  Taken Take(media::flv::TagType type, int64_t timestamp_ms, const media::Payload& body,
             stream::Ingest& ingest);

 private:
  media::flv::FrameReader frames_;
  std::vector<media::flv::Item> items_;
};

// Whether no later packet of the same encoder will cure it.
bool IsUnsupportedVideo(std::string_view fault);

}  // namespace millrace::rtmp
