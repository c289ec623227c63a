#include "media/flv/presentation.h"

#include <algorithm>

namespace millrace::media::flv {
namespace {

// G.711 has no field for its rate: 8 kHz is understood (Annex E.4.2.1).
bool HasLegacyForm(const Track& track) {
  switch (track.codec) {
    case Codec::kH264:
    case Codec::kH265:
    case Codec::kAac:
    case Codec::kMp3:
      return true;
    case Codec::kG711A:
    case Codec::kG711U:
      return track.sample_rate == 8000 && track.channels <= 2;
    default:
      return false;
  }
}

// Whether the track is sent, and whether in the enhanced form.
std::optional<bool> FormOf(const Track& track, const PresentationOptions& options) {
  const bool legacy = HasLegacyForm(track);
  const bool enhanced = FourCcOf(track.codec) != 0 && options.enhanced.Has(track.codec);
  switch (options.form) {
    case Form::kLegacy:
      return legacy ? std::optional(false) : std::nullopt;
    case Form::kEnhanced:
      if (enhanced) return true;
      return legacy && FourCcOf(track.codec) == 0 ? std::optional(false) : std::nullopt;
    case Form::kAuto:
      if (legacy && track.codec != Codec::kH265) return false;
      return enhanced ? std::optional(true) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Form> FindForm(std::string_view name) {
  for (const Form form : {Form::kLegacy, Form::kEnhanced}) {
    if (name == FormName(form)) return form;
  }
  return std::nullopt;
}

const char* FormName(Form form) {
  switch (form) {
    case Form::kAuto:
      return "auto";
    case Form::kLegacy:
      return "legacy";
    case Form::kEnhanced:
      return "enhanced";
  }
  return "auto";
}

Presentation::Presentation(const TrackSet& tracks, const PresentationOptions& options) {
  for (const Track& track : tracks.tracks) Add(track, options);
}

void Presentation::Add(const Track& track, const PresentationOptions& options) {
  if (track.codec == Codec::kMetadata) {
    if (!has(TrackKind::kData)) tracks_.push_back({&track, false, 0});
    return;
  }
  const bool wanted = (track.kind == TrackKind::kVideo && options.video) ||
                      (track.kind == TrackKind::kAudio && options.audio);
  if (!wanted) return;
  const auto same_kind = std::ranges::count_if(
      tracks_, [&](const PresentedTrack& shown) { return shown.track->kind == track.kind; });
  if (same_kind == 0) {
    if (const auto enhanced = FormOf(track, options)) tracks_.push_back({&track, *enhanced, 0});
    return;
  }
  // There is no other form for these.
  const bool multitrack =
      options.form == Form::kEnhanced || (options.form == Form::kAuto && options.multitrack);
  if (!multitrack || FourCcOf(track.codec) == 0 || !options.enhanced.Has(track.codec)) return;
  if (same_kind > kMaxTrackId) return;
  tracks_.push_back({&track, true, static_cast<uint8_t>(same_kind)});
}

const PresentedTrack* Presentation::First(TrackKind kind) const {
  for (const PresentedTrack& shown : tracks_) {
    if (shown.track->kind == kind) return &shown;
  }
  return nullptr;
}

const PresentedTrack* Presentation::Find(uint8_t id) const {
  for (const PresentedTrack& shown : tracks_) {
    if (shown.track->id == id) return &shown;
  }
  return nullptr;
}

TrackSet Presentation::Announced() const {
  TrackSet announced;
  for (const PresentedTrack& shown : tracks_) announced.tracks.push_back(*shown.track);
  return announced;
}

}  // namespace millrace::media::flv
