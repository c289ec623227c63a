#include "media/rtp/latm.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "media/frame/frame.h"

namespace millrace::media::rtp {
namespace {

constexpr size_t kMaxElementBytes = 1 << 20;
constexpr size_t kMaxElements = 64;  // of one timestamp

// Appends bit fields, most significant bit first.
class BitWriter {
 public:
  void Bits(uint32_t value, unsigned count) {
    for (unsigned i = count; i-- > 0;) {
      if (used_ % 8 == 0) out_.push_back(0);
      out_.back() = static_cast<uint8_t>(out_.back() | (((value >> i) & 1) << (7 - used_ % 8)));
      ++used_;
    }
  }
  // `count` bits of `bytes`, from bit `position` on.
  void Copy(Bytes bytes, size_t position, size_t count) {
    BitReader reader(bytes);
    reader.Skip(position);
    for (; count >= 8; count -= 8) Bits(reader.Bits(8), 8);
    Bits(reader.Bits(static_cast<unsigned>(count)), static_cast<unsigned>(count));
  }
  std::vector<uint8_t> Take() { return std::move(out_); }

 private:
  std::vector<uint8_t> out_;
  size_t used_ = 0;
};

// LatmGetValue(), §1.7.3.3.
uint64_t ReadLatmValue(BitReader& bits) {
  const unsigned bytes = bits.Bits(2) + 1;
  return bits.Bits(8 * bytes);
}

uint32_t ReadObjectType(BitReader& bits) {
  const uint32_t type = bits.Bits(5);
  return type == 31 ? 32 + bits.Bits(6) : type;
}

void SkipSampleRate(BitReader& bits) {
  if (bits.Bits(4) == 15) bits.Skip(24);
}

// program_config_element, ISO/IEC 14496-3 §4.4.1.1; its bytes are aligned with the beginning of
// the configuration.
void SkipProgram(BitReader& bits, size_t begin) {
  bits.Skip(4 + 2 + 4);
  const uint32_t front = bits.Bits(4);
  const uint32_t side = bits.Bits(4);
  const uint32_t back = bits.Bits(4);
  const uint32_t lfe = bits.Bits(2);
  const uint32_t data = bits.Bits(3);
  const uint32_t coupling = bits.Bits(4);
  if (bits.Flag()) bits.Skip(4);
  if (bits.Flag()) bits.Skip(4);
  if (bits.Flag()) bits.Skip(3);
  bits.Skip(size_t{5} * (front + side + back) + size_t{4} * (lfe + data) + size_t{5} * coupling);
  bits.Skip((8 - (bits.position() - begin) % 8) % 8);
  const uint32_t comment = bits.Bits(8);
  bits.Skip(size_t{8} * comment);
}

// Moves over an AudioSpecificConfig of AAC, which does not tell its length (§1.6.2.1). Signals of
// SBR behind it are none of it where it has no length.
bool SkipAudioConfig(BitReader& bits) {
  const size_t begin = bits.position();
  uint32_t type = ReadObjectType(bits);
  SkipSampleRate(bits);
  const uint32_t channels = bits.Bits(4);
  if (type == 5 || type == 29) {
    SkipSampleRate(bits);
    type = ReadObjectType(bits);
    if (type == 22) bits.Skip(4);
  }
  const bool error_resilient = type == 17 || (type >= 19 && type <= 23);
  if (!(type >= 1 && type <= 4) && type != 6 && type != 7 && !error_resilient) return false;
  bits.Skip(1);                    // frameLengthFlag
  if (bits.Flag()) bits.Skip(14);  // coreCoderDelay
  const bool extension = bits.Flag();
  if (channels == 0) SkipProgram(bits, begin);
  if (type == 6 || type == 20) bits.Skip(3);
  if (extension) {
    if (type == 22) bits.Skip(5 + 11);
    if (type == 17 || type == 19 || type == 20 || type == 23) bits.Skip(3);
    bits.Skip(1);
  }
  if (error_resilient && bits.Bits(2) > 1) return false;  // epConfig
  return bits.ok();
}

// GStreamer's ends with the AudioSpecificConfig, signals of SBR included: each unit has its length.
std::optional<LatmConfig> ReadBareConfig(Bytes bytes) {
  BitReader bits(bytes);
  // Version 0, same framing, one sub-frame, one program, one layer.
  if (bits.Bits(1 + 1 + 6 + 4 + 3) != 0x2000) return std::nullopt;
  const size_t begin = bits.position();
  if (!SkipAudioConfig(bits)) return std::nullopt;
  BitWriter audio_config;
  audio_config.Copy(bytes, begin, bits.position() - begin);
  if (bits.remaining() >= 11 && bits.Bits(11) != 0x2b7) return std::nullopt;
  LatmConfig config;
  config.audio_config = audio_config.Take();
  return config;
}

}  // namespace

absl::StatusOr<LatmConfig> ReadLatmConfig(Bytes bytes, BitReader& bits) {
  LatmConfig config;
  const bool version1 = bits.Flag();               // audioMuxVersion
  bool supported = !version1 || !bits.Flag();      // audioMuxVersionA
  if (version1 && supported) ReadLatmValue(bits);  // taraBufferFullness
  supported = supported && bits.Flag();            // allStreamsSameTimeFraming
  config.sub_frames = bits.Bits(6) + 1;            // numSubFrames
  supported = supported && bits.Bits(4) == 0;      // numProgram
  supported = supported && bits.Bits(3) == 0;      // numLayer
  const size_t length = version1 ? ReadLatmValue(bits) : 0;
  const size_t begin = bits.position();
  if (version1) {
    bits.Skip(length);
  } else {
    supported = supported && SkipAudioConfig(bits);
  }
  if (!bits.ok()) return RtpFault(RtpError::kPayloadTruncated);
  if (!supported) return RtpFault(RtpError::kUnsupportedConfig);
  BitWriter audio_config;
  audio_config.Copy(bytes, begin, bits.position() - begin);
  config.audio_config = audio_config.Take();
  const uint32_t length_type = bits.Bits(3);
  if (length_type == 0) {
    bits.Skip(8);  // latmBufferFullness
  } else if (length_type == 1) {
    config.frame_bits = 8 * (bits.Bits(9) + 20);
  } else {
    return RtpFault(RtpError::kUnsupportedConfig);
  }
  if (bits.Flag()) {  // otherDataPresent
    if (version1) {
      config.other_data_bits = ReadLatmValue(bits);
    } else {
      bool more = true;
      for (int i = 0; i < 4 && more; ++i) {
        more = bits.Flag();
        config.other_data_bits = config.other_data_bits << 8 | bits.Bits(8);
      }
      if (more) return RtpFault(RtpError::kUnsupportedConfig);
    }
  }
  if (bits.Flag()) bits.Skip(8);  // crcCheckSum
  if (!bits.ok()) return RtpFault(RtpError::kPayloadTruncated);
  return config;
}

absl::StatusOr<std::vector<uint8_t>> BuildLatmConfig(Bytes audio_config) {
  BitReader bits(audio_config);
  if (!SkipAudioConfig(bits)) return RtpFault(RtpError::kUnsupportedConfig);
  BitWriter out;
  out.Bits(0, 1);      // audioMuxVersion
  out.Bits(1, 1);      // allStreamsSameTimeFraming
  out.Bits(0, 6);      // numSubFrames: 1
  out.Bits(0, 4 + 3);  // numProgram: 1, numLayer: 1
  out.Copy(audio_config, 0, bits.position());
  out.Bits(0, 3);     // frameLengthType: each unit has its length
  out.Bits(0xff, 8);  // latmBufferFullness: variable rate
  out.Bits(0, 2);     // no other data, no checksum
  return out.Take();
}

LatmDepacketizer::LatmDepacketizer(LatmParameters parameters)
    : parameters_(std::move(parameters)), ticks_per_unit_(parameters_.ticks_per_unit) {
  BitReader bits(parameters_.config);
  if (auto config = ReadLatmConfig(parameters_.config, bits); config.ok()) {
    config_ = *std::move(config);
  } else if (auto bare = ReadBareConfig(parameters_.config);
             bare.has_value() && !parameters_.config_present) {
    config_ = *std::move(bare);
  } else if (!parameters_.config_present && parameters_.config.empty()) {
    config_ = LatmConfig{};
  }
}

absl::Status LatmDepacketizer::Take(const OrderedPacket& packet, std::vector<AccessUnit>& units) {
  const bool lost = std::exchange(lost_, false);
  if (given_up_ == packet.timestamp) return absl::OkStatus();
  given_up_.reset();
  absl::Status status;
  // Nothing tells the beginning of an element: where elements are fragmented, what comes behind a
  // loss may be the middle of one.
  if (lost && fragments_) {
    given_up_ = packet.timestamp;
    return status;
  }
  // The last one of the timestamp before had no marker.
  if (open_ && timestamp_ != packet.timestamp) status = TakeElements(units);
  fragments_ = fragments_ || open_;
  open_ = true;
  timestamp_ = packet.timestamp;
  arrival_ns_ = packet.arrival_ns;
  const Bytes payload = packet.packet.payload.bytes();
  if (buffer_.size() + payload.size() > kMaxElementBytes) return RtpFault(RtpError::kUnitTooLarge);
  buffer_.insert(buffer_.end(), payload.begin(), payload.end());
  if (!packet.packet.marker) return status;
  absl::Status last = TakeElements(units);
  if (!last.ok() && lost) {  // its beginning was lost
    CountDamaged();
    return status;
  }
  return last.ok() ? status : last;
}

absl::Status LatmDepacketizer::TakeElements(std::vector<AccessUnit>& units) {
  open_ = false;
  const std::vector<uint8_t> data = std::exchange(buffer_, {});
  BitReader bits(data);
  int64_t timestamp = timestamp_;
  for (size_t count = 0; bits.remaining() >= 8; ++count) {
    if (count == kMaxElements) return RtpFault(RtpError::kTooManyUnits);
    if (absl::Status status = TakeElement(data, bits, timestamp, units); !status.ok()) {
      return status;
    }
    bits.Skip((8 - bits.position() % 8) % 8);
  }
  return absl::OkStatus();
}

// AudioMuxElement(), §1.7.3.1.
absl::Status LatmDepacketizer::TakeElement(Bytes data, BitReader& bits, int64_t& timestamp,
                                           std::vector<AccessUnit>& units) {
  if (parameters_.config_present && !bits.Flag()) {  // useSameStreamMux
    auto config = ReadLatmConfig(data, bits);
    if (!config.ok()) return config.status();
    config_ = *std::move(config);
  }
  if (!config_.has_value()) return RtpFault(RtpError::kMissingConfig);
  for (unsigned i = 0; i < config_->sub_frames; ++i) {
    size_t size = config_->frame_bits / 8;
    if (config_->frame_bits == 0) {
      uint32_t part = 255;
      while (part == 255 && bits.ok()) {
        part = bits.Bits(8);
        size += part;
      }
    }
    if (!bits.ok() || bits.remaining() / 8 < size) return RtpFault(RtpError::kSizeMismatch);
    BitWriter unit;
    unit.Copy(data, bits.position(), size * 8);
    bits.Skip(size * 8);
    if (size > 0) EmitUnit(unit.Take(), timestamp, units);
    timestamp += ticks_per_unit_;
  }
  if (bits.remaining() < config_->other_data_bits) return RtpFault(RtpError::kSizeMismatch);
  bits.Skip(config_->other_data_bits);
  return absl::OkStatus();
}

void LatmDepacketizer::EmitUnit(std::vector<uint8_t> data, int64_t timestamp,
                                std::vector<AccessUnit>& units) {
  AccessUnit unit;
  unit.timestamp = timestamp;
  unit.duration = ticks_per_unit_;
  unit.arrival_ns = arrival_ns_;
  unit.flags = kClosedRandomAccess;
  unit.payload = Payload::FromVector(std::move(data));
  if (!config_->audio_config.empty() && config_->audio_config != handed_up_) {
    handed_up_ = config_->audio_config;
    unit.in_band.config = handed_up_;
  }
  Emit(std::move(unit), units);
}

void LatmDepacketizer::Lose() {
  if (std::exchange(open_, false)) {
    CountDamaged();
    given_up_ = timestamp_;
  }
  buffer_.clear();
  lost_ = true;
}

void LatmDepacketizer::Reset() {
  buffer_.clear();
  open_ = false;
  lost_ = false;
  given_up_.reset();
}

void LatmDepacketizer::Flush(std::vector<AccessUnit>& units) {
  if (open_ && !lost_ && !TakeElements(units).ok()) CountDamaged();
}

absl::StatusOr<PacketSet> LatmPacketizer::Pack(const Frame& frame) {
  const Bytes data = frame.data();
  if (data.empty()) return RtpFault(RtpError::kBadUnit);
  if (data.size() > kMaxElementBytes / 2) return RtpFault(RtpError::kUnitTooLarge);
  PacketSetBuilder builder(options_.payload_type, TicksFromNs(frame.pts_ns, options_.clock_rate));
  builder.Hold(frame.payload);
  // PayloadLengthInfo(): 255 as often as it fits, then the rest.
  std::vector<uint8_t> length(data.size() / 255, 255);
  length.push_back(static_cast<uint8_t>(data.size() % 255));
  const size_t max_payload = options_.MaxPayload();
  builder.Begin();
  for (size_t at = 0; at < length.size();) {
    if (builder.packet_size() == max_payload) builder.Begin();
    const size_t size = std::min(max_payload - builder.packet_size(), length.size() - at);
    builder.Header(std::span(length).subspan(at, size));
    at += size;
  }
  for (size_t at = 0; at < data.size();) {
    if (builder.packet_size() == max_payload) builder.Begin();
    const size_t size = std::min(max_payload - builder.packet_size(), data.size() - at);
    builder.Piece(data.subspan(at, size));
    at += size;
  }
  builder.SetMarker();
  return builder.Finish();
}

}  // namespace millrace::media::rtp
