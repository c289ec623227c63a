#include "runtime/bus/convert.h"

#include <bitset>

namespace millrace::bus {
namespace {

v1::Color ToProto(const media::Color& color) {
  v1::Color proto;
  proto.set_bit_depth(color.bit_depth);
  proto.set_primaries(color.primaries);
  proto.set_transfer(color.transfer);
  proto.set_matrix(color.matrix);
  if (const auto& light = color.light) {
    proto.mutable_light()->set_max_frame_average(light->max_frame_average);
    proto.mutable_light()->set_max_content(light->max_content);
  }
  if (const auto& from = color.mastering) {
    v1::Color::MasteringDisplay& to = *proto.mutable_mastering();
    to.set_red_x(from->red_x);
    to.set_red_y(from->red_y);
    to.set_green_x(from->green_x);
    to.set_green_y(from->green_y);
    to.set_blue_x(from->blue_x);
    to.set_blue_y(from->blue_y);
    to.set_white_x(from->white_x);
    to.set_white_y(from->white_y);
    to.set_max_luminance(from->max_luminance);
    to.set_min_luminance(from->min_luminance);
  }
  return proto;
}

absl::StatusOr<media::Color> ColorOf(const v1::Color& proto) {
  for (const uint32_t number :
       {proto.bit_depth(), proto.primaries(), proto.transfer(), proto.matrix()}) {
    if (number > 0xff) return absl::InvalidArgumentError("colour number is above 255");
  }
  media::Color color{.bit_depth = static_cast<uint8_t>(proto.bit_depth()),
                     .primaries = static_cast<uint8_t>(proto.primaries()),
                     .transfer = static_cast<uint8_t>(proto.transfer()),
                     .matrix = static_cast<uint8_t>(proto.matrix()),
                     .light = std::nullopt,
                     .mastering = std::nullopt};
  if (proto.has_light()) {
    color.light = media::ContentLight{.max_frame_average = proto.light().max_frame_average(),
                                      .max_content = proto.light().max_content()};
  }
  if (proto.has_mastering()) {
    const v1::Color::MasteringDisplay& from = proto.mastering();
    color.mastering = media::MasteringDisplay{.red_x = from.red_x(),
                                              .red_y = from.red_y(),
                                              .green_x = from.green_x(),
                                              .green_y = from.green_y(),
                                              .blue_x = from.blue_x(),
                                              .blue_y = from.blue_y(),
                                              .white_x = from.white_x(),
                                              .white_y = from.white_y(),
                                              .max_luminance = from.max_luminance(),
                                              .min_luminance = from.min_luminance()};
  }
  return color;
}

}  // namespace

v1::TrackInfo ToProto(const media::Track& track) {
  v1::TrackInfo info;
  info.set_id(track.id);
  info.set_kind(static_cast<uint32_t>(track.kind));
  info.set_codec(static_cast<uint32_t>(track.codec));
  info.set_config(track.config.data(), track.config.size());
  info.set_codec_string(track.codec_string);
  info.set_width(track.width);
  info.set_height(track.height);
  info.set_frame_rate_num(track.frame_rate_num);
  info.set_frame_rate_den(track.frame_rate_den);
  info.set_sample_rate(track.sample_rate);
  info.set_channels(track.channels);
  info.set_samples_per_frame(track.samples_per_frame);
  info.set_language(track.language);
  info.set_label(track.label);
  info.set_is_default(track.is_default);
  if (track.color) *info.mutable_color() = ToProto(*track.color);
  return info;
}

v1::Timeline ToProto(const Timeline& timeline) {
  v1::Timeline proto;
  proto.set_epoch(timeline.epoch);
  proto.set_last_sequence(timeline.last_sequence);
  proto.set_dts_end_ns(timeline.dts_end_ns);
  proto.set_pts_end_ns(timeline.pts_end_ns);
  proto.set_next_segment(timeline.next_segment);
  proto.set_discontinuity_sequence(timeline.discontinuity_sequence);
  proto.set_next_gop(timeline.next_gop);
  return proto;
}

Timeline FromProto(const v1::Timeline& proto) {
  return {.epoch = proto.epoch(),
          .last_sequence = proto.last_sequence(),
          .dts_end_ns = proto.dts_end_ns(),
          .pts_end_ns = proto.pts_end_ns(),
          .next_segment = proto.next_segment(),
          .discontinuity_sequence = proto.discontinuity_sequence(),
          .next_gop = proto.next_gop()};
}

void SetTracks(const media::TrackSet& tracks, v1::TrackSetUpdate& update) {
  update.set_version(tracks.version);
  update.clear_tracks();
  for (const media::Track& track : tracks.tracks) *update.add_tracks() = ToProto(track);
}

absl::StatusOr<media::TrackSet> TracksOf(const v1::TrackSetUpdate& update) {
  media::TrackSet set{.version = update.version(), .tracks = {}};
  std::bitset<256> seen;
  for (const v1::TrackInfo& info : update.tracks()) {
    if (info.id() > 0xff) return absl::InvalidArgumentError("track id is above 255");
    if (info.kind() < 1 || info.kind() > 3) return absl::InvalidArgumentError("unknown track kind");
    if (info.codec() > 0xffff) return absl::InvalidArgumentError("codec number is above 65535");
    if (seen.test(info.id())) return absl::InvalidArgumentError("track id occurs twice");
    seen.set(info.id());
    media::Track track;
    track.id = static_cast<uint8_t>(info.id());
    track.kind = static_cast<media::TrackKind>(info.kind());
    track.codec = static_cast<media::Codec>(info.codec());
    track.config.assign(info.config().begin(), info.config().end());
    track.codec_string = info.codec_string();
    track.width = info.width();
    track.height = info.height();
    track.frame_rate_num = info.frame_rate_num();
    track.frame_rate_den = info.frame_rate_den();
    track.sample_rate = info.sample_rate();
    track.channels = info.channels();
    track.samples_per_frame = info.samples_per_frame();
    track.language = info.language();
    track.label = info.label();
    track.is_default = info.is_default();
    if (info.has_color()) {
      auto color = ColorOf(info.color());
      if (!color.ok()) return color.status();
      track.color = *color;
    }
    set.tracks.push_back(std::move(track));
  }
  return set;
}

}  // namespace millrace::bus
