#pragma once
// Tag bodies of FLV, which RTMP carries as messages 8, 9 and 18: the legacy form ("Adobe Flash
// Video File Format Specification" 10.1, Annex E.4) and the enhanced one ("enhanced-rtmp-v2",
// ExVideoTagHeader and ExAudioTagHeader), in which one body may hold packets of several tracks.

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "media/amf/amf0.h"
#include "media/base/bytes.h"
#include "media/frame/track.h"

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
  kUnsupportedVideo,  // a CodecID or FourCC that is not supported; the detail names it
  kBadVideoPacket,    // a reserved packet type
  kMpegTsVideo,       // MPEG2TSSequenceStart
  kUnsupportedAudio,  // a SoundFormat or FourCC that is not supported; the detail names it
  kBadAudioPacket,    // a reserved packet type
  kBadMultitrack,     // a reserved kind, a packet type inside that may not be, too many tracks
  kBadModEx,          // a TimestampOffsetNano of less than 3 bytes
  kBadTrackId,        // a trackId beyond kMaxTrackId
  kBadScript,         // script data that does not begin with a name
};
const char* FlvErrorName(FlvError error);  // "flv_bad_signature" …

// Highest trackId of a multitrack packet.
inline constexpr uint8_t kMaxTrackId = 15;

enum class VideoFrameType : uint8_t {
  kKey = 1,
  kInter = 2,  // also 0, which early encoders of the enhanced form sent
  kDisposableInter = 3,
  kGeneratedKey = 4,
  kCommand = 5,  // no picture: a seek marker
};

// What a packet is, in whichever form it came.
enum class PacketType : uint8_t {
  kSequenceStart,       // configuration record
  kCodedFrames,         // one access unit
  kSequenceEnd,         // nothing
  kMetadata,            // video: AMF, colour information
  kMultichannelConfig,  // audio: which speaker each channel is for
};

// One track's part of a tag body.
struct TagPacket {
  PacketType type = PacketType::kCodedFrames;
  Codec codec = Codec::kUnknown;
  uint8_t track = 0;           // trackId; 0 where the packet names none
  int32_t composition_ms = 0;  // pts - dts, 24 bits, signed
  size_t offset = 0;           // of data in the body
  Bytes data;
};
using TagPackets = absl::InlinedVector<TagPacket, 1>;

struct VideoTagBody {
  VideoFrameType frame_type = VideoFrameType::kInter;
  bool enhanced = false;
  uint32_t offset_ns = 0;  // TimestampOffsetNano: to be added to the tag's time; below 1 ms
  TagPackets packets;      // none for commands

  bool is_key() const {
    return frame_type == VideoFrameType::kKey || frame_type == VideoFrameType::kGeneratedKey;
  }
};

struct AudioTagBody {
  bool enhanced = false;
  bool stereo = true;  // SoundType of the legacy form; means nothing for AAC
  uint32_t offset_ns = 0;
  TagPackets packets;  // one at least
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
