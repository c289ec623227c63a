#pragma once
// One attempt of a pull or a push: speaks RTMP with another server as a client.

#include <string>
#include <vector>

#include "gateways/rtmp/protocol/client_conversation.h"
#include "media/flv/tags.h"
#include "millrace/v1/config.pb.h"
#include "runtime/node/relay_session.h"

namespace millrace::rtmp {

class RelaySession : public node::RelaySession {
 protected:
  RelaySession(node::SessionShard& shard, Options options, ClientOptions::Purpose purpose);

  // The server lets us: media may flow.
  virtual void OnAccepted(const ServerAccepts& accepted) = 0;
  virtual void OnMedia(media::flv::TagType /*type*/, int64_t /*timestamp_ms*/,
                       const media::Payload& /*body*/) {}
  // Every 250 ms, once accepted.
  virtual void OnAcceptedTick(node::Clock::time_point /*now*/) {}
  // Sends what the conversation has to say.
  virtual void Flush();

  // node::RelaySession
  void OnConnected() override;
  void Receive(media::Bytes bytes) override;
  void OnTick(node::Clock::time_point now) override;
  void Leave() override;

  const v1::RtmpSettings settings_;
  ClientConversation conversation_;

 private:
  void Act(ClientEvent& event);

  bool accepted_ = false;
};

}  // namespace millrace::rtmp
