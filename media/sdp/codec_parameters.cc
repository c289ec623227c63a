#include "media/sdp/codec_parameters.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "media/base/bit_reader.h"
#include "media/base/text.h"
#include "media/codec/aac/config.h"
#include "media/codec/h264/config.h"
#include "media/codec/h264/nal.h"
#include "media/codec/h265/config.h"
#include "media/codec/opus/config.h"

namespace millrace::media::sdp {
namespace {

constexpr size_t kMaxParameterSets = 16;  // of each kind
constexpr unsigned kH265Vps = 32, kH265Sps = 33, kH265Pps = 34;
constexpr uint32_t kMaxAudioRate = 768'000;
constexpr uint32_t kMaxChannels = 64;
constexpr uint32_t kMaxTicks = 1u << 24;

using Nals = std::vector<std::vector<uint8_t>>;

uint32_t NumberOf(const Format& format, std::string_view name, uint32_t otherwise, uint32_t most) {
  const auto value = ParseNumber<uint32_t>(format.Parameter(name));
  return value.has_value() && *value <= most ? *value : otherwise;
}

// NAL units of a comma-separated list in Base64. What does not decode is left out, since it comes
// in band as well; some devices leave start codes in it, or put several units into one item.
Nals ReadNals(std::string_view list) {
  Nals nals;
  while (!list.empty() && nals.size() < 3 * kMaxParameterSets) {
    const std::string_view item = Trim(CutFront(list, ","));
    std::string decoded;
    if (!absl::Base64Unescape(absl::string_view(item.data(), item.size()), &decoded)) continue;
    const Bytes bytes = AsBytes(decoded);
    if (!h264::StartsWithStartCode(bytes)) {
      if (!bytes.empty()) nals.emplace_back(bytes.begin(), bytes.end());
      continue;
    }
    const auto units = h264::SplitAnnexB(bytes);
    if (!units.ok()) continue;
    for (const Bytes unit : *units) nals.emplace_back(unit.begin(), unit.end());
  }
  return nals;
}

void Add(std::vector<uint8_t> nal, Nals& sets) {
  if (sets.size() < kMaxParameterSets) sets.push_back(std::move(nal));
}

void ReadH264(Source& source) {
  source.packing.packetization_mode =
      static_cast<uint8_t>(NumberOf(source.format, "packetization-mode", 0, 255));
  for (auto& nal : ReadNals(source.format.Parameter("sprop-parameter-sets"))) {
    const h264::NalType type = h264::TypeOf(nal);
    if (type == h264::NalType::kSps)
      Add(std::move(nal), source.parameter_sets.sps);
    else if (type == h264::NalType::kPps)
      Add(std::move(nal), source.parameter_sets.pps);
  }
  h264::AvcConfig config;
  config.sps = source.parameter_sets.sps;
  config.pps = source.parameter_sets.pps;
  if (auto track = h264::MakeTrack(config); track.ok()) source.track = *std::move(track);
}

void ReadH265(Source& source) {
  source.packing.has_don = NumberOf(source.format, "sprop-max-don-diff", 0, 32767) > 0;
  for (const char* name : {"sprop-vps", "sprop-sps", "sprop-pps"}) {
    for (auto& nal : ReadNals(source.format.Parameter(name))) {
      const unsigned type = (nal[0] >> 1) & 0x3f;
      if (type == kH265Vps)
        Add(std::move(nal), source.parameter_sets.vps);
      else if (type == kH265Sps)
        Add(std::move(nal), source.parameter_sets.sps);
      else if (type == kH265Pps)
        Add(std::move(nal), source.parameter_sets.pps);
    }
  }
  h265::HevcConfig config;
  config.vps = source.parameter_sets.vps;
  config.sps = source.parameter_sets.sps;
  config.pps = source.parameter_sets.pps;
  if (auto track = h265::MakeTrack(config); track.ok()) source.track = *std::move(track);
}

// What is left to assume where a device leaves out its configuration: AAC-LC.
std::vector<uint8_t> AssumedAacConfig(const Format& format) {
  const uint32_t channels = std::max<uint32_t>(format.channels, 1);
  if (aac::SampleRateIndex(format.clock_rate) == 15 || channels > 6) return {};
  aac::AacConfig config;
  config.sample_rate = format.clock_rate;
  config.channels = channels;
  config.channel_configuration = static_cast<uint8_t>(channels);
  return aac::BuildAacConfig(config);
}

void SetAacTrack(Source& source, Bytes config) {
  auto track = aac::MakeTrack(config);
  if (!track.ok()) track = aac::MakeTrack(AssumedAacConfig(source.format));
  if (track.ok()) source.track = *std::move(track);
}

void ReadMpeg4Generic(Source& source) {
  const Format& format = source.format;
  const bool low_rate = EqualsIgnoringCase(format.Parameter("mode"), "AAC-lbr");
  Packing& packing = source.packing;
  packing.constant_size = NumberOf(format, "constantSize", 0, 0xffff);
  // RFC 3640 §3.3.5 and §3.3.6; a device that leaves them out means these all the same.
  const uint32_t size_length = packing.constant_size > 0 ? 0 : low_rate ? 6 : 13;
  const uint32_t index_length = packing.constant_size > 0 ? 0 : low_rate ? 2 : 3;
  const auto bits = [&format](std::string_view name, uint32_t otherwise) {
    return static_cast<uint8_t>(NumberOf(format, name, otherwise, 32));
  };
  packing.size_length = bits("sizeLength", size_length);
  packing.index_length = bits("indexLength", index_length);
  packing.index_delta_length = bits("indexDeltaLength", index_length);
  packing.cts_delta_length = bits("CTSDeltaLength", 0);
  packing.dts_delta_length = bits("DTSDeltaLength", 0);
  packing.random_access_indication = NumberOf(format, "randomAccessIndication", 0, 1) != 0;
  packing.stream_state_length = bits("streamStateIndication", 0);
  packing.auxiliary_data_size_length = bits("auxiliaryDataSizeLength", 0);
  packing.constant_duration = NumberOf(format, "constantDuration", 0, kMaxTicks);
  packing.max_displacement = NumberOf(format, "maxDisplacement", 0, kMaxTicks);
  SetAacTrack(source, ParseHex(format.Parameter("config")).value_or(std::vector<uint8_t>()));
}

// The AudioSpecificConfig inside a StreamMuxConfig, ISO/IEC 14496-3 §1.7.3, of one program and one
// layer; empty where it is of another kind. It begins between two bytes, so it is moved.
std::vector<uint8_t> ConfigOfMux(Bytes mux) {
  BitReader bits(mux);
  const bool version_1 = bits.Flag();
  if (version_1 && bits.Flag()) return {};  // audioMuxVersionA: reserved
  const auto latm_value = [&bits] {
    const uint32_t bytes = bits.Bits(2) + 1;
    return bits.Bits(8 * bytes);
  };
  if (version_1) latm_value();                            // taraBufferFullness
  bits.Skip(1 + 6);                                       // allStreamsSameTimeFraming, numSubFrames
  if (bits.Bits(4) != 0 || bits.Bits(3) != 0) return {};  // numProgram, numLayer
  if (version_1) latm_value();                            // length of what follows
  std::vector<uint8_t> config;
  while (bits.ok() && bits.remaining() > 0) {
    const auto take = static_cast<unsigned>(std::min<size_t>(bits.remaining(), 8));
    config.push_back(static_cast<uint8_t>(bits.Bits(take) << (8 - take)));
  }
  return bits.ok() ? config : std::vector<uint8_t>();
}

void ReadLatm(Source& source) {
  const Format& format = source.format;
  source.packing.config_present = NumberOf(format, "cpresent", 1, 1) != 0;
  source.packing.mux_config = ParseHex(format.Parameter("config")).value_or(std::vector<uint8_t>());
  const std::vector<uint8_t> moved = ConfigOfMux(source.packing.mux_config);
  // Written anew: behind the configuration the multiplex's own fields follow.
  const auto config = aac::ParseAacConfig(moved);
  const bool plain = config.ok() && config->channel_configuration != 0;
  if (!plain && source.packing.config_present) return;
  SetAacTrack(source, plain ? aac::BuildAacConfig(*config) : std::vector<uint8_t>());
}

// Audio that needs no configuration: rate and channels are all there is to know.
void ReadPlainAudio(Source& source) {
  const Format& format = source.format;
  const uint32_t channels = std::max<uint32_t>(format.channels, 1);
  if (format.clock_rate > kMaxAudioRate || channels > kMaxChannels) return;
  Track track;
  track.kind = TrackKind::kAudio;
  track.codec = source.codec;
  track.sample_rate = format.clock_rate;
  track.channels = channels;
  source.track = track;
}

// RFC 7587 §6.1: two channels unless the sender says otherwise.
void ReadOpus(Source& source) {
  opus::OpusConfig config;
  const bool mono = source.format.Parameter("sprop-stereo") == "0" || source.format.channels == 1;
  config.channels = mono ? 1 : 2;
  source.track = opus::MakeTrack(config);
}

void ReadG726(Source& source) {
  const std::string_view name = source.format.encoding;
  const auto kilobits = ParseNumber<uint32_t>(name.substr(name.rfind('-') + 1));
  source.packing.bits_per_sample = static_cast<uint8_t>(kilobits.value_or(32) / 8);
  ReadPlainAudio(source);
  if (!source.track.has_value()) return;
  source.track->config = {source.packing.bits_per_sample,
                          source.payload == PayloadFormat::kAal2G726 ? uint8_t{1} : uint8_t{0}};
}

}  // namespace

void ReadCodecParameters(Source& source) {
  switch (source.payload) {
    case PayloadFormat::kH264:
      return ReadH264(source);
    case PayloadFormat::kH265:
      return ReadH265(source);
    case PayloadFormat::kMpeg4Generic:
      return ReadMpeg4Generic(source);
    case PayloadFormat::kMp4aLatm:
      return ReadLatm(source);
    case PayloadFormat::kOpus:
      return ReadOpus(source);
    case PayloadFormat::kG726:
    case PayloadFormat::kAal2G726:
      return ReadG726(source);
    case PayloadFormat::kPcma:
    case PayloadFormat::kPcmu:
    case PayloadFormat::kL16:
    case PayloadFormat::kL16Little:
      return ReadPlainAudio(source);
    case PayloadFormat::kNone:
    case PayloadFormat::kAv1:  // configuration, size and rate come with the packets
    case PayloadFormat::kJpeg:
    case PayloadFormat::kMpa:
      return;
  }
}

}  // namespace millrace::media::sdp
