#include "gateways/rtmp/rtmp_unit.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "gateways/rtmp/protocol/chunk_writer.h"
#include "media/base/ticks.h"
#include "media/flv/muxer.h"

namespace millrace::rtmp {
namespace {

using media::Bytes;
using media::Payload;
using media::flv::Presentation;

constexpr size_t kHeaderSize = 12;
constexpr size_t kMaxBody = (1u << 24) - 1;

// Headers of fmt 3 chunks, one for each chunk stream id.
constexpr auto kMarkers = [] {
  std::array<uint8_t, 64> markers{};
  for (size_t i = 0; i < markers.size(); ++i) markers[i] = static_cast<uint8_t>(0xC0 | i);
  return markers;
}();

// Codecs that have no form but the enhanced one: only these make one player's lane differ from
// another's.
constexpr media::Codec kEnhancedOnly[] = {media::Codec::kH265, media::Codec::kAv1,
                                          media::Codec::kVp9,  media::Codec::kOpus,
                                          media::Codec::kFlac, media::Codec::kAc3};

// What encoders put in front of onMetaData: an AMF 0 string.
constexpr std::array<uint8_t, 16> kSetDataFrame = {0x02, 0x00, 0x0D, '@', 's', 'e', 't', 'D',
                                                   'a',  't',  'a',  'F', 'r', 'a', 'm', 'e'};

// A viewer starts at 0, and what lies before its start (audio, by a little) is shown there too.
uint32_t TimestampFor(int64_t dts_ms, int64_t base_ms) {
  return static_cast<uint32_t>(std::max<int64_t>(0, dts_ms - base_ms));
}

uint8_t ChunkStreamOf(media::flv::TagType type) {
  switch (type) {
    case media::flv::TagType::kVideo:
      return kVideoChunkStream;
    case media::flv::TagType::kAudio:
      return kAudioChunkStream;
    case media::flv::TagType::kScript:
      break;
  }
  return kDataChunkStream;
}

// They have the same numbers.
MessageType MessageTypeOf(media::flv::TagType type) {
  return static_cast<MessageType>(static_cast<uint8_t>(type));
}

}  // namespace

RtmpUnit::RtmpUnit(uint32_t chunk_size, uint32_t message_stream)
    : chunk_size_(std::max(chunk_size, kMinUnitChunkSize)), message_stream_(message_stream) {}

void RtmpUnit::Add(uint8_t chunk_stream, MessageType type, int64_t dts_ms, Bytes prefix,
                   Payload payload) {
  Entry entry;
  entry.dts_ms = dts_ms;
  entry.head = heads_.size();
  entry.prefix_size = static_cast<uint8_t>(prefix.size());
  entry.chunk_stream = chunk_stream;
  entry.payload = std::move(payload);
  heads_.resize(heads_.size() + kHeaderSize);
  const size_t length = prefix.size() + entry.payload.size();
  WriteMessageHeader(chunk_stream, type, message_stream_, 0, static_cast<uint32_t>(length),
                     heads_.data() + entry.head);
  heads_.insert(heads_.end(), prefix.begin(), prefix.end());
  plain_size_ += SizeOf(entry, 0);
  last_ms_ = std::max(last_ms_, dts_ms);
  messages_.push_back(std::move(entry));
}

size_t RtmpUnit::SizeOf(const Entry& entry, uint32_t timestamp_ms) const {
  const size_t body = entry.prefix_size + entry.payload.size();
  const size_t chunks = std::max<size_t>(1, (body + chunk_size_ - 1) / chunk_size_);
  const size_t extended = timestamp_ms >= kExtendedTimestamp ? 4 : 0;
  return kHeaderSize + body + (chunks - 1) + chunks * extended;
}

size_t RtmpUnit::Size(int64_t base_ms) const {
  if (last_ms_ - base_ms < kExtendedTimestamp) return plain_size_;
  size_t size = 0;
  for (const Entry& entry : messages_) size += SizeOf(entry, TimestampFor(entry.dts_ms, base_ms));
  return size;
}

bool RtmpUnit::Gather(size_t skip, int64_t base_ms, stream::IovecList& out) const {
  for (const Entry& entry : messages_) {
    const uint32_t timestamp = TimestampFor(entry.dts_ms, base_ms);
    if (skip > 0) {
      const size_t size = SizeOf(entry, timestamp);
      if (skip >= size) {
        skip -= size;
        continue;
      }
    }
    if (!GatherEntry(entry, timestamp, skip, out)) return false;
    skip = 0;
  }
  return true;
}

bool RtmpUnit::GatherEntry(const Entry& entry, uint32_t timestamp_ms, size_t skip,
                           stream::IovecList& out) const {
  const bool extended = timestamp_ms >= kExtendedTimestamp;
  // Adds what `skip` leaves of a piece.
  const auto add = [&](const uint8_t* data, size_t size) {
    const size_t skipped = std::min(skip, size);
    skip -= skipped;
    return skipped == size || out.Add(data + skipped, size - skipped);
  };

  const size_t header_size = kHeaderSize + (extended ? 4 : 0);
  if (skip < header_size + entry.prefix_size) {
    uint8_t* const head = out.Scratch(header_size + entry.prefix_size);
    if (head == nullptr) return false;
    const uint8_t* const ready = heads_.data() + entry.head;
    const uint32_t field = extended ? kExtendedTimestamp : timestamp_ms;
    std::memcpy(head, ready, kHeaderSize);
    for (size_t i = 0; i < 3; ++i) head[1 + i] = static_cast<uint8_t>(field >> (8 * (2 - i)));
    for (size_t i = 0; extended && i < 4; ++i) {
      head[kHeaderSize + i] = static_cast<uint8_t>(timestamp_ms >> (8 * (3 - i)));
    }
    std::memcpy(head + header_size, ready + kHeaderSize, entry.prefix_size);
    if (!add(head, header_size + entry.prefix_size)) return false;
  } else {
    skip -= header_size + entry.prefix_size;
  }

  Bytes rest = entry.payload.bytes();
  size_t room = chunk_size_ - entry.prefix_size;
  while (true) {
    const size_t size = std::min(room, rest.size());
    if (size > 0 && !add(rest.data(), size)) return false;
    rest = rest.subspan(size);
    if (rest.empty()) return true;
    room = chunk_size_;
    if (!extended) {
      if (!add(&kMarkers[entry.chunk_stream], 1)) return false;
    } else if (skip >= 5) {
      skip -= 5;
    } else {
      uint8_t* const marker = out.Scratch(5);
      if (marker == nullptr) return false;
      marker[0] = kMarkers[entry.chunk_stream];
      for (size_t i = 0; i < 4; ++i) {
        marker[1 + i] = static_cast<uint8_t>(timestamp_ms >> (8 * (3 - i)));
      }
      if (!add(marker, 5)) return false;
    }
  }
}

RtmpMuxer::RtmpMuxer(uint32_t chunk_size, std::string version,
                     const media::flv::PresentationOptions& options,
                     std::optional<uint32_t> published_as)
    : chunk_size_(chunk_size),
      version_(std::move(version)),
      options_(options),
      published_as_(published_as) {}

stream::WireUnitPtr RtmpMuxer::Preamble(const media::TrackSet& tracks) {
  const Presentation shown(tracks, options_);
  announced_ = shown.Announced();
  if (shown.empty()) return nullptr;
  return Announce(shown, {}, 0);
}

stream::WireUnitPtr RtmpMuxer::TracksChanged(const media::TrackSet& tracks, int64_t dts_ms) {
  const Presentation shown(tracks, options_);
  media::TrackSet now = shown.Announced();
  if (now.tracks == announced_.tracks) return nullptr;
  const media::TrackSet before = std::exchange(announced_, std::move(now));
  return Announce(shown, before, dts_ms);
}

stream::WireUnitPtr RtmpMuxer::TracksRestated(const media::TrackSet& tracks, int64_t dts_ms) {
  const Presentation shown(tracks, options_);
  return shown.empty() ? nullptr : Announce(shown, {}, dts_ms);
}

bool RtmpMuxer::Carries(const media::TrackSet& tracks, const media::Track& track) const {
  return Presentation(tracks, options_).Find(track.id) != nullptr;
}

stream::WireUnitPtr RtmpMuxer::Announce(const Presentation& shown, const media::TrackSet& before,
                                        int64_t dts_ms) const {
  auto unit = std::make_shared<RtmpUnit>(chunk_size_, published_as_.value_or(kMessageStream));
  for (media::flv::Announcement& one : media::flv::Announce(shown, before, version_)) {
    const bool encoders = published_as_ && one.type == media::flv::TagType::kScript;
    unit->Add(ChunkStreamOf(one.type), MessageTypeOf(one.type), dts_ms,
              encoders ? Bytes(kSetDataFrame) : Bytes(), Payload::FromVector(std::move(one.body)));
  }
  return unit;
}

stream::WireUnitPtr RtmpMuxer::Frames(const media::TrackSet& tracks,
                                      std::span<const media::Frame> frames) {
  const Presentation presentation(tracks, options_);
  auto unit = std::make_shared<RtmpUnit>(chunk_size_, published_as_.value_or(kMessageStream));
  for (const media::Frame& frame : frames) {
    const media::flv::PresentedTrack* shown = presentation.Find(frame.track);
    if (shown == nullptr) continue;
    Payload payload =
        frame.payload.Slice(frame.header_len, frame.payload.size() - frame.header_len);
    if (payload.size() + media::flv::kMaxPrefixSize > kMaxBody) continue;
    const media::flv::TagType type = media::flv::TagTypeOf(shown->track->kind);
    unit->Add(ChunkStreamOf(type), MessageTypeOf(type), media::MsFromNs(frame.dts_ns),
              media::flv::FramePrefix(*shown, frame), std::move(payload));
  }
  if (unit->empty()) return nullptr;
  return unit;
}

stream::Lane RtmpLane(uint32_t chunk_size, const media::flv::PresentationOptions& options,
                      std::optional<uint32_t> published_as) {
  std::string key = "rtmp";
  if (options.form != media::flv::Form::kAuto) {
    key += std::string("-") + media::flv::FormName(options.form);
  } else if (options.enhanced != media::flv::CodecSet::All()) {
    key += "-only";
    for (const media::Codec codec : kEnhancedOnly) {
      if (options.enhanced.Has(codec)) key += std::string("-") + media::CodecName(codec);
    }
  }
  if (options.multitrack) key += "-multitrack";
  if (published_as) key += "-published-" + std::to_string(*published_as);
  return {std::move(key), [chunk_size, options, published_as] {
            return std::make_unique<RtmpMuxer>(chunk_size, MILLRACE_VERSION, options, published_as);
          }};
}

}  // namespace millrace::rtmp
