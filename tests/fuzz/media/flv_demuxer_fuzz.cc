// FLV: the same tags come out however the bytes were split, and every body is read or refused by
// name.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "media/base/fault.h"
#include "media/flv/demuxer.h"
#include "media/flv/frame_reader.h"
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
  bool has_track[3] = {};
  for (const media::flv::Item& item : items) {
    if (const auto* track = std::get_if<media::Track>(&item)) {
      has_track[track->id] = true;
    } else {
      const auto& frame = std::get<media::flv::ReadFrame>(item);
      tests::Require(has_track[frame.track], "a frame comes behind its track");
      tests::Require(!frame.payload.empty(), "a frame has a payload");
    }
  }
  return 0;
}
