#include "gateways/rtmp/protocol/client_conversation.h"

#include "gateways/rtmp/protocol/aggregate.h"
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

constexpr double kConnectTransaction = 1;
constexpr double kCreateTransaction = 4;
constexpr double kLiveOrRecorded = -2000;  // RTMP §7.2.2.1: start of play
constexpr uint32_t kBufferMs = 3'000;
constexpr uint32_t kMaxMessageStream = 255;  // servers count from 1
constexpr size_t kMaxText = 500;
constexpr media::amf::Limits kLimits = {
    .max_depth = 16, .max_values = 1000, .max_string = 16u << 10, .max_bytes = 64u << 10};
// Metadata may hold an index of all key frames of the file that is sent.
constexpr media::amf::Limits kDataLimits = {
    .max_depth = 16, .max_values = 20'000, .max_string = 64u << 10, .max_bytes = 1u << 20};

Bytes WithoutFormatByte(Bytes body) {
  return !body.empty() && body.front() == 0 ? body.subspan(1) : body;
}

std::string_view TextOf(const Value& object, std::string_view key) {
  const Value* value = object.FindIgnoringCase(key);
  return value == nullptr ? std::string_view() : value->AsString().substr(0, kMaxText);
}

// The object that tells what happened: the last one of the arguments.
const Value* InfoOf(const std::vector<Value>& values) {
  for (size_t i = values.size(); i > 2; --i) {
    if (values[i - 1].is_container()) return &values[i - 1];
  }
  return nullptr;
}

// Ends of a play that are no errors.
bool IsEnd(std::string_view code) {
  return code == "NetStream.Play.UnpublishNotify" || code == "NetStream.Play.Complete" ||
         code == "NetStream.Play.Stop" || code == "NetStream.Unpublish.Success";
}

}  // namespace

ClientConversation::ClientConversation(ClientOptions options, RandomBytes random)
    : options_(std::move(options)),
      handshake_(std::move(random)),
      reader_(options_.limits),
      received_(options_.window_size),
      pings_(options_.ping_burst, options_.pings_per_second) {}

void ClientConversation::Begin() { handshake_.Begin(output_); }

void ClientConversation::Append(Bytes bytes, int64_t now_ms) {
  now_ms_ = now_ms;
  if (step_ == Step::kHandshake) {
    handshake_input_ = bytes;
  } else {
    Count(bytes);
  }
}

void ClientConversation::Count(Bytes bytes) {
  reader_.Append(bytes);
  if (const auto sequence = received_.Receive(bytes.size())) {
    SendNumber(MessageType::kAcknowledgement, *sequence);
  }
}

absl::StatusOr<std::optional<ClientEvent>> ClientConversation::Next() {
  if (!status_.ok()) return status_;
  if (step_ == Step::kHandshake) {
    auto done = handshake_.Consume(handshake_input_, output_);
    if (!done.ok()) return status_ = done.status();
    if (!*done) return std::nullopt;
    step_ = Step::kConnecting;
    SendConnect();
    Count(handshake_input_);
  }
  while (events_.empty()) {
    auto message = reader_.Next();
    if (!message.ok()) return status_ = message.status();
    if (!message->has_value()) return std::nullopt;
    if (absl::Status status = OnMessage(**message); !status.ok()) return status_ = status;
  }
  std::optional<ClientEvent> event(std::move(events_.front()));
  events_.pop_front();
  return event;
}

absl::Status ClientConversation::OnMessage(const Message& message) {
  const Bytes body = message.body.bytes();
  switch (message.type) {
    case MessageType::kAudio:
    case MessageType::kVideo:
    case MessageType::kDataAmf0:
    case MessageType::kDataAmf3:
      OnPart(message);
      return absl::OkStatus();
    case MessageType::kAggregate:
      return SplitAggregate(message, [this](const Message& part) { OnPart(part); });
    case MessageType::kCommandAmf0:
      return OnCommand(body);
    case MessageType::kCommandAmf3:
      return OnCommand(WithoutFormatByte(body));
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

absl::Status ClientConversation::OnUserControl(Bytes body) {
  ByteReader reader(body);
  const auto event = static_cast<UserControl>(reader.U16());
  if (!reader.ok()) return Fail(RtmpError::kShortControl);
  if (event == UserControl::kPingRequest) {
    const uint32_t time = reader.U32();
    if (!reader.ok()) return Fail(RtmpError::kShortControl);
    if (!pings_.Take(now_ms_)) return Fail(RtmpError::kCommandFlood, "ping");
    std::vector<uint8_t> answer;
    ByteWriter writer(answer);
    writer.U16(static_cast<uint16_t>(UserControl::kPingResponse));
    writer.U32(time);
    SendControl(MessageType::kUserControl, answer);
  } else if (event == UserControl::kStreamEof && step_ == Step::kAccepted &&
             options_.purpose == ClientOptions::Purpose::kPlay) {
    End("StreamEOF", "the stream ended");
  }
  return absl::OkStatus();
}

absl::Status ClientConversation::OnCommand(Bytes body) {
  if (body.empty()) return absl::OkStatus();
  std::vector<Value> values;
  // Junk behind the arguments is no reason to hang up.
  media::amf::DecodeUntilWrong(body, kLimits, values).IgnoreError();
  if (values.empty() || !values[0].is_string()) return Fail(RtmpError::kBadCommand);
  const std::string_view name = values[0].AsString();
  const double transaction = values.size() > 1 ? values[1].AsNumber() : 0;
  const Value* info = InfoOf(values);
  if (name == "_result") {
    OnResult(transaction, values);
  } else if (name == "onStatus") {
    if (info != nullptr) OnStatus(*info);
  } else if (name == "_error") {
    // Servers that do not know releaseStream or FCPublish say so, and mean nothing by it.
    const bool ours = (step_ == Step::kConnecting && transaction == kConnectTransaction) ||
                      (step_ == Step::kCreating && transaction == kCreateTransaction);
    if (ours) {
      Refuse(info == nullptr ? "_error" : TextOf(*info, "code"),
             info == nullptr ? std::string_view() : TextOf(*info, "description"));
    }
  } else if (name == "close") {
    End("close", "the server closes the connection");
  }
  return absl::OkStatus();
}

void ClientConversation::OnResult(double transaction, const std::vector<Value>& values) {
  if (step_ == Step::kConnecting && transaction == kConnectTransaction) {
    for (size_t i = 2; i < values.size(); ++i) {
      if (!values[i].is_container()) continue;
      const EnhancedClient enhanced = ReadEnhancements(values[i]);
      if (enhanced.announced) enhanced_ = enhanced;
    }
    SendRequest();
    step_ = Step::kCreating;
  } else if (step_ == Step::kCreating && transaction == kCreateTransaction) {
    const double id = values.size() > 3 ? values[3].AsNumber() : 0;
    if (!(id >= 1 && id <= kMaxMessageStream)) {
      Refuse("createStream", "the server grants no message stream");
      return;
    }
    message_stream_ = static_cast<uint32_t>(id);
    step_ = Step::kAsking;
    if (options_.purpose == ClientOptions::Purpose::kPublish) {
      SendCommand(message_stream_, {"publish", 5, Null{}, options_.key, "live"});
      return;
    }
    SendCommand(message_stream_, {"play", 5, Null{}, options_.key, kLiveOrRecorded});
    std::vector<uint8_t> body;
    ByteWriter writer(body);
    writer.U16(static_cast<uint16_t>(UserControl::kSetBufferLength));
    writer.U32(message_stream_);
    writer.U32(kBufferMs);
    SendControl(MessageType::kUserControl, body);
  }
}

void ClientConversation::OnStatus(const Value& info) {
  if (step_ == Step::kOver) return;
  const std::string_view code = TextOf(info, "code");
  const std::string_view text = TextOf(info, "description");
  const bool publishing = options_.purpose == ClientOptions::Purpose::kPublish;
  if (TextOf(info, "level") == "error" || code == "NetConnection.Connect.Closed" ||
      code == "NetStream.Play.StreamNotFound") {
    Refuse(code, text);
  } else if (step_ == Step::kAsking &&
             code == (publishing ? "NetStream.Publish.Start" : "NetStream.Play.Start")) {
    Accept();
  } else if (step_ == Step::kAccepted && IsEnd(code)) {
    End(code, text);
  }
}

// Of a message, or of one that an aggregate holds.
void ClientConversation::OnPart(const Message& part) {
  switch (part.type) {
    case MessageType::kAudio:
    case MessageType::kVideo:
      OnMedia(part);
      break;
    case MessageType::kDataAmf0:
    case MessageType::kDataAmf3:
      OnData(part);
      break;
    default:
      break;
  }
}

// How a play ends may be told as data. What does not decode, or is too much, is left out.
void ClientConversation::OnData(const Message& message) {
  if (step_ != Step::kAccepted || options_.purpose != ClientOptions::Purpose::kPlay) return;
  const Bytes body = message.body.bytes();
  const bool amf3 = message.type == MessageType::kDataAmf3;
  std::vector<Value> values;
  const absl::Status decoded =
      media::amf::DecodeUntilWrong(amf3 ? WithoutFormatByte(body) : body, kDataLimits, values);
  if (!decoded.ok() || values.empty()) return;
  const std::string_view name = values[0].AsString();
  if (name == "onPlayStatus" || name == "onStatus") {
    const Value& info = values.back();
    if (info.is_container() && IsEnd(TextOf(info, "code"))) {
      End(TextOf(info, "code"), TextOf(info, "description"));
    }
  } else if (!name.empty() && name.front() != '|') {  // "|RtmpSampleAccess" is between us
    std::vector<uint8_t> script;
    ByteWriter writer(script);
    for (const Value& value : values) media::amf::EncodeAmf0(writer, value);
    events_.push_back(
        ScriptData{message.timestamp_ms, media::Payload::FromVector(std::move(script))});
  }
}

void ClientConversation::OnMedia(const Message& message) {
  if (options_.purpose != ClientOptions::Purpose::kPlay || message.body.empty()) return;
  if (step_ == Step::kAsking) Accept();  // some servers let media speak for itself
  if (step_ != Step::kAccepted) return;
  if (message.type == MessageType::kVideo) {
    events_.push_back(VideoData{message.timestamp_ms, message.body});
  } else if (message.type == MessageType::kAudio) {
    events_.push_back(AudioData{message.timestamp_ms, message.body});
  }
}

void ClientConversation::Accept() {
  step_ = Step::kAccepted;
  events_.push_back(ServerAccepts{message_stream_, enhanced_});
}

void ClientConversation::Refuse(std::string_view code, std::string_view text) {
  if (step_ == Step::kOver) return;
  step_ = Step::kOver;
  events_.push_back(ServerRefuses{std::string(code), std::string(text)});
}

void ClientConversation::End(std::string_view code, std::string_view text) {
  if (step_ == Step::kOver) return;
  step_ = Step::kOver;
  events_.push_back(ServerEnds{std::string(code), std::string(text)});
}

void ClientConversation::SendConnect() {
  std::vector<media::amf::Property> object = {{"app", options_.app}};
  if (options_.purpose == ClientOptions::Purpose::kPublish) {
    object.push_back({"type", "nonprivate"});  // how servers tell encoders from players
  }
  object.push_back({"flashVer", options_.agent});
  object.push_back({"tcUrl", options_.tc_url});
  if (options_.purpose == ClientOptions::Purpose::kPlay) {
    object.push_back({"fpad", false});
    object.push_back({"capabilities", 15});
    object.push_back({"audioCodecs", 4071});  // RTMP §7.2.1.1: all of them
    object.push_back({"videoCodecs", 252});
    object.push_back({"videoFunction", 1});
  }
  for (auto& property : AnnounceEnhancements()) object.push_back(std::move(property));
  SendCommand(0, {"connect", kConnectTransaction, MakeObject(std::move(object))});
}

// What comes once connected.
void ClientConversation::SendRequest() {
  SendNumber(MessageType::kWindowAckSize, options_.window_size);
  writer_.SetChunkSize(options_.chunk_size, output_);
  if (options_.purpose == ClientOptions::Purpose::kPublish) {
    SendCommand(0, {"releaseStream", 2, Null{}, options_.key});
    SendCommand(0, {"FCPublish", 3, Null{}, options_.key});
  }
  SendCommand(0, {"createStream", kCreateTransaction, Null{}});
}

void ClientConversation::Leave() {
  if (step_ != Step::kAccepted && step_ != Step::kAsking) return;
  step_ = Step::kOver;
  if (options_.purpose == ClientOptions::Purpose::kPublish) {
    SendCommand(0, {"FCUnpublish", 6, Null{}, options_.key});
  }
  SendCommand(0, {"deleteStream", 7, Null{}, static_cast<double>(message_stream_)});
}

void ClientConversation::SendCommand(uint32_t stream_id, const std::vector<Value>& values) {
  std::vector<uint8_t> body;
  ByteWriter writer(body);
  for (const Value& value : values) media::amf::EncodeAmf0(writer, value);
  writer_.Write(kCommandChunkStream, MessageType::kCommandAmf0, stream_id, 0, body, output_);
}

void ClientConversation::SendControl(MessageType type, Bytes body) {
  writer_.Write(kControlChunkStream, type, 0, 0, body, output_);
}

void ClientConversation::SendNumber(MessageType type, uint32_t number) {
  std::vector<uint8_t> body;
  ByteWriter(body).U32(number);
  SendControl(type, body);
}

}  // namespace millrace::rtmp
