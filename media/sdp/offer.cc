#include "media/sdp/offer.h"

#include <optional>

#include "absl/strings/escaping.h"
#include "media/base/text.h"
#include "media/codec/h264/config.h"
#include "media/codec/h265/config.h"

namespace millrace::media::sdp {
namespace {

constexpr uint8_t kFirstDynamic = 96;
constexpr uint32_t kVideoClock = 90'000;
constexpr uint32_t kOpusClock = 48'000;

struct Form {
  PayloadFormat payload = PayloadFormat::kNone;
  Format format;
};

using Nals = std::vector<std::vector<uint8_t>>;

// All NAL units of the lists, with commas between them.
std::string Base64List(std::initializer_list<const Nals*> lists) {
  std::string text;
  for (const Nals* list : lists) {
    for (const auto& nal : *list) {
      if (!text.empty()) text += ",";
      text += absl::Base64Escape(
          absl::string_view(reinterpret_cast<const char*>(nal.data()), nal.size()));
    }
  }
  return text;
}

// RFC 6184 §8.1.
std::optional<Form> H264Form(const Track& track) {
  const auto config = h264::ParseAvcConfig(track.config);
  if (!config.ok() || config->sps[0].size() < 4) return std::nullopt;
  const std::string sets = Base64List({&config->sps, &config->pps, &config->sps_extensions});
  Form form{PayloadFormat::kH264, {kFirstDynamic, "H264", kVideoClock, 0, {}}};
  form.format.parameters = {
      {"packetization-mode", "1"},
      {"sprop-parameter-sets", sets},
      {"profile-level-id", FormatHex(Bytes(config->sps[0]).subspan(1, 3))},
  };
  return form;
}

// RFC 7798 §7.1.
std::optional<Form> H265Form(const Track& track) {
  const auto config = h265::ParseHevcConfig(track.config);
  if (!config.ok()) return std::nullopt;
  Form form{PayloadFormat::kH265, {kFirstDynamic, "H265", kVideoClock, 0, {}}};
  form.format.parameters = {{"sprop-vps", Base64List({&config->vps})},
                            {"sprop-sps", Base64List({&config->sps})},
                            {"sprop-pps", Base64List({&config->pps})}};
  return form;
}

// RFC 3640 §3.3.6.
std::optional<Form> AacForm(const Track& track) {
  if (track.config.empty() || track.sample_rate == 0) return std::nullopt;
  Form form{PayloadFormat::kMpeg4Generic,
            {kFirstDynamic, "mpeg4-generic", track.sample_rate, track.channels, {}}};
  form.format.parameters = {
      {"streamtype", "5"},
      {"profile-level-id", "1"},
      {"mode", "AAC-hbr"},
      {"sizelength", "13"},
      {"indexlength", "3"},
      {"indexdeltalength", "3"},
      {"config", FormatHex(track.config)},
  };
  return form;
}

std::optional<Form> G711Form(const Track& track) {
  const bool a_law = track.codec == Codec::kG711A;
  const bool is_static = track.sample_rate == 8'000 && track.channels == 1;
  const uint8_t type = !is_static ? kFirstDynamic : a_law ? 8 : 0;
  return Form{a_law ? PayloadFormat::kPcma : PayloadFormat::kPcmu,
              {type, a_law ? "PCMA" : "PCMU", track.sample_rate, track.channels, {}}};
}

// RFC 7587 §7: always 48 kHz and two channels, whatever is inside.
std::optional<Form> OpusForm(const Track& track) {
  if (track.channels > 2) return std::nullopt;
  Form form{PayloadFormat::kOpus, {kFirstDynamic, "opus", kOpusClock, 2, {}}};
  form.format.parameters = {{"sprop-stereo", track.channels == 2 ? "1" : "0"}};
  return form;
}

// RFC 3551 §4.5.4: the name tells the rate, and which end of a byte codes are packed from.
std::optional<Form> G726Form(const Track& track) {
  const bool known = track.config.size() == 2 && track.config[0] >= 2 && track.config[0] <= 5;
  if (!known) return std::nullopt;
  const bool aal2 = track.config[1] != 0;
  const std::string name = (aal2 ? "AAL2-G726-" : "G726-") + std::to_string(8 * track.config[0]);
  return Form{aal2 ? PayloadFormat::kAal2G726 : PayloadFormat::kG726,
              {kFirstDynamic, name, track.sample_rate, track.channels, {}}};
}

std::optional<Form> FormOf(const Track& track) {
  const bool sampled = track.sample_rate > 0 && track.channels > 0;
  switch (track.codec) {
    case Codec::kH264:
      return H264Form(track);
    case Codec::kH265:
      return H265Form(track);
    case Codec::kAv1:
      return Form{PayloadFormat::kAv1, {kFirstDynamic, "AV1", kVideoClock, 0, {}}};
    case Codec::kAac:
      return AacForm(track);
    case Codec::kOpus:
      return OpusForm(track);
    case Codec::kMp3:
      return Form{PayloadFormat::kMpa, {14, "MPA", kVideoClock, 0, {}}};
    case Codec::kG711A:
    case Codec::kG711U:
      return sampled ? G711Form(track) : std::nullopt;
    case Codec::kG726:
      return sampled ? G726Form(track) : std::nullopt;
    case Codec::kMjpeg:
      return Form{PayloadFormat::kJpeg, {26, "JPEG", kVideoClock, 0, {}}};
    case Codec::kPcm:
      if (!sampled) return std::nullopt;
      return Form{PayloadFormat::kL16,
                  {kFirstDynamic, "L16", track.sample_rate, track.channels, {}}};
    default:
      return std::nullopt;
  }
}

}  // namespace

Offer MakeOffer(const TrackSet& tracks, const OfferOptions& options) {
  Offer offer;
  offer.description.name = options.name;
  offer.description.origin = options.origin;
  offer.description.connection = "IN IP4 0.0.0.0";
  offer.description.attributes = {{"control", "*"}};
  uint8_t next = kFirstDynamic;
  for (const Track& track : tracks.tracks) {
    auto form = FormOf(track);
    if (!form.has_value()) continue;
    if (form->format.payload_type == kFirstDynamic) form->format.payload_type = next++;
    Media media;
    media.kind = track.kind == TrackKind::kVideo ? "video" : "audio";
    AddFormat(form->format, media);
    media.attributes.push_back(
        {"control", options.control_prefix + std::to_string(offer.tracks.size())});
    offer.description.media.push_back(std::move(media));
    offer.tracks.push_back(
        {track.id, form->payload, form->format.payload_type, form->format.clock_rate});
  }
  return offer;
}

}  // namespace millrace::media::sdp
