#include "media/flv/script_reader.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "media/amf/amf0.h"
#include "media/base/fault.h"
#include "media/base/ticks.h"
#include "media/flv/tags.h"
#include "media/frame/frame.h"

namespace millrace::media::flv {
namespace {

constexpr amf::Limits kLimits = {
    .max_depth = 16, .max_values = 2000, .max_string = 64u << 10, .max_bytes = 256u << 10};
constexpr size_t kMaxWaiting = 8;
constexpr size_t kMaxConfig = 16u << 10;
// Each new configuration is a new set of tracks.
constexpr int64_t kConfigEveryNs = 10 * kNsPerSecond;
constexpr int64_t kNearNs = kNsPerSecond;

constexpr std::string_view kMetaData = "onMetaData";
constexpr std::string_view kRelayed[] = {"onCuePoint", "onTextData", "onCaption", "onCaptionInfo"};

// What onMetaData says about the tracks, the file and the encoder: told to viewers by Millrace
// itself, or true no longer.
constexpr std::string_view kTrackFacts[] = {"audiochannels",
                                            "audiocodecid",
                                            "audiodatarate",
                                            "audiodelay",
                                            "audiosamplerate",
                                            "audiosamplesize",
                                            "canseektoend",
                                            "creationdate",
                                            "duration",
                                            "encoder",
                                            "filesize",
                                            "framerate",
                                            "hasaudio",
                                            "hascuepoints",
                                            "haskeyframes",
                                            "hasmetadata",
                                            "hasvideo",
                                            "height",
                                            "keyframes",
                                            "lasttimestamp",
                                            "level",
                                            "profile",
                                            "stereo",
                                            "videocodecid",
                                            "videodatarate",
                                            "videokeyframe_frequency",
                                            "width",
                                            "audiotrackidinfomap",
                                            "videotrackidinfomap",
                                            "fps",
                                            "avclevel",
                                            "avcprofile",
                                            "compatible_brands",
                                            "major_brand",
                                            "minor_version"};

bool IsTrackFact(std::string_view key) {
  std::string lower(key);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  // "2.1", "5.1" …: OBS says no to every speaker layout that it does not send.
  const bool layout = lower.size() == 3 && std::isdigit(static_cast<unsigned char>(lower[0])) &&
                      lower[1] == '.' && std::isdigit(static_cast<unsigned char>(lower[2]));
  return layout || std::ranges::find(kTrackFacts, lower) != std::end(kTrackFacts);
}

std::vector<uint8_t> Encode(std::string_view name, const std::vector<amf::Value>& values,
                            size_t first) {
  std::vector<uint8_t> body;
  ByteWriter writer(body);
  amf::EncodeAmf0(writer, name);
  for (size_t i = first; i < values.size(); ++i) amf::EncodeAmf0(writer, values[i]);
  return body;
}

// An ECMA array; empty where nothing is left.
std::vector<uint8_t> BeyondTheFacts(const amf::Value& metadata) {
  std::vector<amf::Property> rest;
  for (const amf::Property& property : metadata.properties()) {
    if (!IsTrackFact(property.key)) rest.push_back(property);
  }
  if (rest.empty()) return {};
  std::vector<uint8_t> config;
  ByteWriter writer(config);
  amf::EncodeAmf0(writer, amf::MakeEcmaArray(std::move(rest)));
  return config;
}

}  // namespace

absl::Status ScriptReader::Read(int64_t timestamp_ns, Bytes body, std::vector<Item>& items) {
  auto values = amf::DecodeAll(body, kLimits);
  if (!values.ok()) return values.status();
  size_t next = 0;
  if (next < values->size() && (*values)[next].AsString() == "@setDataFrame") ++next;
  if (next == values->size() || !(*values)[next].is_string()) {
    return Fault(FlvErrorName(FlvError::kBadScript));
  }
  const std::string_view name = (*values)[next].AsString();
  if (name == kMetaData) {
    if (next + 1 < values->size()) ReadMetadata((*values)[next + 1], timestamp_ns, items);
  } else if (std::ranges::find(kRelayed, name) != std::end(kRelayed)) {
    if (!announced_) Announce({}, items);
    Relay(timestamp_ns, Encode(name, *values, next + 1), items);
  }
  return absl::OkStatus();
}

void ScriptReader::ReadMetadata(const amf::Value& metadata, int64_t timestamp_ns,
                                std::vector<Item>& items) {
  std::vector<uint8_t> kept = BeyondTheFacts(metadata);
  if (kept.empty() || kept == metadata_) return;
  metadata_ = kept;
  const bool due = !configured_ns_ || !has_media_ || media_ns_ - *configured_ns_ >= kConfigEveryNs;
  if (due && kept.size() <= kMaxConfig) {
    configured_ns_ = media_ns_;
    Announce(std::move(kept), items);
    return;
  }
  if (!announced_) Announce({}, items);
  std::vector<uint8_t> body;
  ByteWriter writer(body);
  amf::EncodeAmf0(writer, kMetaData);
  writer.Append(kept);
  Relay(timestamp_ns, std::move(body), items);
}

void ScriptReader::Announce(std::vector<uint8_t> config, std::vector<Item>& items) {
  announced_ = true;
  Track track;
  track.id = kDataTrackId;
  track.kind = TrackKind::kData;
  track.codec = Codec::kMetadata;
  track.config = std::move(config);
  items.emplace_back(std::move(track));
}

void ScriptReader::Relay(int64_t timestamp_ns, std::vector<uint8_t> body,
                         std::vector<Item>& items) {
  if (!has_media_) {
    if (waiting_.size() < kMaxWaiting) waiting_.push_back(std::move(body));
    return;
  }
  const bool near = std::abs(timestamp_ns - media_ns_) <= kNearNs;
  Emit(near ? timestamp_ns : media_ns_, std::move(body), items);
}

void ScriptReader::OnMedia(int64_t dts_ns, std::vector<Item>& items) {
  has_media_ = true;
  media_ns_ = dts_ns;
  for (std::vector<uint8_t>& body : std::exchange(waiting_, {})) {
    Emit(dts_ns, std::move(body), items);
  }
}

void ScriptReader::Emit(int64_t dts_ns, std::vector<uint8_t> body, std::vector<Item>& items) const {
  InputFrame frame;
  frame.track = kDataTrackId;
  frame.flags = kClosedRandomAccess;
  frame.dts_ns = frame.pts_ns = dts_ns;
  frame.payload = Payload::FromVector(std::move(body));
  items.emplace_back(std::move(frame));
}

}  // namespace millrace::media::flv
