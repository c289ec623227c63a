#include "tests/support/live/rtmp_client.h"

#include <cstring>
#include <utility>

#include "tests/support/live/amf.h"

namespace millrace::live {
namespace {

constexpr size_t kHandshakeSize = 1536;
constexpr uint8_t kSetChunkSize = 1, kAcknowledgement = 3, kUserControl = 4, kWindowSize = 5;
constexpr uint8_t kAudio = 8, kVideo = 9, kData = 18, kCommand = 20;
constexpr uint8_t kControlStream = 2, kCommandStream = 3, kDataStream = 4, kVideoStream = 6;
constexpr uint32_t kOurChunkSize = 4096;  // OBS's
constexpr double kConnectId = 1, kCreateStreamId = 4;

std::vector<uint8_t> Word(uint32_t value) {
  return {static_cast<uint8_t>(value >> 24), static_cast<uint8_t>(value >> 16),
          static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
}

uint32_t ReadWord(std::span<const uint8_t> data) {
  return static_cast<uint32_t>(data[0]) << 24 | static_cast<uint32_t>(data[1]) << 16 |
         static_cast<uint32_t>(data[2]) << 8 | data[3];
}

}  // namespace

RtmpClient::RtmpClient(Role role, Url url, Observer& observer, std::vector<std::string> fourccs)
    : role_(role), url_(std::move(url)), fourccs_(std::move(fourccs)), observer_(observer) {}

void RtmpClient::Start() {
  output_.push_back(3);
  for (size_t i = 0; i < kHandshakeSize; ++i) {
    output_.push_back(i < 8 ? 0 : static_cast<uint8_t>(i * 37 + 11));
  }
}

bool RtmpClient::Feed(std::span<const uint8_t> bytes) {
  received_ += bytes.size();
  if (state_ == State::kHandshake) {
    handshake_.insert(handshake_.end(), bytes.begin(), bytes.end());
    constexpr size_t kAll = 1 + 2 * kHandshakeSize;
    if (!handshake_.empty() && handshake_[0] != 3) {
      error_ = "handshake version " + std::to_string(handshake_[0]);
      return false;
    }
    if (handshake_.size() < kAll) return true;
    output_.insert(output_.end(), handshake_.begin() + 1, handshake_.begin() + 1 + kHandshakeSize);
    reader_.Append(std::span(handshake_).subspan(kAll));
    handshake_ = {};
    Connect();
  } else {
    reader_.Append(bytes);
  }
  while (auto message = reader_.Next()) OnMessage(*message);
  if (error_.empty()) error_ = reader_.error();
  Acknowledge();
  return error_.empty();
}

void RtmpClient::Acknowledge() {
  if (window_ == 0 || received_ - acknowledged_ < window_ / 2) return;
  acknowledged_ = received_;
  Send(kControlStream, kAcknowledgement, 0, Word(static_cast<uint32_t>(received_)));
}

void RtmpClient::Send(uint8_t chunk_stream, uint8_t type, uint32_t stream_id,
                      std::span<const uint8_t> body) {
  writer_.Write(output_, chunk_stream, type, stream_id, 0, body);
}

void RtmpClient::Connect() {
  state_ = State::kConnecting;
  Send(kControlStream, kSetChunkSize, 0, Word(kOurChunkSize));
  writer_.set_chunk_size(kOurChunkSize);
  const std::string tc_url =
      "rtmp://" + url_.host + ":" + std::to_string(url_.port) + "/" + url_.app();
  AmfWriter amf;
  amf.String("connect").Number(kConnectId).Begin();
  amf.Key("app").String(url_.app()).Key("type").String("nonprivate");
  amf.Key("flashVer").String("FMLE/3.0 (compatible; millrace-live)");
  amf.Key("tcUrl").String(tc_url);
  if (!fourccs_.empty()) {
    for (const char* map : {"videoFourCcInfoMap", "audioFourCcInfoMap"}) {
      amf.Key(map).Begin();
      for (const std::string& fourcc : fourccs_) amf.Key(fourcc).Number(1);
      amf.End();
    }
    amf.Key("capsEx").Number(2);
  }
  amf.End();
  Send(kCommandStream, kCommand, 0, amf.bytes());
}

void RtmpClient::CreateStream() {
  state_ = State::kCreating;
  if (role_ == Role::kPublish) {
    AmfWriter release;
    release.String("releaseStream").Number(2).Null().String(url_.name());
    Send(kCommandStream, kCommand, 0, release.bytes());
    AmfWriter fc_publish;
    fc_publish.String("FCPublish").Number(3).Null().String(url_.name());
    Send(kCommandStream, kCommand, 0, fc_publish.bytes());
  }
  AmfWriter create;
  create.String("createStream").Number(kCreateStreamId).Null();
  Send(kCommandStream, kCommand, 0, create.bytes());
}

void RtmpClient::StartStream() {
  state_ = State::kStarting;
  AmfWriter amf;
  if (role_ == Role::kPublish) {
    amf.String("publish").Number(5).Null().String(url_.name()).String("live");
    Send(kDataStream, kCommand, stream_id_, amf.bytes());
    return;
  }
  amf.String("play").Number(5).Null().String(url_.name()).Number(-2000);
  Send(kDataStream, kCommand, stream_id_, amf.bytes());
  std::vector<uint8_t> buffer_length = {0, 3};
  for (uint32_t value : {stream_id_, uint32_t{1000}}) {
    const auto word = Word(value);
    buffer_length.insert(buffer_length.end(), word.begin(), word.end());
  }
  Send(kControlStream, kUserControl, 0, buffer_length);
}

void RtmpClient::OnMessage(const RtmpMessage& message) {
  switch (message.type) {
    case kAudio:
    case kVideo:
    case kData:
      observer_.OnTag(message.type, message.timestamp, message.body);
      return;
    case kCommand:
      OnCommand(message);
      return;
    case kWindowSize:
      if (message.body.size() >= 4) window_ = ReadWord(message.body);
      return;
    case kUserControl:
      if (message.body.size() >= 6 && message.body[1] == 6) {  // PingRequest
        std::vector<uint8_t> answer = message.body;
        answer[1] = 7;
        Send(kControlStream, kUserControl, 0, answer);
      }
      return;
    default:
      return;
  }
}

void RtmpClient::OnCommand(const RtmpMessage& message) {
  const auto values = ReadAmf(message.body);
  if (!values || values->size() < 2) {
    error_ = "a command is not AMF0";
    return;
  }
  const std::string& name = values->front().text;
  if (name == "_result" || name == "_error") {
    OnResult(name == "_result", *values);
  } else if (name == "onStatus" && values->size() >= 4) {
    const AmfValue& info = (*values)[3];
    const std::string code = info.Text("code");
    if (code == "NetStream.Publish.Start" || code == "NetStream.Play.Start") {
      state_ = State::kReady;
      observer_.OnReady();
    }
    observer_.OnStatus(info.Text("level"), code, info.Text("description"));
  }
}

void RtmpClient::OnResult(bool good, const std::vector<AmfValue>& values) {
  const double id = values[1].number;
  if (!good && values.size() >= 4) {
    observer_.OnStatus("error", values[3].Text("code"), values[3].Text("description"));
  }
  if (id == kConnectId) {
    if (!good) {
      error_ = "connect was refused";
    } else {
      CreateStream();
    }
  } else if (id == kCreateStreamId && state_ == State::kCreating) {
    if (!good || values.size() < 4) {
      error_ = "createStream was refused";
      return;
    }
    stream_id_ = static_cast<uint32_t>(values[3].number);
    StartStream();
  }
}

void RtmpClient::SendTag(uint8_t type, uint32_t timestamp_ms, std::span<const uint8_t> body) {
  const uint8_t chunk_stream = type == kVideo ? kVideoStream : kDataStream;
  writer_.Write(output_, chunk_stream, type, stream_id_, timestamp_ms, body);
}

void RtmpClient::SendGoodbye() {
  AmfWriter unpublish;
  unpublish.String("FCUnpublish").Number(6).Null().String(url_.name());
  Send(kCommandStream, kCommand, 0, unpublish.bytes());
  AmfWriter remove;
  remove.String("deleteStream").Number(7).Null().Number(stream_id_);
  Send(kCommandStream, kCommand, 0, remove.bytes());
}

}  // namespace millrace::live
