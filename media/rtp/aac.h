#pragma once
// AAC by RFC 3640, "mpeg4-generic": modes AAC-hbr and AAC-lbr, and whatever else its parameters
// describe.

#include <cstdint>
#include <optional>
#include <vector>

#include "media/rtp/audio.h"

namespace millrace::media::rtp {

// fmtp parameters of RFC 3640 §4.1, by their names there; lengths in bits. The defaults are those
// of AAC-hbr, whatever the session description leaves out.
struct AacParameters {
  unsigned size_length = 13;  // 0: every unit has constant_size bytes
  unsigned index_length = 3;
  unsigned index_delta_length = 3;
  unsigned cts_delta_length = 0;
  unsigned dts_delta_length = 0;
  bool random_access_indication = false;
  unsigned stream_state_indication = 0;
  unsigned auxiliary_data_size_length = 0;
  uint32_t constant_size = 0;  // bytes
  // Ticks of interleaving; 0: units come in order, and an AU-Index-delta that says otherwise is
  // ignored, as some cameras fill it with anything.
  uint32_t max_displacement = 0;
  // Ticks that a unit lasts; see AacTicksPerUnit. constantDuration where it is given.
  uint32_t ticks_per_unit = 1024;
};

// What a unit of that AudioSpecificConfig lasts in ticks of the payload's clock; 1024 where the
// config does not parse.
uint32_t AacTicksPerUnit(Bytes config, uint32_t clock_rate);

// Several units a packet, fragmented units, and units that are ADTS frames in spite of the format:
// their headers are cut off, and their configuration is handed up where it is new.
class AacDepacketizer final : public Depacketizer {
 public:
  explicit AacDepacketizer(AacParameters parameters = {}) : parameters_(parameters) {}

  void Flush(std::vector<AccessUnit>& units) override;

 private:
  struct AuHeader {
    size_t size = 0;
    int64_t index = 0;  // of the unit, counted from the first one of the packet
  };

  absl::Status Take(const OrderedPacket& packet, std::vector<AccessUnit>& units) override;
  void Lose() override;
  void Reset() override;
  absl::Status ReadHeaders(Bytes section, size_t bits, std::vector<AuHeader>& headers) const;
  absl::Status TakeFragment(const OrderedPacket& packet, Bytes data, size_t size,
                            std::vector<AccessUnit>& units);
  void EmitUnit(const OrderedPacket& packet, int64_t timestamp, Payload data,
                std::vector<AccessUnit>& units);
  void EmitAdts(AccessUnit unit, std::vector<AccessUnit>& units);
  // Past the interleaving, if there is any.
  void Order(AccessUnit unit, std::vector<AccessUnit>& units);

  const AacParameters parameters_;
  // The fragmented unit in progress.
  std::vector<uint8_t> fragment_;
  size_t fragment_size_ = 0;  // 0: none
  int64_t fragment_timestamp_ = 0;
  bool fragment_suspect_ = false;    // its first packets may be missing
  std::optional<int64_t> given_up_;  // timestamp of a unit whose other fragments are ignored
  bool lost_ = false;                // packets are missing before the next one
  std::vector<uint8_t> adts_config_;
  std::vector<AccessUnit> interleaved_;  // by timestamp
};

// One unit a packet, or fragments of one; parameters as AAC-hbr has them.
class AacPacketizer final : public Packetizer {
 public:
  explicit AacPacketizer(PacketizerOptions options) : options_(options) {}

  absl::StatusOr<PacketSet> Pack(const Frame& frame) override;

 private:
  const PacketizerOptions options_;
};

}  // namespace millrace::media::rtp
