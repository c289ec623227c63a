#pragma once
// What the media of a description are to us: which of them become tracks, how their packets are to
// be read, and as much of the track as the description tells. Devices tell little and some of it
// wrongly, so nothing here is an error: a media that cannot be used is ignored for a named reason,
// and a track whose configuration is missing comes with the packets.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "media/frame/track.h"
#include "media/sdp/description.h"
#include "media/sdp/format.h"

namespace millrace::media::sdp {

// How a codec travels in RTP. AAC, PCM and G.726 have two ways each.
enum class PayloadFormat : uint8_t {
  kNone,
  kH264,          // RFC 6184
  kH265,          // RFC 7798
  kAv1,           // AOMedia's RTP payload format
  kJpeg,          // RFC 2435
  kMpeg4Generic,  // RFC 3640
  kMp4aLatm,      // RFC 6416
  kOpus,          // RFC 7587
  kPcma,          // RFC 3551
  kPcmu,
  kG726,       // RFC 3551 §4.5.4: samples from the low bits up
  kAal2G726,   // the same from the high bits down
  kL16,        // RFC 3551 §4.5.11: big-endian
  kL16Little,  // Hikvision's "PCM"
  kMpa,        // RFC 2250: MPEG audio
};
const char* PayloadFormatName(PayloadFormat format);  // "h264", "mpeg4-generic" …

// Why a media is no track.
enum class Ignored : uint8_t {
  kNo,
  kNotMedia,     // application (ONVIF metadata), text …
  kBackChannel,  // sound that the camera wants to hear (ONVIF §5.3 of the Streaming specification)
  kInactive,     // a=inactive
  kUnknownFormat,  // no payload type that we carry
  kTooMany,        // more tracks than a stream may have
};
const char* IgnoredName(Ignored ignored);  // "not_media" …

// What a depacketizer must know beyond the payload format. Fields of other formats are unset.
struct Packing {
  // H.264: as told, which some devices do wrongly; all packet types must be taken in any case.
  uint8_t packetization_mode = 0;
  // H.265: decoding order numbers are in the packets (sprop-max-don-diff above 0).
  bool has_don = false;
  // MPEG4-GENERIC, RFC 3640 §4.1: bits of the AU header's fields, then what else is in front.
  uint8_t size_length = 0;
  uint8_t index_length = 0;
  uint8_t index_delta_length = 0;
  uint8_t cts_delta_length = 0;
  uint8_t dts_delta_length = 0;
  bool random_access_indication = false;
  uint8_t stream_state_length = 0;
  uint8_t auxiliary_data_size_length = 0;
  uint32_t constant_size = 0;      // bytes of every access unit where there is no size field
  uint32_t constant_duration = 0;  // ticks of every access unit; 0: follows from the codec
  uint32_t max_displacement = 0;   // ticks of interleaving; 0: in order
  // MP4A-LATM: StreamMuxConfig is in the packets, or this is it.
  bool config_present = false;
  std::vector<uint8_t> mux_config;
  // G.726: bits of a sample, 2 to 5.
  uint8_t bits_per_sample = 0;
  // JPEG: pixels, where the description tells them ("x-dimensions", "framesize"), else 0.
  uint16_t image_width = 0;
  uint16_t image_height = 0;

  friend bool operator==(const Packing&, const Packing&) = default;
};

// NAL units with their header, without start codes, as they were found; perhaps none.
struct ParameterSets {
  std::vector<std::vector<uint8_t>> vps;  // H.265
  std::vector<std::vector<uint8_t>> sps;
  std::vector<std::vector<uint8_t>> pps;

  friend bool operator==(const ParameterSets&, const ParameterSets&) = default;
};

struct Source {
  size_t media = 0;  // index in the description
  Ignored ignored = Ignored::kNo;
  std::string control;  // a=control of the media, "" where it is missing
  PayloadFormat payload = PayloadFormat::kNone;
  Format format;
  Codec codec = Codec::kUnknown;
  uint8_t track_id = 0;
  Packing packing;
  ParameterSets parameter_sets;
  // Complete, with its configuration; nothing where that must come with the packets.
  std::optional<Track> track;
};

// One source a media, in order. Track ids: 1 the first video, 2 the first audio, further ones
// from 4.
std::vector<Source> SourcesOf(const Description& description);

}  // namespace millrace::media::sdp
