#pragma once
// The lanes of HTTP-FLV: "flv" with all that FLV can carry, "flv-audio" and "flv-video" with a part
// of it, each also in chunks ("flv-chunked" …) and in WebSocket messages ("flv-websocket" …).

#include "gateways/http/flv/flv_unit.h"
#include "runtime/stream/lane.h"

namespace millrace::http {

enum class Selection { kAll, kAudio, kVideo };

// Announces the first H.264 and the first AAC track as legacy FLV does, and muxes their frames.
stream::Lane FlvLane(Selection selection, Framing framing = Framing::kPlain);

// As FlvLane, but every unit is empty: viewers learn that the stream is there and what it has, and
// are sent nothing. For HEAD.
stream::Lane FlvHeadLane(Selection selection);

}  // namespace millrace::http
