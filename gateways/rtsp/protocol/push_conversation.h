#pragma once
// The client's half of an RTSP connection which publishes one stream at another server, over the
// connection itself. Sans I/O.
//
//   conversation.OnConnected(now); conversation.Announce(description), now or later;
//   conversation.Append(bytes, now); while (event = conversation.Next()) act on it;
//   send conversation.TakeOutput(); call OnTimer(now) every now and then.
//
// OPTIONS, ANNOUNCE, SETUP of each media, RECORD (RFC 2326 §10.3, §10.4, §10.11); then keep-alives.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "gateways/rtsp/protocol/client_events.h"
#include "gateways/rtsp/protocol/client_requests.h"
#include "gateways/rtsp/protocol/message.h"
#include "gateways/rtsp/protocol/message_reader.h"
#include "gateways/rtsp/protocol/setups.h"
#include "media/sdp/description.h"

namespace millrace::rtsp {

struct PushOptions {
  MessageLimits limits;
  RequestOptions requests;
};

// RECORD went well: packets may go, by the channels of the setups.
struct Recording {
  std::vector<Setup> setups;
};

// Redirected: connect there, then OnConnected.
using PushEvent = std::variant<Recording, Redirected>;

class PushConversation {
 public:
  // User and password of `url` are the login; a redirection to another host does not get it.
  PushConversation(PushOptions options, Url url, Md5 md5, RandomBytes random);

  // The connection is there; also after Redirected, and after OnClosed said so.
  void OnConnected(int64_t now_ns);
  // What will be sent. Once; it is told again on another connection.
  void Announce(const media::sdp::Description& description);
  bool announced() const { return !sdp_.empty(); }
  // See ClientRequests::OnClosed.
  bool OnClosed();

  void Append(media::Bytes bytes, int64_t now_ns);
  // Faults: whatever the server refuses (kRefused, with its status), kUnauthorized, kBadTransport,
  // kTooManyRedirects, and what a message can be wrong in.
  absl::StatusOr<std::optional<PushEvent>> Next();
  // We are going. Best effort: nobody waits for the answer.
  void Teardown();
  // Keep-alives. Faults: kResponseTimeout.
  absl::Status OnTimer(int64_t now_ns);

  std::vector<uint8_t> TakeOutput() { return requests_.TakeOutput(); }
  bool has_output() const { return requests_.has_output(); }
  const Url& url() const { return requests_.url(); }

 private:
  enum class Step { kIdle, kOptions, kReady, kAnnounce, kSetup, kRecord, kRecording };

  absl::Status OnMessage(Message& message);
  absl::Status OnAnswer(const Response& response);
  absl::Status OnSetup(const Response& response);
  void BeginAnnounce();
  Transport OfferedTransport() const;
  void SetUpNext();

  const PushOptions options_;
  ClientRequests requests_;
  MessageReader reader_;
  absl::Status status_;
  ClientEvents<PushEvent> events_;

  Step step_ = Step::kIdle;
  std::string sdp_;
  std::vector<std::string> controls_;  // of the media, in order
  size_t next_media_ = 0;
  Setups setups_;
};

}  // namespace millrace::rtsp
