#pragma once
// What a client asks for and sends, as the session learns of it.

#include <cstdint>
#include <string>
#include <variant>

#include "gateways/rtmp/protocol/enhanced.h"
#include "gateways/rtmp/protocol/target.h"
#include "media/amf/value.h"
#include "media/base/payload.h"

namespace millrace::rtmp {

// The client introduced itself. Answered already: names are judged when it publishes or plays.
struct Connected {
  std::string app;
  std::string tc_url;
  std::string user_agent;  // flashVer
  EnhancedClient enhanced;
};

// The client was told ConversationOptions::refusal: send what there is to say and hang up.
struct ConnectRefused {};

// Answer with AcceptPublish or RejectPublish; media may follow before that.
struct PublishRequest {
  Target target;
  std::string user;  // who logged in; empty where nobody had to
};

// Answer with PlayStarting or PlayFailed.
struct PlayRequest {
  Target target;
};

// The client was turned away for want of a login, and told so: send what there is to say and hang
// up.
struct LoginRefused {
  bool asked = false;  // a step of Adobe's login: the client comes back with more
  std::string stream;  // or the application, where it got no further
  std::string user;    // who it said it was, perhaps empty
  std::string text;    // what it was told
};

// FCUnpublish, closeStream or deleteStream of who publishes. Answered already.
struct UnpublishRequest {};

// closeStream or deleteStream of who plays. Media must end before the next PlayRequest is answered.
struct StopRequest {};

struct VideoData {
  int64_t timestamp_ms = 0;  // dts of the client's clock, unwrapped
  media::Payload body;       // an FLV video tag body (media/flv/tags.h)
};

struct AudioData {
  int64_t timestamp_ms = 0;
  media::Payload body;
};

// onMetaData, bare or by @setDataFrame. Hints only: tracks come from sequence headers.
struct Metadata {
  int64_t timestamp_ms = 0;
  media::amf::Value value;  // object or ECMA array
};

// Data that was left out because of what is wrong with it.
struct Ignored {
  std::string fault;  // "amf_too_many_values" …
};

// Any data message with a name, the metadata too: the body of an FLV script tag, in AMF 0.
struct ScriptData {
  int64_t timestamp_ms = 0;
  media::Payload body;
};

using Event = std::variant<Connected, ConnectRefused, PublishRequest, PlayRequest, LoginRefused,
                           UnpublishRequest, StopRequest, VideoData, AudioData, Metadata, Ignored,
                           ScriptData>;

}  // namespace millrace::rtmp
