#pragma once
// What client and server tell each other of Enhanced RTMP when they connect ("enhanced-rtmp-v2",
// Enhancing NetConnection connect Command).

#include <vector>

#include "media/amf/value.h"
#include "media/flv/fourcc.h"

namespace millrace::rtmp {

struct EnhancedClient {
  bool announced = false;      // anything of it at all
  media::flv::CodecSet takes;  // codecs that it can play or forward in FourCC form
  bool multitrack = false;

  friend bool operator==(const EnhancedClient&, const EnhancedClient&) = default;
};

// `connect`: the command object. Reads fourCcList, videoFourCcInfoMap, audioFourCcInfoMap and
// capsEx; what is malformed counts as not said.
EnhancedClient ReadEnhancements(const media::amf::Value& connect);

// What a client says that takes and forwards everything we know: fourCcList, both maps, capsEx.
std::vector<media::amf::Property> AnnounceEnhancements();

// What the answer says in turn, by each of the properties that the client used: fourCcList, where
// it is the client's list without what is not supported, the maps with all that can be forwarded,
// capsEx. Nothing for a client that announced nothing.
std::vector<media::amf::Property> AnswerEnhancements(const media::amf::Value& connect);

}  // namespace millrace::rtmp
