#pragma once
// What of a stream an FLV receiver is sent, and in which form.

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/container/inlined_vector.h"
#include "media/flv/fourcc.h"
#include "media/flv/tags.h"
#include "media/frame/track.h"

namespace millrace::media::flv {

// kAuto: legacy for H.264, AAC, MP3 and G.711, which every player knows there; enhanced for the
// rest. kLegacy: HEVC too, with CodecID 12; what has no legacy form is left out. kEnhanced: FourCCs
// for all that have one, and additional tracks.
enum class Form : uint8_t { kAuto, kLegacy, kEnhanced };

// "legacy" and "enhanced", as `?codec=` has them.
std::optional<Form> FindForm(std::string_view name);
const char* FormName(Form form);  // "auto" …

struct PresentationOptions {
  Form form = Form::kAuto;
  CodecSet enhanced = CodecSet::All();  // what the receiver takes in the enhanced form
  bool multitrack = false;              // additional tracks also in kAuto
  bool video = true;
  bool audio = true;
};

struct PresentedTrack {
  const Track* track = nullptr;
  bool enhanced = false;
  uint8_t track_id = 0;  // above 0: an additional track, in multitrack packets
};

// The first video and the first audio track that the receiver can take, then, where additional
// tracks may be sent, the others of each kind, numbered in their order from 1. A metadata track
// goes along, but is not one to play.
class Presentation {
 public:
  Presentation() = default;
  // `tracks` must outlive this.
  Presentation(const TrackSet& tracks, const PresentationOptions& options);

  // Whether there is anything to play.
  bool empty() const { return !has(TrackKind::kVideo) && !has(TrackKind::kAudio); }
  bool has(TrackKind kind) const { return First(kind) != nullptr; }
  const PresentedTrack* First(TrackKind kind) const;
  // By Track::id.
  const PresentedTrack* Find(uint8_t id) const;
  const auto& tracks() const { return tracks_; }
  // Copies: what a receiver then knows.
  TrackSet Announced() const;

 private:
  void Add(const Track& track, const PresentationOptions& options);

  absl::InlinedVector<PresentedTrack, 4> tracks_;
};

}  // namespace millrace::media::flv
