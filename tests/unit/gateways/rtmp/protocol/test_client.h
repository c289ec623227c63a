#pragma once
// Writes what clients say and reads what a ServerConversation answers.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gateways/rtmp/protocol/chunk_reader.h"
#include "gateways/rtmp/protocol/chunk_writer.h"
#include "media/amf/amf0.h"
#include "media/amf/value.h"

namespace millrace::rtmp {

using Values = std::vector<media::amf::Value>;

inline std::vector<uint8_t> Amf(const Values& values) {
  std::vector<uint8_t> bytes;
  media::ByteWriter writer(bytes);
  for (const media::amf::Value& value : values) media::amf::EncodeAmf0(writer, value);
  return bytes;
}

// The bytes of a client, message by message.
class ClientBytes {
 public:
  ClientBytes& Raw(MessageType type, media::Bytes body, uint32_t timestamp_ms = 0,
                   uint32_t stream_id = 0) {
    writer_.Write(3, type, stream_id, timestamp_ms, body, bytes_);
    return *this;
  }
  ClientBytes& Command(const Values& values) { return Raw(MessageType::kCommandAmf0, Amf(values)); }
  ClientBytes& Connect(std::string_view app = "live", std::string_view tc_url = "rtmp://h/live") {
    return Command(
        {"connect", 1,
         media::amf::MakeObject({{"app", app}, {"tcUrl", tc_url}, {"flashVer", "test"}})});
  }
  ClientBytes& CreateStream(double transaction = 4) {
    return Command({"createStream", transaction, media::amf::Null{}});
  }
  ClientBytes& Publish(std::string_view key = "cam1") {
    return Command({"publish", 5, media::amf::Null{}, key, "live"});
  }
  ClientBytes& Play(std::string_view key = "cam1") {
    return Command({"play", 0, media::amf::Null{}, key, -2000});
  }
  ClientBytes& Video(uint32_t timestamp_ms, std::string_view body = "video") {
    return Raw(MessageType::kVideo, media::AsBytes(body), timestamp_ms, 1);
  }
  ClientBytes& Audio(uint32_t timestamp_ms, std::string_view body = "audio") {
    return Raw(MessageType::kAudio, media::AsBytes(body), timestamp_ms, 1);
  }
  const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  ChunkWriter writer_;
  std::vector<uint8_t> bytes_;
};

// A server's message in short: "ack 7", "chunk 60000", "begin 1", "onStatus NetStream.Play.Start" …
inline std::string Summary(const Message& message) {
  media::ByteReader reader(message.body.bytes());
  switch (message.type) {
    case MessageType::kAcknowledgement:
      return "ack " + std::to_string(reader.U32());
    case MessageType::kWindowAckSize:
      return "window " + std::to_string(reader.U32());
    case MessageType::kSetPeerBandwidth: {
      const uint32_t size = reader.U32();
      return "bandwidth " + std::to_string(size) + " " + std::to_string(reader.U8());
    }
    case MessageType::kUserControl: {
      const uint16_t event = reader.U16();
      const char* name = event == 0 ? "begin " : event == 1 ? "eof " : event == 7 ? "pong " : "? ";
      return name + std::to_string(reader.U32());
    }
    default:
      break;
  }
  const auto values = media::amf::DecodeAll(message.body.bytes());
  if (!values.ok() || values->empty()) return "undecodable";
  std::string text((*values)[0].AsString());
  for (size_t i = 1; i < values->size(); ++i) {
    const media::amf::Value& value = (*values)[i];
    if (const auto* code = value.Find("code")) {
      text += " " + std::string(code->AsString());
    } else if (value.is_number() && (i > 1 || value.AsNumber() != 0)) {
      text += " " + std::to_string(static_cast<int>(value.AsNumber()));
    }
  }
  return text;
}

// Reads all of `bytes` (which begin behind the handshake) with one reader.
class ServerBytes {
 public:
  std::vector<std::string> Read(media::Bytes bytes) {
    std::vector<std::string> summaries;
    reader_.Append(bytes);
    while (true) {
      auto message = reader_.Next();
      if (!message.ok()) {
        summaries.push_back("error " + std::string(message.status().message()));
        return summaries;
      }
      if (!message->has_value()) return summaries;
      last_ = **message;
      summaries.push_back(Summary(last_));
    }
  }
  // The values of the last message.
  Values last() const { return media::amf::DecodeAll(last_.body.bytes()).value_or(Values{}); }

 private:
  ChunkReader reader_;
  Message last_;
};

}  // namespace millrace::rtmp
