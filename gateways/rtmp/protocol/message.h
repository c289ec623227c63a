#pragma once
// RTMP messages and their numbers ("Adobe's Real Time Messaging Protocol", 2012).

#include <cstdint>

#include "media/base/payload.h"

namespace millrace::rtmp {

// §5.4, §7.1: message type ids. Numbers without a name pass through the chunk layer.
enum class MessageType : uint8_t {
  kSetChunkSize = 1,
  kAbort = 2,
  kAcknowledgement = 3,
  kUserControl = 4,
  kWindowAckSize = 5,
  kSetPeerBandwidth = 6,
  kAudio = 8,
  kVideo = 9,
  kDataAmf3 = 15,
  kCommandAmf3 = 17,
  kDataAmf0 = 18,
  kCommandAmf0 = 20,
  kAggregate = 22,
};

// §7.1.7
enum class UserControl : uint16_t {
  kStreamBegin = 0,
  kStreamEof = 1,
  kSetBufferLength = 3,
  kPingRequest = 6,
  kPingResponse = 7,
};

inline constexpr uint32_t kDefaultChunkSize = 128;  // §5.4.1: until Set Chunk Size
inline constexpr uint32_t kExtendedTimestamp = 0xFFFFFF;

// Chunk streams that we send on. Media gets one each, so that players need not sort them apart.
inline constexpr uint8_t kControlChunkStream = 2;  // §5.4: protocol control messages
inline constexpr uint8_t kCommandChunkStream = 3;
inline constexpr uint8_t kAudioChunkStream = 4;
inline constexpr uint8_t kDataChunkStream = 5;
inline constexpr uint8_t kVideoChunkStream = 6;

// The one message stream of a connection: createStream always grants this.
inline constexpr uint32_t kMessageStream = 1;

struct Message {
  MessageType type{};
  uint32_t stream_id = 0;
  int64_t timestamp_ms = 0;  // unwrapped: goes on rising where the 32 bits begin anew
  media::Payload body;
};

}  // namespace millrace::rtmp
