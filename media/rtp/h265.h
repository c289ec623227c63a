#pragma once
// H.265, RFC 7798, in transmission order: without the interleaving that decoding order numbers
// allow.

#include <memory>

#include "absl/status/statusor.h"
#include "media/frame/track.h"
#include "media/rtp/nal_packetizer.h"
#include "media/rtp/video.h"

namespace millrace::media::rtp {

struct H265Parameters {
  // sprop-max-don-diff is above 0: decoding order numbers stand before units (§4.4). They are
  // skipped.
  bool donl = false;
  // h265::SubLayersOf the configuration: above 1 a picture of a lower sub-layer counts as referred
  // to.
  unsigned sub_layers = 1;
};

// Takes single NAL units, aggregation packets and fragmentation units. PACI packets are
// kUnsupportedAggregation; types above are ignored.
class H265Depacketizer final : public VideoDepacketizer {
 public:
  explicit H265Depacketizer(H265Parameters parameters = {}, VideoLimits limits = {})
      : VideoDepacketizer(limits), parameters_(parameters) {}

 private:
  absl::Status TakePayload(Bytes payload) override;
  absl::Status TakeSingle(Bytes payload);
  absl::Status TakeAggregate(Bytes units);
  absl::Status TakeFragment(Bytes payload);
  NalKind Classify(Bytes nal) const override;
  absl::StatusOr<Read> ReadUnit(const Payload& length_prefixed, bool marked_key) override;

  const H265Parameters parameters_;
};

class H265Packetizer final : public NalPacketizer {
 public:
  // Fails where the track's config does not parse.
  static absl::StatusOr<std::unique_ptr<Packetizer>> Create(const Track& track,
                                                            PacketizerOptions options);

 private:
  H265Packetizer(PacketizerOptions options, const std::vector<Bytes>& parameter_sets);
  bool IsNal(Bytes nal) const override;
  std::vector<uint8_t> AggregateHeader(std::span<const Bytes> nals) const override;
  std::vector<uint8_t> FragmentHeader(Bytes nal, bool first, bool last) const override;
};

}  // namespace millrace::media::rtp
