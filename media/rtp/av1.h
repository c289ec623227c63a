#pragma once
// AV1, "RTP Payload Format For AV1" v1.0.0 of the Alliance for Open Media.

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "media/frame/track.h"
#include "media/rtp/depacketizer.h"
#include "media/rtp/key_frame_gate.h"
#include "media/rtp/packetizer.h"

namespace millrace::media::rtp {

// Temporal units of all layers that are sent. A unit ends with the marker, or with another
// timestamp. Sequence headers are handed up.
class Av1Depacketizer final : public Depacketizer {
 public:
  struct Limits {
    size_t max_unit_bytes = 16u << 20;
    int64_t max_drop_ticks = 30 * 90'000;  // see KeyFrameGate
  };

  Av1Depacketizer() : Av1Depacketizer(Limits{}) {}
  explicit Av1Depacketizer(Limits limits) : limits_(limits), gate_(limits.max_drop_ticks) {}

  void Flush(std::vector<AccessUnit>& units) override;

 private:
  absl::Status Take(const OrderedPacket& packet, std::vector<AccessUnit>& units) override;
  void Lose() override { lost_ = true; }
  void Reset() override;
  absl::Status TakeElements(Bytes payload);
  absl::Status TakeElement(Bytes element, bool continues, bool goes_on);
  absl::Status AddObus(Bytes element);
  void EndUnit(std::vector<AccessUnit>& units);

  const Limits limits_;
  KeyFrameGate gate_;
  struct Unit {
    bool open = false;
    int64_t timestamp = 0;
    int64_t arrival_ns = 0;
    std::vector<uint8_t> obus;      // whole ones, each with a size field
    std::vector<uint8_t> fragment;  // of an OBU element that goes on in the next packet
    bool in_fragment = false;
    bool damaged = false;
    bool lost_before = false;
  };
  Unit unit_;
  bool lost_ = false;  // packets are missing before the next one
};

// The sequence header of the track stands before each random-access point.
class Av1Packetizer final : public Packetizer {
 public:
  // Fails where the track's config does not parse.
  static absl::StatusOr<std::unique_ptr<Packetizer>> Create(const Track& track,
                                                            PacketizerOptions options);
  absl::StatusOr<PacketSet> Pack(const Frame& frame) override;

 private:
  Av1Packetizer(PacketizerOptions options, std::vector<uint8_t> sequence_header)
      : options_(options), sequence_header_(Payload::FromVector(std::move(sequence_header))) {}

  const PacketizerOptions options_;
  const Payload sequence_header_;  // with a size field
};

}  // namespace millrace::media::rtp
