#pragma once
// What the payload formats of NAL-unit codecs (RFC 6184, RFC 7798) share: access units put together
// from NAL units, ended by marker or timestamp, and what becomes of them after a loss.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "media/base/bytes.h"
#include "media/rtp/depacketizer.h"
#include "media/rtp/key_frame_gate.h"

namespace millrace::media::rtp {

struct VideoLimits {
  size_t max_unit_bytes = 16u << 20;
  size_t max_nals = 4096;  // of an access unit
  // See KeyFrameGate; 90 kHz ticks.
  int64_t max_drop_ticks = 30 * 90'000;
};

// Parameter sets for InBandConfig.
std::vector<std::vector<uint8_t>> CopiesOf(const std::vector<Bytes>& sets);

class VideoDepacketizer : public Depacketizer {
 public:
  void Flush(std::vector<AccessUnit>& units) override;

 protected:
  // What a codec makes of the NAL units of one access unit.
  struct Read {
    Payload payload;
    uint16_t flags = 0;
    bool has_picture = false;
    InBandConfig in_band;
  };
  // What a relay must know of one NAL unit.
  struct NalKind {
    bool picture = false;      // a slice
    bool first_slice = false;  // of its picture
    bool reference = true;     // others may refer to the picture
    bool sps = false;
    bool ignored = false;  // of a type that no bitstream has
  };

  explicit VideoDepacketizer(VideoLimits limits) : limits_(limits), gate_(limits.max_drop_ticks) {}

  // Hands the NAL units of one payload to the functions below.
  virtual absl::Status TakePayload(Bytes payload) = 0;
  virtual NalKind Classify(Bytes nal) const = 0;
  // `length_prefixed`: 4-byte lengths. `marked_key`: parameter sets come with it.
  virtual absl::StatusOr<Read> ReadUnit(const Payload& length_prefixed, bool marked_key) = 0;
  absl::Status AddNal(Bytes nal);
  // A fragmented NAL unit: its header as rebuilt, then pieces.
  absl::Status BeginFragments(Bytes header);
  absl::Status AddFragment(Bytes piece, bool last);
  bool in_fragments() const { return unit_.fragment_at != SIZE_MAX; }
  // A fragment without a first one, of the NAL unit with that header: a fault unless a loss
  // explains it.
  absl::Status MissedStart(Bytes header);

 private:
  absl::Status Take(const OrderedPacket& packet, std::vector<AccessUnit>& units) final;
  void Lose() final;
  void Reset() final;

  void BeginUnit(const OrderedPacket& packet, std::vector<AccessUnit>& units);
  absl::Status Append(Bytes bytes);
  absl::Status EndNal(size_t at);
  absl::Status SplitNal(size_t at);
  void AbandonFragments();
  void Note(Bytes nal);
  void EndUnit(std::vector<AccessUnit>& units);
  void Judge(Read read, std::vector<AccessUnit>& units);
  void Carry(const InBandConfig& in_band);

  const VideoLimits limits_;
  KeyFrameGate gate_;

  // The access unit in progress.
  struct Unit {
    std::vector<uint8_t> nals;      // each behind a 4-byte length
    size_t fragment_at = SIZE_MAX;  // where an unfinished one begins
    size_t count = 0;
    bool open = false;  // a packet of it came
    int64_t timestamp = 0;
    int64_t arrival_ns = 0;
    bool has_picture = false;
    bool has_sps = false;
    bool reference = false;
    bool begins_clean = false;  // its first slice is the first one of its picture
    bool damaged = false;
    bool lost_before = false;  // packets are missing before its first one
    bool continues = false;    // it has the timestamp of the one that a marker ended
  };
  Unit unit_;
  InBandConfig carried_;  // of units without a picture, for the next one that has one

  bool lost_ = false;                       // packets are missing before the next one
  bool marker_untrusted_ = false;           // it was seen within a picture
  std::optional<int64_t> ended_timestamp_;  // of the unit that a marker ended
};

}  // namespace millrace::media::rtp
