#pragma once
// A ServerConversation behind its handshake, its events and its answers as text.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "gateways/rtmp/crypto.h"
#include "gateways/rtmp/protocol/conversation.h"
#include "media/amf/amf0.h"
#include "media/base/fault.h"
#include "tests/unit/gateways/rtmp/protocol/handshake_peer.h"
#include "tests/unit/gateways/rtmp/protocol/test_client.h"

namespace millrace::rtmp {

inline std::string Describe(const Event& event) {
  struct Visitor {
    std::string operator()(const Connected& one) {
      return "connected " + one.app + " " + one.user_agent + (one.enhanced.announced ? " +" : "");
    }
    std::string operator()(const ConnectRefused&) { return "refused"; }
    std::string operator()(const PublishRequest& one) {
      return "publish " + Text(one.target) + (one.user.empty() ? "" : " by " + one.user);
    }
    std::string operator()(const PlayRequest& one) { return "play " + Text(one.target); }
    std::string operator()(const LoginRefused& one) {
      return (one.asked ? "login asked for " : "login refused for ") + one.stream +
             (one.user.empty() ? "" : " of " + one.user);
    }
    std::string operator()(const Ignored& one) { return "ignored " + one.fault; }
    std::string operator()(const UnpublishRequest&) { return "unpublish"; }
    std::string operator()(const StopRequest&) { return "stop"; }
    std::string operator()(const VideoData& one) {
      return "video " + std::to_string(one.timestamp_ms) + " " +
             std::string(media::AsText(one.body.bytes()));
    }
    std::string operator()(const AudioData& one) {
      return "audio " + std::to_string(one.timestamp_ms) + " " +
             std::string(media::AsText(one.body.bytes()));
    }
    std::string operator()(const Metadata& one) {
      std::string text = "metadata " + std::to_string(one.timestamp_ms);
      for (const auto& property : one.value.properties()) text += " " + property.key;
      return text;
    }
    std::string operator()(const ScriptData& one) {
      const auto values = media::amf::DecodeAll(one.body.bytes());
      return "script " + std::to_string(one.timestamp_ms) + " " +
             std::string(values.ok() ? values->at(0).AsString() : "?") + " " +
             std::to_string(values->size() - 1);
    }
    static std::string Text(const Target& target) {
      std::string text = target.stream;
      for (const auto& [key, value] : target.params) text += " " + key + "=" + value;
      return text;
    }
  };
  return std::visit(Visitor{}, event);
}

// A conversation whose handshake is done.
class Dialogue {
 public:
  explicit Dialogue(const ConversationOptions& options = {})
      : conversation_(options, OpenSslHmacSha256, PredictableBytes()) {
    EXPECT_TRUE(Feed(WholeHandshake()).empty());
    EXPECT_EQ(conversation_.TakeOutput().size(), 1 + 2 * kHandshakeSize);
  }

  std::vector<std::string> Feed(media::Bytes bytes) {
    std::vector<std::string> events;
    conversation_.Append(bytes, now_ms);
    while (true) {
      auto event = conversation_.Next();
      if (!event.ok()) {
        error_ = media::FaultName(event.status());
        return events;
      }
      if (!event->has_value()) return events;
      events.push_back(Describe(**event));
    }
  }
  std::vector<std::string> Feed(const ClientBytes& client) { return Feed(client.bytes()); }
  std::vector<std::string> Answers() { return server_.Read(conversation_.TakeOutput()); }

  ServerConversation& operator*() { return conversation_; }
  ServerConversation* operator->() { return &conversation_; }
  const std::string& error() const { return error_; }
  Values last() const { return server_.last(); }
  // What the last status says to people.
  std::string description() const {
    const Values values = last();
    const media::amf::Value* text = values.size() > 3 ? values[3].Find("description") : nullptr;
    return text == nullptr ? std::string() : std::string(text->AsString());
  }

  int64_t now_ms = 0;

 private:
  ServerConversation conversation_;
  ServerBytes server_;
  std::string error_;
};

}  // namespace millrace::rtmp
