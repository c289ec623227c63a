#pragma once
// The lanes of HTTP-FLV: "flv" with all that FLV can carry, "flv-audio" and "flv-video" with a part
// of it, each also in one form only ("flv-legacy", "flv-enhanced"), in chunks ("flv-chunked" …) and
// in WebSocket messages ("flv-websocket" …).

#include "gateways/http/flv/flv_unit.h"
#include "media/flv/presentation.h"
#include "runtime/stream/lane.h"

namespace millrace::http {

enum class Selection { kAll, kAudio, kVideo };

// What a viewer chooses by `?only=` and `?codec=`.
struct LaneChoice {
  Selection selection = Selection::kAll;
  media::flv::Form form = media::flv::Form::kAuto;
};

// Announces the tracks that media::flv::Presentation chooses, and muxes their frames.
stream::Lane FlvLane(const LaneChoice& choice, Framing framing = Framing::kPlain);

// As FlvLane, but every unit is empty: viewers learn that the stream is there and what it has, and
// are sent nothing. For HEAD.
stream::Lane FlvHeadLane(const LaneChoice& choice);

}  // namespace millrace::http
