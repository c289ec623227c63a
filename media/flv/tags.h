#pragma once
// Tag bodies of FLV, which RTMP carries as messages 8, 9 and 18 ("Adobe Flash Video File Format
// Specification" 10.1, Annex E.4). Only the legacy form: H.264 and AAC.

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "media/amf/amf0.h"
#include "media/base/bytes.h"

namespace millrace::media::flv {

// Also RTMP's message type ids.
enum class TagType : uint8_t { kAudio = 8, kVideo = 9, kScript = 18 };

// Every way in which FLV bytes can be wrong.
enum class FlvError {
  kBadSignature,      // the file does not begin with "FLV"
  kBadVersion,        // not version 1
  kBadHeaderSize,     // DataOffset below 9 or absurd
  kTagTooLarge,       // beyond the demuxer's limit
  kEncryptedTag,      // the Filter bit is set
  kEmptyBody,         // a tag without a byte of body: harmless, ignore it
  kTruncatedBody,     // the fixed fields do not fit
  kEnhancedVideo,     // the Enhanced RTMP form (FourCC)
  kUnsupportedVideo,  // a CodecID other than 7
  kBadVideoPacket,    // an AVCPacketType beyond 2
  kUnsupportedAudio,  // a SoundFormat other than 10
  kBadAudioPacket,    // an AACPacketType beyond 1
  kBadScript,         // script data that does not begin with a name
};
const char* FlvErrorName(FlvError error);  // "flv_bad_signature" …

enum class VideoFrameType : uint8_t {
  kKey = 1,
  kInter = 2,
  kDisposableInter = 3,
  kGeneratedKey = 4,
  kCommand = 5,  // no picture: a seek marker
};

enum class PacketType : uint8_t { kSequenceHeader = 0, kData = 1, kEndOfSequence = 2 };

struct VideoTagBody {
  VideoFrameType frame_type = VideoFrameType::kInter;
  PacketType packet_type = PacketType::kData;
  int32_t composition_ms = 0;  // pts - dts, 24 bits, signed
  size_t header_size = 5;      // bytes before data
  Bytes data;                  // configuration record, or length-prefixed NAL units

  bool is_key() const {
    return frame_type == VideoFrameType::kKey || frame_type == VideoFrameType::kGeneratedKey;
  }
};

// SoundRate, SoundSize and SoundType are kept as sent; for AAC they mean nothing.
struct AudioTagBody {
  PacketType packet_type = PacketType::kData;
  uint8_t sound_rate = 3;
  uint8_t sound_size = 1;
  uint8_t sound_type = 1;
  size_t header_size = 2;
  Bytes data;  // AudioSpecificConfig, or one raw access unit
};

struct ScriptTagBody {
  std::string name;  // "onMetaData"
  amf::Value value;  // the first value behind the name; undefined where there is none
};

// `body` is what follows the tag header, or an RTMP message. Slices point into it.
absl::StatusOr<VideoTagBody> ParseVideoTagBody(Bytes body);
absl::StatusOr<AudioTagBody> ParseAudioTagBody(Bytes body);
// Also takes "@setDataFrame" in front of the name. AMF errors keep their own names.
absl::StatusOr<ScriptTagBody> ParseScriptTagBody(Bytes body, const amf::Limits& limits = {});

}  // namespace millrace::media::flv
