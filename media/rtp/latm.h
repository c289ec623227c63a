#pragma once
// AAC as LATM, RFC 6416 §6 (and RFC 3016): "MP4A-LATM". One program, one layer.

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "media/base/bit_reader.h"
#include "media/rtp/audio.h"

namespace millrace::media::rtp {

// What a StreamMuxConfig (ISO/IEC 14496-3 §1.7.3.2) says of how units are laid out.
struct LatmConfig {
  std::vector<uint8_t> audio_config;  // AudioSpecificConfig; empty: none was found
  unsigned sub_frames = 1;            // units in each audioMuxElement
  uint32_t frame_bits = 0;            // constant size; 0: each unit has its length
  uint64_t other_data_bits = 0;       // behind the units

  friend bool operator==(const LatmConfig&, const LatmConfig&) = default;
};

// Reads it from the position of `bits`, a reader of `bytes`, on. kUnsupportedConfig for several
// programs or layers, and for what is not AAC; kPayloadTruncated.
absl::StatusOr<LatmConfig> ReadLatmConfig(Bytes bytes, BitReader& bits);

// The StreamMuxConfig for the "config" parameter of a session description that goes with
// LatmPacketizer. kUnsupportedConfig where `audio_config` does not parse.
absl::StatusOr<std::vector<uint8_t>> BuildLatmConfig(Bytes audio_config);

struct LatmParameters {
  // The cpresent parameter: configurations come in band, before units.
  bool config_present = true;
  // The config parameter, decoded from its hexadecimal digits. Where it is missing though cpresent
  // is 0, units are taken to be single ones with lengths, as almost everybody sends them; nothing
  // is handed up, and the session's caller must guess an AudioSpecificConfig from rtpmap.
  std::vector<uint8_t> config;
  // Ticks that a unit lasts: AacTicksPerUnit of LatmConfig::audio_config, or 1024.
  uint32_t ticks_per_unit = 1024;
};

// Elements, whole or fragmented, several in a packet. A configuration, out of band or in band, is
// handed up with the next unit where it is new.
class LatmDepacketizer final : public Depacketizer {
 public:
  explicit LatmDepacketizer(LatmParameters parameters = {});

  void Flush(std::vector<AccessUnit>& units) override;

 private:
  absl::Status Take(const OrderedPacket& packet, std::vector<AccessUnit>& units) override;
  void Lose() override;
  void Reset() override;
  absl::Status TakeElements(std::vector<AccessUnit>& units);
  absl::Status TakeElement(Bytes data, BitReader& bits, int64_t& timestamp,
                           std::vector<AccessUnit>& units);
  void EmitUnit(std::vector<uint8_t> data, int64_t timestamp, std::vector<AccessUnit>& units);

  const LatmParameters parameters_;
  std::optional<LatmConfig> config_;
  std::vector<uint8_t> handed_up_;  // the AudioSpecificConfig that was
  uint32_t ticks_per_unit_;
  // What came of a timestamp, until the marker.
  std::vector<uint8_t> buffer_;
  bool open_ = false;
  int64_t timestamp_ = 0;
  int64_t arrival_ns_ = 0;
  bool fragments_ = false;           // elements of more than one packet were seen
  bool lost_ = false;                // packets are missing before the next one
  std::optional<int64_t> given_up_;  // timestamp whose other packets are ignored
};

// cpresent=0, one unit an element. Fragments where it is larger than a packet.
class LatmPacketizer final : public Packetizer {
 public:
  explicit LatmPacketizer(PacketizerOptions options) : options_(options) {}

  absl::StatusOr<PacketSet> Pack(const Frame& frame) override;

 private:
  const PacketizerOptions options_;
};

}  // namespace millrace::media::rtp
