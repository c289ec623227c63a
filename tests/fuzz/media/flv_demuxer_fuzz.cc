// FLV: the same tags come out however the bytes were split, and every body is read or refused by
// name.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "media/base/fault.h"
#include "media/flv/demuxer.h"
#include "media/flv/frame_reader.h"
#include "media/flv/muxer.h"
#include "tests/support/require.h"

using namespace millrace;

namespace {

struct Result {
  std::vector<media::flv::Tag> tags;
  std::string error;
};

Result Demux(media::Bytes bytes, size_t piece) {
  Result result;
  media::flv::Demuxer demuxer({.max_tag_bytes = 1 << 20});
  for (size_t at = 0; at < bytes.size() && result.error.empty(); at += piece) {
    demuxer.Append(bytes.subspan(at, std::min(piece, bytes.size() - at)));
    while (true) {
      auto event = demuxer.Next();
      if (!event.ok()) {
        result.error = media::FaultName(event.status());
        break;
      }
      if (!event->has_value()) break;
      if (auto* tag = std::get_if<media::flv::Tag>(&**event)) result.tags.push_back(*tag);
    }
  }
  return result;
}

bool Same(const Result& a, const Result& b) {
  return a.error == b.error &&
         std::equal(a.tags.begin(), a.tags.end(), b.tags.begin(), b.tags.end(),
                    [](const media::flv::Tag& x, const media::flv::Tag& y) {
                      return x.type == y.type && x.timestamp_ms == y.timestamp_ms &&
                             std::ranges::equal(x.body.bytes(), y.body.bytes());
                    });
}

// What came out can be written in every form that it has, and parses again.
void RequireWritable(const media::Track& track, const media::InputFrame* read) {
  using namespace media::flv;
  const media::TrackSet set{1, {track}};
  for (const Form form : {Form::kAuto, Form::kLegacy, Form::kEnhanced}) {
    const Presentation presentation(set, {.form = form});
    if (presentation.empty()) continue;
    const PresentedTrack& shown = presentation.tracks()[0];
    std::vector<uint8_t> body = SequenceStart(shown);
    if (read != nullptr) {
      media::Frame frame;
      frame.flags = read->flags;
      frame.dts_ns = read->dts_ns;
      frame.pts_ns = read->pts_ns;
      const TagPrefix prefix = FramePrefix(shown, frame);
      const media::Bytes head = prefix;
      const media::Bytes payload = read->payload.bytes();
      body.assign(head.begin(), head.end());
      body.insert(body.end(), payload.begin(), payload.end());
    }
    if (body.empty() || track.kind == media::TrackKind::kData) continue;
    const bool parses = track.kind == media::TrackKind::kVideo ? ParseVideoTagBody(body).ok()
                                                               : ParseAudioTagBody(body).ok();
    tests::Require(parses, "what is written parses");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const media::Bytes bytes(data, size);
  const Result whole = Demux(bytes, std::max<size_t>(size, 1));
  tests::Require(whole.error.empty() || whole.error.starts_with("flv_"), "named error");
  for (size_t piece : {1, 17}) tests::Require(Same(whole, Demux(bytes, piece)), "same when split");
  media::flv::FrameReader reader;
  std::vector<media::flv::Item> items;
  for (const media::flv::Tag& tag : whole.tags) {
    const absl::Status status = reader.Read(tag.type, tag.timestamp_ms, tag.body, items);
    tests::Require(media::FaultName(status) != "other", "body refused by name");
    if (tag.type == media::flv::TagType::kScript) {
      const auto script = media::flv::ParseScriptTagBody(tag.body.bytes());
      tests::Require(media::FaultName(script.status()) != "other", "script refused by name");
    }
  }
  std::map<uint8_t, media::Track> tracks;
  for (const media::flv::Item& item : items) {
    if (const auto* track = std::get_if<media::Track>(&item)) {
      tracks[track->id] = *track;
      RequireWritable(*track, nullptr);
    } else {
      const auto& frame = std::get<media::InputFrame>(item);
      tests::Require(tracks.contains(frame.track), "a frame comes behind its track");
      tests::Require(!frame.payload.empty(), "a frame has a payload");
      RequireWritable(tracks[frame.track], &frame);
    }
  }
  return 0;
}
