#pragma once
// H.264, RFC 6184: packetization modes 0 and 1.

#include <memory>

#include "absl/status/statusor.h"
#include "media/frame/track.h"
#include "media/rtp/nal_packetizer.h"
#include "media/rtp/video.h"

namespace millrace::media::rtp {

// Takes single NAL units, STAP-A and FU-A, whatever mode the session description names. The other
// types of the interleaved mode are kUnsupportedAggregation; reserved types are ignored, as §5.2
// demands.
class H264Depacketizer final : public VideoDepacketizer {
 public:
  explicit H264Depacketizer(VideoLimits limits = {}) : VideoDepacketizer(limits) {}

 private:
  absl::Status TakePayload(Bytes payload) override;
  absl::Status TakeStapA(Bytes payload);
  absl::Status TakeFuA(Bytes payload);
  NalKind Classify(Bytes nal) const override;
  absl::StatusOr<Read> ReadUnit(const Payload& length_prefixed, bool marked_key) override;
};

// In mode 0 a NAL unit beyond the packet size leaves as one large packet, up to what UDP holds,
// else kUnitTooLarge.
class H264Packetizer final : public NalPacketizer {
 public:
  // `packetization_mode`: 0 or 1. Fails where the track's config does not parse.
  static absl::StatusOr<std::unique_ptr<Packetizer>> Create(const Track& track,
                                                            PacketizerOptions options,
                                                            int packetization_mode = 1);

 private:
  H264Packetizer(PacketizerOptions options, int mode, const std::vector<Bytes>& parameter_sets);
  bool IsNal(Bytes nal) const override;
  std::vector<uint8_t> AggregateHeader(std::span<const Bytes> nals) const override;
  std::vector<uint8_t> FragmentHeader(Bytes nal, bool first, bool last) const override;
};

}  // namespace millrace::media::rtp
