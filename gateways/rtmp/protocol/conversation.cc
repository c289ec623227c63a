#include "gateways/rtmp/protocol/conversation.h"

#include <utility>

#include "gateways/rtmp/protocol/aggregate.h"
#include "gateways/rtmp/protocol/enhanced.h"
#include "gateways/rtmp/protocol/errors.h"
#include "media/amf/amf0.h"
#include "media/base/fault.h"

namespace millrace::rtmp {
namespace {

using media::ByteReader;
using media::Bytes;
using media::ByteWriter;
using media::amf::MakeObject;
using media::amf::Null;
using media::amf::Value;

constexpr uint8_t kBandwidthDynamic = 2;  // RTMP §5.4.5
constexpr size_t kMaxShown = 255;         // of a key that is repeated to the client
constexpr media::amf::Limits kCommandLimits = {
    .max_depth = 16, .max_values = 1000, .max_string = 16u << 10, .max_bytes = 64u << 10};
// Metadata may hold an index of all key frames of the file that is sent.
constexpr media::amf::Limits kDataLimits = {
    .max_depth = 16, .max_values = 20'000, .max_string = 64u << 10, .max_bytes = 1u << 20};

// The name of the limit that was broken; empty for what is merely junk behind the values.
std::string LimitName(const absl::Status& status) {
  using media::amf::AmfError;
  const std::string name = media::FaultName(status);
  for (const AmfError error :
       {AmfError::kTooDeep, AmfError::kTooManyValues, AmfError::kStringTooLong}) {
    if (name == media::amf::AmfErrorName(error)) return name;
  }
  return {};
}

// Encoders are FMLE to servers, whoever made them, and say that they publish.
bool SeemsToPublish(const Value& object) {
  const Value* type = object.FindIgnoringCase("type");
  const Value* version = object.FindIgnoringCase("flashVer");
  return (type != nullptr && type->AsString() == "nonprivate") ||
         (version != nullptr && version->AsString().substr(0, 5) == "FMLE/");
}

// Messages 15 and 17 put a byte in front of what is AMF 0 all the same (and switches by marker
// 0x11).
Bytes WithoutFormatByte(Bytes body) {
  return !body.empty() && body.front() == 0 ? body.subspan(1) : body;
}

std::string TextOf(const Value& object, std::string_view key) {
  const Value* value = object.FindIgnoringCase(key);
  return value == nullptr ? std::string() : std::string(value->AsString());
}

std::string_view TextAt(const std::vector<Value>& values, size_t index) {
  return index < values.size() ? values[index].AsString() : std::string_view();
}

}  // namespace

ServerConversation::ServerConversation(const ConversationOptions& options, HmacSha256 hmac,
                                       RandomBytes random)
    : options_(options),
      handshake_(std::move(hmac), std::move(random)),
      reader_(options.limits),
      received_(options.window_size),
      commands_(options.command_burst, options.commands_per_second) {}

void ServerConversation::Append(Bytes bytes, int64_t now_ms) {
  now_ms_ = now_ms;
  if (!handshaken_) {
    handshake_input_ = bytes;
  } else {
    Count(bytes);
  }
}

void ServerConversation::Count(Bytes bytes) {
  reader_.Append(bytes);
  if (const auto sequence = received_.Receive(bytes.size())) {
    std::vector<uint8_t> body;
    ByteWriter(body).U32(*sequence);
    SendControl(MessageType::kAcknowledgement, body);
  }
}

absl::StatusOr<std::optional<Event>> ServerConversation::Next() {
  if (!status_.ok()) return status_;
  if (!handshaken_) {
    auto done = handshake_.Consume(handshake_input_, output_);
    if (!done.ok()) return status_ = done.status();
    if (!*done) return std::nullopt;
    handshaken_ = true;
    Count(handshake_input_);
  }
  while (events_.empty()) {
    auto message = reader_.Next();
    if (!message.ok()) return status_ = message.status();
    if (!message->has_value()) return std::nullopt;
    if (absl::Status status = OnMessage(**message); !status.ok()) return status_ = status;
  }
  std::optional<Event> event(std::move(events_.front()));
  events_.pop_front();
  return event;
}

absl::Status ServerConversation::OnMessage(const Message& message) {
  const Bytes body = message.body.bytes();
  switch (message.type) {
    case MessageType::kAudio:
    case MessageType::kVideo:
      OnMedia(message.type, message.timestamp_ms, message.body);
      return absl::OkStatus();
    case MessageType::kCommandAmf0:
      return OnCommand(body);
    case MessageType::kCommandAmf3:
      return OnCommand(WithoutFormatByte(body));
    case MessageType::kDataAmf0:
    case MessageType::kDataAmf3:
      OnData(message);
      return absl::OkStatus();
    case MessageType::kAggregate:
      return OnAggregate(message);
    case MessageType::kUserControl:
      return OnUserControl(body);
    case MessageType::kWindowAckSize: {
      ByteReader reader(body);
      const uint32_t size = reader.U32();
      if (!reader.ok()) return Fail(RtmpError::kShortControl);
      received_.SetSize(size);
      return absl::OkStatus();
    }
    default:  // acknowledgements, peer bandwidth, shared objects: nothing to do
      return absl::OkStatus();
  }
}

absl::Status ServerConversation::OnUserControl(Bytes body) {
  ByteReader reader(body);
  const auto event = static_cast<UserControl>(reader.U16());
  if (!reader.ok()) return Fail(RtmpError::kShortControl);
  if (event == UserControl::kPingRequest) {
    const uint32_t time = reader.U32();
    if (!reader.ok()) return Fail(RtmpError::kShortControl);
    if (!commands_.Take(now_ms_)) return Fail(RtmpError::kCommandFlood, "ping");
    SendUserControl(UserControl::kPingResponse, time);
  }
  return absl::OkStatus();
}

absl::Status ServerConversation::OnCommand(Bytes body) {
  if (body.empty()) return absl::OkStatus();
  std::vector<Value> values;
  const absl::Status decoded = media::amf::DecodeUntilWrong(body, kCommandLimits, values);
  // Junk behind the arguments is no reason to hang up.
  if (const std::string limit = LimitName(decoded); !limit.empty()) {
    return Fail(RtmpError::kAmfLimit, limit);
  }
  if (values.empty() || !values[0].is_string()) return Fail(RtmpError::kBadCommand);
  if (!commands_.Take(now_ms_)) return Fail(RtmpError::kCommandFlood);
  const std::string_view name = values[0].AsString();
  const double transaction = values.size() > 1 ? values[1].AsNumber() : 0;
  const std::string_view key = TextAt(values, 3);

  if (name == "connect") return OnConnect(transaction, values);
  if (!connected_) return Fail(RtmpError::kCommandBeforeConnect, name.substr(0, 32));
  if (name == "publish") {
    OnPublish(key);
  } else if (name == "play") {
    reset_ = values.size() < 7 || values[6].AsBool(true);
    OnPlay(key);
  } else if (name == "FCUnpublish" || name == "closeStream" || name == "deleteStream") {
    OnUnpublish(name, transaction, key);
  } else if (name == "createStream") {
    SendResult(transaction, Null{}, static_cast<double>(kMessageStream));
  } else if (name == "getStreamLength") {
    if (transaction > 0) SendResult(transaction, Null{}, 0);  // live; FFmpeg wants a number
  } else if (name == "_result" || name == "_error" || name == "onStatus") {
    // Answers to nothing that was asked.
  } else {
    // releaseStream, _checkbw and whatever else waits for an answer.
    if (transaction > 0) SendResult(transaction, Null{}, Null{});
    const bool publishing = name == "FCPublish";
    if (publishing || name == "FCSubscribe") {
      const std::string code = publishing ? "NetStream.Publish.Start" : "NetStream.Play.Start";
      SendCommand(0, {publishing ? "onFCPublish" : "onFCSubscribe", 0, Null{},
                      MakeObject({{"level", "status"},
                                  {"code", code},
                                  {"description", key.substr(0, kMaxShown)}})});
    }
  }
  return absl::OkStatus();
}

absl::Status ServerConversation::OnConnect(double transaction, const std::vector<Value>& values) {
  const Value object = values.size() > 2 ? values[2] : Value();
  app_ = TextOf(object, "app");
  tc_url_ = TextOf(object, "tcUrl");
  const Value* encoding = object.FindIgnoringCase("objectEncoding");
  const bool amf3 = encoding != nullptr && encoding->AsNumber() == 3;
  if (!connected_) SendControls();
  if (!MayConnect(transaction > 0 ? transaction : 1, object)) return absl::OkStatus();
  connected_ = true;
  std::vector<media::amf::Property> server = {
      {"fmsVer", "FMS/3,5,3,888"}, {"capabilities", 31}, {"mode", 1}};
  for (auto& enhancement : AnswerEnhancements(object)) server.push_back(std::move(enhancement));
  SendResult(transaction > 0 ? transaction : 1, MakeObject(std::move(server)),
             MakeObject({{"level", "status"},
                         {"code", "NetConnection.Connect.Success"},
                         {"description", "Connection succeeded."},
                         {"objectEncoding", amf3 ? 3 : 0}}));
  SendCommand(0, {"onBWDone", 0, Null{}});
  events_.push_back(Connected{app_, tc_url_, TextOf(object, "flashVer"), ReadEnhancements(object)});
  return absl::OkStatus();
}

// Says no where it is no.
bool ServerConversation::MayConnect(double transaction, const Value& object) {
  if (!options_.refusal.empty()) {
    SendCommand(0, {"_error", transaction, Null{},
                    MakeObject({{"level", "error"},
                                {"code", "NetConnection.Connect.Rejected"},
                                {"description", options_.refusal}})});
    events_.push_back(ConnectRefused{});
    return false;
  }
  if (options_.login == nullptr) return true;
  Target address = ResolveTarget(tc_url_, app_, {});
  Verdict verdict = options_.login->AtConnect(address, SeemsToPublish(object), now_ms_);
  identity_ = std::move(verdict.identity);
  if (verdict.kind == Verdict::Kind::kAdmitted) return true;
  SendCommand(0, {"_error", transaction, Null{},
                  MakeObject({{"level", "error"},
                              {"code", "NetConnection.Connect.Rejected"},
                              {"description", verdict.text}})});
  events_.push_back(LoginRefused{verdict.kind == Verdict::Kind::kAsked, std::move(address.stream),
                                 std::move(verdict.user), std::move(verdict.text)});
  return false;
}

// What the client has to know before anything else, and before any message of more than 128 bytes.
void ServerConversation::SendControls() {
  std::vector<uint8_t> window;
  ByteWriter(window).U32(options_.window_size);
  SendControl(MessageType::kWindowAckSize, window);
  window.push_back(kBandwidthDynamic);
  SendControl(MessageType::kSetPeerBandwidth, window);
  writer_.SetChunkSize(options_.chunk_size, output_);
}

void ServerConversation::OnPublish(std::string_view key) {
  if (role_ != Role::kNone) {
    SendStatus("error", "NetStream.Publish.BadName",
               "this connection publishes or plays a stream already");
    return;
  }
  Target target = ResolveTarget(tc_url_, app_, key);
  Verdict verdict;
  if (options_.login != nullptr) verdict = options_.login->AtPublish(target, identity_);
  if (verdict.kind != Verdict::Kind::kAdmitted) {
    SendStatus("error", "NetStream.Publish.Unauthorized", verdict.text);
    events_.push_back(LoginRefused{false, std::move(target.stream), std::move(verdict.user),
                                   std::move(verdict.text)});
    return;
  }
  role_ = Role::kPublishing;
  key_ = key.substr(0, kMaxShown);
  events_.push_back(PublishRequest{std::move(target), std::move(verdict.identity.user)});
}

void ServerConversation::OnPlay(std::string_view key) {
  if (role_ == Role::kPublishing) {
    SendStatus("error", "NetStream.Play.Failed", "this connection publishes a stream");
    return;
  }
  if (role_ == Role::kPlaying) events_.push_back(StopRequest{});
  role_ = Role::kPlaying;
  key_ = key.substr(0, kMaxShown);
  events_.push_back(PlayRequest{ResolveTarget(tc_url_, app_, key)});
}

void ServerConversation::OnUnpublish(std::string_view command, double transaction,
                                     std::string_view key) {
  if (command == "FCUnpublish") {
    SendCommand(0, {"onFCUnpublish", 0, Null{},
                    MakeObject({{"level", "status"},
                                {"code", "NetStream.Unpublish.Success"},
                                {"description", key.substr(0, kMaxShown)}})});
  }
  if (transaction > 0) SendResult(transaction, Null{}, Null{});
  if (role_ == Role::kPublishing) {
    SendStatus("status", "NetStream.Unpublish.Success", "Stream is now unpublished.");
    events_.push_back(UnpublishRequest{});
    role_ = Role::kNone;
  } else if (role_ == Role::kPlaying && command != "FCUnpublish") {
    events_.push_back(StopRequest{});
    role_ = Role::kNone;
  }
}

void ServerConversation::OnMedia(MessageType type, int64_t timestamp_ms, media::Payload body) {
  if (role_ != Role::kPublishing || body.empty()) return;
  if (type == MessageType::kVideo) {
    events_.push_back(VideoData{timestamp_ms, std::move(body)});
  } else {
    events_.push_back(AudioData{timestamp_ms, std::move(body)});
  }
}

// Data without a name is ignored, as is what does not decode: FFmpeg sends bare time codes.
// Metadata is a hint, so that too much of it is no reason to hang up. Uniview cameras put a number
// in front of the names.
void ServerConversation::OnData(const Message& message) {
  if (role_ != Role::kPublishing || message.body.empty()) return;
  const bool amf3 = message.type == MessageType::kDataAmf3;
  const Bytes body = message.body.bytes();
  std::vector<Value> values;
  const absl::Status decoded =
      media::amf::DecodeUntilWrong(amf3 ? WithoutFormatByte(body) : body, kDataLimits, values);
  if (std::string limit = LimitName(decoded); !limit.empty()) {
    events_.push_back(Ignored{std::move(limit)});
  }
  size_t next = 0;
  if (next < values.size() && values[next].is_number()) ++next;
  if (TextAt(values, next) == "@setDataFrame") ++next;
  if (decoded.ok() && !TextAt(values, next).empty()) {
    std::vector<uint8_t> script;
    ByteWriter writer(script);
    for (size_t i = next; i < values.size(); ++i) media::amf::EncodeAmf0(writer, values[i]);
    events_.push_back(
        ScriptData{message.timestamp_ms, media::Payload::FromVector(std::move(script))});
  }
  if (TextAt(values, next) != "onMetaData") return;
  if (++next < values.size() && values[next].is_container()) {
    events_.push_back(Metadata{message.timestamp_ms, values[next]});
  }
}

absl::Status ServerConversation::OnAggregate(const Message& message) {
  return SplitAggregate(message, [this](const Message& part) {
    if (part.type == MessageType::kAudio || part.type == MessageType::kVideo) {
      OnMedia(part.type, part.timestamp_ms, part.body);
    } else if (part.type == MessageType::kDataAmf0 || part.type == MessageType::kDataAmf3) {
      OnData(part);
    }
  });
}

void ServerConversation::AcceptPublish() {
  SendUserControl(UserControl::kStreamBegin, kMessageStream);
  SendStatus("status", "NetStream.Publish.Start", key_ + " is now published.");
}

void ServerConversation::RejectPublish(Refusal refusal, std::string_view text) {
  const char* code = refusal == Refusal::kUnauthorized ? "NetStream.Publish.Unauthorized"
                     : refusal == Refusal::kFailed     ? "NetStream.Failed"
                     : refusal == Refusal::kTooMuch    ? "NetStream.Publish.Rejected"
                                                       : "NetStream.Publish.BadName";
  SendStatus("error", code, text);
  role_ = Role::kNone;
}

void ServerConversation::StartPlay() {
  SendUserControl(UserControl::kStreamBegin, kMessageStream);
  if (reset_) SendStatus("status", "NetStream.Play.Reset", "Playing and resetting " + key_ + ".");
  SendStatus("status", "NetStream.Play.Start", "Started playing " + key_ + ".");
  SendData({"|RtmpSampleAccess", true, true});
}

void ServerConversation::RejectPlay(Refusal refusal, std::string_view text) {
  const bool missing = refusal == Refusal::kNotFound || refusal == Refusal::kBadName;
  SendStatus("error", missing ? "NetStream.Play.StreamNotFound" : "NetStream.Play.Failed", text);
  role_ = Role::kNone;
}

void ServerConversation::EndPlay(std::string_view text) {
  SendStatus("status", "NetStream.Play.UnpublishNotify", text);
  SendData({"onPlayStatus", MakeObject({{"level", "status"},
                                        {"code", "NetStream.Play.Complete"},
                                        {"description", text}})});
  SendUserControl(UserControl::kStreamEof, kMessageStream);
  SendStatus("status", "NetStream.Play.Stop", text);
  role_ = Role::kNone;
}

void ServerConversation::StopPlay() {
  SendUserControl(UserControl::kStreamEof, kMessageStream);
  SendStatus("status", "NetStream.Play.Stop", "Stopped playing.");
}

void ServerConversation::Kick(std::string_view text) {
  const char* code = role_ == Role::kPlaying      ? "NetStream.Play.Failed"
                     : role_ == Role::kPublishing ? "NetStream.Failed"
                                                  : "NetConnection.Connect.Closed";
  SendStatus("error", code, text);
  role_ = Role::kNone;
}

void ServerConversation::SendCommand(uint32_t stream_id, const std::vector<Value>& values) {
  std::vector<uint8_t> body;
  ByteWriter writer(body);
  for (const Value& value : values) media::amf::EncodeAmf0(writer, value);
  writer_.Write(kCommandChunkStream, MessageType::kCommandAmf0, stream_id, 0, body, output_);
}

void ServerConversation::SendData(const std::vector<Value>& values) {
  std::vector<uint8_t> body;
  ByteWriter writer(body);
  for (const Value& value : values) media::amf::EncodeAmf0(writer, value);
  writer_.Write(kDataChunkStream, MessageType::kDataAmf0, kMessageStream, 0, body, output_);
}

void ServerConversation::SendResult(double transaction, Value first, Value second) {
  SendCommand(0, {"_result", transaction, std::move(first), std::move(second)});
}

void ServerConversation::SendStatus(std::string_view level, std::string_view code,
                                    std::string_view text) {
  SendCommand(kMessageStream,
              {"onStatus", 0, Null{},
               MakeObject({{"level", level}, {"code", code}, {"description", text}})});
}

void ServerConversation::SendControl(MessageType type, Bytes body) {
  writer_.Write(kControlChunkStream, type, 0, 0, body, output_);
}

void ServerConversation::SendUserControl(UserControl event, uint32_t value) {
  std::vector<uint8_t> body;
  ByteWriter writer(body);
  writer.U16(static_cast<uint16_t>(event));
  writer.U32(value);
  SendControl(MessageType::kUserControl, body);
}

}  // namespace millrace::rtmp
