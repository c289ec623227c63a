#include "tests/unit/router/table_world.h"

namespace millrace::router {
namespace {

std::string Word(const v1::Envelope& envelope) {
  switch (envelope.message_case()) {
    case v1::Envelope::kWelcome:
      return "welcome";
    case v1::Envelope::kHelloRequired:
      return "hello?";
    case v1::Envelope::kPublishGrant:
      return "granted";
    case v1::Envelope::kPublishRefused:
      return "refused(" + v1::RefusalReason_Name(envelope.publish_refused().reason()).substr(8) +
             ")";
    case v1::Envelope::kTrackSet:
      return "tracks" + std::to_string(envelope.track_set().version());
    case v1::Envelope::kSubscribeGrant:
      return envelope.subscribe_grant().online() ? "online" : "waiting";
    case v1::Envelope::kSkipped:
      return "skip(" + std::to_string(envelope.skipped().from_sequence()) + "-" +
             std::to_string(envelope.skipped().to_sequence()) + " " + envelope.skipped().reason() +
             ")";
    case v1::Envelope::kStreamEnded:
      return "ended(" + v1::EndReason_Name(envelope.stream_ended().reason()).substr(4) + ")";
    case v1::Envelope::kNotOwner:
      return "not_owner";
    case v1::Envelope::kFetched:
      return "fetched" + std::to_string(envelope.fetched().batches());
    case v1::Envelope::kPong:
      return "pong";
    case v1::Envelope::kCredit:
      return "credit";
    default:
      return "";
  }
}

}  // namespace

std::string TableWorld::Story(ConnectionId connection) {
  std::string story;
  for (const Received& message : Take(connection)) {
    std::string word;
    if (message.is_media()) {
      word = std::to_string(message.media.first_sequence);
      if (message.media.frame_count > 1)
        word += "-" + std::to_string(message.media.last_sequence());
    } else {
      word = Word(*message.control);
    }
    if (word.empty()) continue;
    if (!story.empty()) story += ' ';
    story += word;
  }
  return story;
}

}  // namespace millrace::router
