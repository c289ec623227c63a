// What players of a stream get, and what a publisher's packets become: one is the other's proof.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "gateways/rtsp/protocol/message_reader.h"
#include "gateways/rtsp/receiver.h"
#include "gateways/rtsp/rtsp_unit.h"
#include "media/base/fault.h"
#include "media/codec/aac/config.h"
#include "media/codec/h264/config.h"
#include "media/codec/h265/config.h"
#include "media/codec/opus/config.h"
#include "media/rtp/packet.h"
#include "media/rtp/rtcp.h"
#include "tests/support/hex.h"
#include "tests/unit/media/codec/h264/parameter_sets.h"
#include "tests/unit/media/codec/h265/parameter_sets.h"

namespace millrace::rtsp {
namespace {

using media::Frame;
using media::kNsPerMs;
using media::Payload;
using testing::ElementsAre;
using tests::Hex;

media::TrackSet Tracks() {
  media::h264::AvcConfig config;
  config.sps = {media::h264::SpsCases()[1].nal};
  config.pps = {media::h264::Pps()};
  return {1, {*media::h264::MakeTrack(config), *media::aac::MakeTrack(Hex("1190"))}};
}

media::TrackSet H265AndOpus() {
  media::h265::HevcConfig config;
  config.vps = {media::h265::SpsCases()[0].vps};
  config.sps = {media::h265::SpsCases()[0].sps};
  config.pps = {media::h265::Pps()};
  return {1, {*media::h265::MakeTrack(config), media::opus::MakeTrack({})}};
}

Frame Picture(int64_t dts_ms, int64_t pts_ms, bool key, size_t size) {
  Frame frame;
  frame.track = 1;
  frame.flags = key ? media::kClosedRandomAccess : 0;
  frame.dts_ns = dts_ms * kNsPerMs;
  frame.pts_ns = pts_ms * kNsPerMs;
  frame.ingest_wall_ns = 1'700'000'000'000'000'000 + frame.dts_ns;
  std::vector<uint8_t> bytes = {
      static_cast<uint8_t>(size >> 24),        static_cast<uint8_t>(size >> 16),
      static_cast<uint8_t>(size >> 8),         static_cast<uint8_t>(size),
      static_cast<uint8_t>(key ? 0x65 : 0x41), 0x80};
  bytes.resize(4 + size, static_cast<uint8_t>(dts_ms));
  frame.payload = Payload::FromVector(std::move(bytes));
  return frame;
}

Frame Sound(int64_t dts_ms) {
  Frame frame;
  frame.track = 2;
  frame.flags = media::kClosedRandomAccess;
  frame.dts_ns = frame.pts_ns = dts_ms * kNsPerMs;
  frame.ingest_wall_ns = 1'700'000'000'000'000'000 + frame.dts_ns;
  frame.payload = Payload::FromVector(std::vector<uint8_t>(300, static_cast<uint8_t>(dts_ms)));
  return frame;
}

// What a player of `tracks` set up: a channel for each media, or none.
PlayedTracks Played(const media::TrackSet& tracks, std::vector<std::optional<uint8_t>> channels) {
  const media::sdp::Offer offer = OfferOf(tracks, "x");
  PlayedTracks played;
  for (size_t i = 0; i < channels.size(); ++i) {
    if (!channels[i].has_value()) continue;
    const auto& offered = offer.tracks.at(i);
    played.push_back(Described(*tracks.Find(offered.track_id), offered));
    played.back().channel = *channels[i];
  }
  return played;
}

RtspMuxer Muxer(const media::TrackSet& tracks = Tracks(),
                std::vector<std::optional<uint8_t>> channels = {0, 2}) {
  return RtspMuxer(Played(tracks, std::move(channels)), [](std::span<uint8_t> out) {
    for (uint8_t& byte : out) byte = 0xff;  // sequence numbers and timestamps wrap at once
  });
}

// The unit's bytes, gathered in as many rounds as it takes, each `round` bytes long at most.
std::vector<uint8_t> Gathered(const stream::WireUnit& unit, int64_t base_ms, size_t round) {
  std::vector<uint8_t> bytes;
  while (bytes.size() < unit.Size(base_ms)) {
    stream::IovecList list;
    unit.Gather(bytes.size(), base_ms, list);
    size_t left = round;
    for (const iovec& piece : list.pieces()) {
      const auto* data = static_cast<const uint8_t*>(piece.iov_base);
      const size_t size = std::min(left, piece.iov_len);
      bytes.insert(bytes.end(), data, data + size);
      left -= size;
    }
    if (list.bytes() == 0) break;
  }
  return bytes;
}

std::vector<Interleaved> FramesOf(const std::vector<uint8_t>& bytes) {
  MessageReader reader;
  reader.Append(bytes);
  std::vector<Interleaved> frames;
  while (true) {
    auto message = reader.Next();
    if (!message.ok() || !message->has_value()) {
      EXPECT_TRUE(message.ok()) << message.status();
      EXPECT_EQ(reader.pending(), 0u);
      return frames;
    }
    frames.push_back(std::get<Interleaved>(**message));
  }
}

TEST(RtspUnit, IsTheSameHoweverLittleASocketTakes) {
  RtspMuxer muxer = Muxer();
  ASSERT_NE(muxer.Preamble(Tracks()), nullptr);
  const auto unit = muxer.Frames(
      Tracks(),
      std::vector<Frame>{Picture(40, 40, true, 5000), Sound(43), Picture(80, 80, false, 9)});
  ASSERT_NE(unit, nullptr);
  const auto whole = Gathered(*unit, 0, SIZE_MAX);
  EXPECT_EQ(whole.size(), unit->Size(0));
  for (const size_t round : {1u, 7u, 16u, 1000u}) {
    EXPECT_EQ(Gathered(*unit, 0, round), whole) << round;
  }
}

TEST(RtspUnit, AViewersMediaStartAtTheOffset) {
  RtspMuxer muxer = Muxer();
  muxer.Preamble(Tracks());
  const auto unit =
      muxer.Frames(Tracks(), std::vector<Frame>{Picture(5000, 5040, true, 100), Sound(5000)});
  std::vector<std::string> seen;
  for (const Interleaved& frame : FramesOf(Gathered(*unit, 5000, SIZE_MAX))) {
    if (frame.channel % 2 == 1) {
      const auto reports = media::rtp::ParseRtcp(frame.payload.bytes());
      ASSERT_TRUE(reports.ok());
      const auto& report = std::get<media::rtp::SenderReport>(reports->at(0));
      seen.push_back("report " + std::to_string(frame.channel) + " " +
                     std::to_string(report.rtp_timestamp) + " at " +
                     std::to_string(media::rtp::UnixNsFromNtp(report.ntp) / kNsPerMs % 100'000));
      continue;
    }
    const auto packet = media::rtp::ParsePacket(frame.payload);
    ASSERT_TRUE(packet.ok());
    seen.push_back(std::to_string(frame.channel) + " " + std::to_string(packet->payload_type) +
                   " " + std::to_string(packet->sequence) + " " +
                   std::to_string(packet->timestamp));
  }
  EXPECT_THAT(seen, ElementsAre("report 1 3599 at 5040", "0 96 65535 3599",
                                "report 3 4294967295 at 5000", "2 97 65535 4294967295"));
}

TEST(RtspUnit, TellsWhatComesNext) {
  RtspMuxer muxer = Muxer();
  muxer.Preamble(Tracks());
  const auto first = muxer.Frames(Tracks(), std::vector<Frame>{Picture(0, 0, true, 100)});
  const auto second = muxer.Frames(Tracks(), std::vector<Frame>{Sound(20)});
  const auto& unit = static_cast<const RtspUnit&>(*second);
  ASSERT_NE(unit.Find(0), nullptr);
  EXPECT_EQ(unit.Find(0)->sequence, 0) << "one packet was sent";
  EXPECT_EQ(static_cast<const RtspUnit&>(*first).Find(0)->sequence, 65535);
  EXPECT_EQ(unit.Find(2)->sequence, 65535);
  EXPECT_EQ(unit.Find(0)->TimestampAt(0), 0xffffffffu);
  EXPECT_EQ(unit.Find(0)->TimestampAt(1000), 89'999u);
  EXPECT_EQ(unit.Find(4), nullptr);
}

TEST(RtspMuxer, SendsWhatWasSetUp) {
  RtspMuxer muxer = Muxer(Tracks(), {std::nullopt, 6});
  ASSERT_NE(muxer.Preamble(Tracks()), nullptr);
  EXPECT_FALSE(muxer.Carries(Tracks(), Tracks().tracks[0]));
  EXPECT_TRUE(muxer.Carries(Tracks(), Tracks().tracks[1]));
  EXPECT_EQ(muxer.Frames(Tracks(), std::vector<Frame>{Picture(0, 0, true, 10)}), nullptr);
  EXPECT_NE(muxer.Frames(Tracks(), std::vector<Frame>{Sound(0)}), nullptr);
  EXPECT_EQ(Muxer(Tracks(), {std::nullopt}).Preamble(Tracks()), nullptr);
  EXPECT_EQ(LaneKey(Played(Tracks(), {0, 2})), LaneKey(Played(Tracks(), {0, 2})));
  EXPECT_NE(LaneKey(Played(Tracks(), {0, 2})), LaneKey(Played(Tracks(), {2, 0})));
  EXPECT_NE(LaneKey(Played(Tracks(), {0, 2})), LaneKey(Played(Tracks(), {0})));
}

TEST(RtspMuxer, AnotherFormatEndsIt) {
  RtspMuxer muxer = Muxer();
  muxer.Preamble(Tracks());
  EXPECT_FALSE(muxer.Ends(Tracks()));
  media::TrackSet quiet = Tracks();
  quiet.tracks.pop_back();
  EXPECT_FALSE(muxer.Ends(quiet)) << "the picture goes on";
  media::TrackSet larger = Tracks();
  media::h264::AvcConfig config;
  config.sps = {media::h264::SpsCases()[0].nal};
  config.pps = {media::h264::Pps()};
  larger.tracks[0] = *media::h264::MakeTrack(config);
  EXPECT_FALSE(muxer.Ends(larger)) << "parameter sets travel in band";
  EXPECT_TRUE(muxer.Ends(H265AndOpus()));
  media::TrackSet faster = Tracks();
  faster.tracks[1] = *media::aac::MakeTrack(Hex("1210"));
  EXPECT_TRUE(muxer.Ends(faster)) << "44.1 kHz are not what was described";
  EXPECT_TRUE(muxer.Ends({2, {}})) << "nothing is left";
}

TEST(Receiver, GetsBackWhatAPlayerIsSent) {
  const auto sources = media::sdp::SourcesOf(OfferOf(Tracks(), "x").description);
  Receiver receiver(sources);
  const auto tracks = receiver.Tracks();
  ASSERT_EQ(tracks.size(), 2u);
  EXPECT_EQ(tracks[0], Tracks().tracks[0]);
  EXPECT_EQ(tracks[1], Tracks().tracks[1]);

  const std::vector<Frame> frames = {
      Picture(0, 40, true, 30'000), Sound(0),  Picture(40, 120, false, 2000),
      Picture(80, 80, false, 500),  Sound(21), Picture(120, 160, true, 20)};
  RtspMuxer muxer = Muxer();
  muxer.Preamble(Tracks());
  const auto unit = muxer.Frames(Tracks(), frames);
  std::vector<Receiver::Item> items;
  for (const Interleaved& frame : FramesOf(Gathered(*unit, 0, SIZE_MAX))) {
    const size_t media = frame.channel / 2;
    EXPECT_TRUE(receiver.OnPacket(media, frame.channel % 2 == 1, frame.payload, 0, items).ok());
  }
  std::vector<std::pair<int, std::vector<uint8_t>>> sent, seen;
  for (const Frame& frame : frames) {
    const auto data = frame.data();
    sent.emplace_back(frame.track, std::vector<uint8_t>(data.begin(), data.end()));
  }
  int64_t last_dts = INT64_MIN;
  for (const auto& item : items) {
    const auto* frame = std::get_if<media::InputFrame>(&item);
    ASSERT_NE(frame, nullptr) << "tracks did not change";
    const auto data = frame->payload.bytes();
    seen.emplace_back(frame->track, std::vector<uint8_t>(data.begin(), data.end()));
    if (frame->track != 1) continue;
    EXPECT_LE(frame->dts_ns, frame->pts_ns);
    EXPECT_GE(frame->dts_ns, last_dts);
    last_dts = frame->dts_ns;
  }
  EXPECT_EQ(seen, sent);
}

TEST(Receiver, GetsBackH265AndOpus) {
  const auto sources = media::sdp::SourcesOf(OfferOf(H265AndOpus(), "x").description);
  Receiver receiver(sources);
  EXPECT_EQ(receiver.Tracks(), H265AndOpus().tracks);
  Frame picture = Picture(0, 0, true, 3000);
  std::vector<uint8_t> nal = {0, 0, 0x0b, 0xb8, 0x26, 0x01, 0x80};
  nal.resize(3004, 7);
  picture.payload = Payload::FromVector(nal);
  Frame sound = Sound(0);
  sound.payload = Payload::FromVector(Hex("fc 01 02 03"));
  RtspMuxer muxer = Muxer(H265AndOpus());
  muxer.Preamble(H265AndOpus());
  const auto unit = muxer.Frames(H265AndOpus(), std::vector<Frame>{picture, sound});
  std::vector<Receiver::Item> items;
  for (const Interleaved& frame : FramesOf(Gathered(*unit, 0, SIZE_MAX))) {
    const size_t media = frame.channel / 2;
    EXPECT_TRUE(receiver.OnPacket(media, frame.channel % 2 == 1, frame.payload, 0, items).ok());
  }
  ASSERT_EQ(items.size(), 2u);
  const auto bytes = std::get<media::InputFrame>(items[0]).payload.bytes();
  EXPECT_EQ(std::vector<uint8_t>(bytes.begin(), bytes.end()), nal);
  EXPECT_EQ(std::get<media::InputFrame>(items[1]).payload.size(), 4u);
}

TEST(Receiver, TakesParameterSetsFromThePackets) {
  const auto description = media::sdp::Parse("m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n");
  Receiver receiver(media::sdp::SourcesOf(*description));
  EXPECT_TRUE(receiver.Tracks().empty());
  RtspMuxer muxer = Muxer(Tracks(), {0});
  muxer.Preamble(Tracks());
  const auto unit = muxer.Frames(Tracks(), std::vector<Frame>{Picture(0, 0, true, 10)});
  std::vector<Receiver::Item> items;
  for (const Interleaved& frame : FramesOf(Gathered(*unit, 0, SIZE_MAX))) {
    EXPECT_TRUE(receiver.OnPacket(0, frame.channel == 1, frame.payload, 0, items).ok());
  }
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(std::get<media::Track>(items[0]), Tracks().tracks[0]);
  EXPECT_EQ(std::get<media::InputFrame>(items[1]).track, 1);
}

// Packets of pictures: a key frame, then others, the one at 120 ms another key frame.
std::vector<Payload> PicturePackets() {
  RtspMuxer muxer = Muxer(Tracks(), {0});
  muxer.Preamble(Tracks());
  std::vector<Frame> frames;
  for (int64_t i = 0; i < 5; ++i) frames.push_back(Picture(40 * i, 40 * i, i % 3 == 0, 2000));
  const auto unit = muxer.Frames(Tracks(), frames);
  std::vector<Payload> packets;
  for (const Interleaved& frame : FramesOf(Gathered(*unit, 0, SIZE_MAX))) {
    if (frame.channel == 0) packets.push_back(frame.payload);
  }
  return packets;
}

// When pictures are shown, milliseconds behind the first.
std::vector<int64_t> PicturesAt(const std::vector<Receiver::Item>& items) {
  std::vector<int64_t> at;
  for (const auto& item : items) {
    if (const auto* frame = std::get_if<media::InputFrame>(&item)) {
      at.push_back((frame->pts_ns + kNsPerMs / 2) / kNsPerMs);
    }
  }
  const int64_t first = at.empty() ? 0 : at.front();
  for (int64_t& one : at) one -= first;
  return at;
}

TEST(Receiver, PutsDatagramsInOrder) {
  const auto sources = media::sdp::SourcesOf(OfferOf(Tracks(), "x").description);
  Receiver receiver(sources, {.datagrams = true, .ssrc = 7});
  auto packets = PicturePackets();
  std::swap(packets[2], packets[4]);
  std::vector<Receiver::Item> items;
  for (const Payload& packet : packets) {
    EXPECT_TRUE(receiver.OnPacket(0, false, packet, 0, items).ok());
  }
  EXPECT_THAT(PicturesAt(items), ElementsAre(0, 40, 80, 120, 160));
  EXPECT_GT(receiver.counters().reordered, 0u);
  EXPECT_EQ(receiver.counters().lost, 0u);
  const auto report = media::rtp::ParseRtcp(receiver.Report(0, 0));
  ASSERT_TRUE(report.ok());
  const auto& blocks = std::get<media::rtp::ReceiverReport>(report->at(0));
  EXPECT_EQ(blocks.ssrc, 7u);
  EXPECT_EQ(blocks.reports.at(0).lost, 0);
  EXPECT_TRUE(receiver.Report(1, 0).empty()) << "nothing came of it";
}

TEST(Receiver, WhatRefersToALostPictureGoesWithIt) {
  const auto sources = media::sdp::SourcesOf(OfferOf(Tracks(), "x").description);
  Receiver receiver(sources, {.datagrams = true});
  const auto packets = PicturePackets();
  std::vector<Receiver::Item> items;
  size_t number = 0;
  for (const Payload& packet : packets) {
    const bool lost = media::rtp::ParsePacket(packet)->timestamp -
                              media::rtp::ParsePacket(packets[0])->timestamp ==
                          40 * 90 &&
                      number++ == 0;
    if (!lost) EXPECT_TRUE(receiver.OnPacket(0, false, packet, 0, items).ok());
  }
  EXPECT_THAT(PicturesAt(items), ElementsAre(0)) << "the gap may yet be filled";
  receiver.OnTimer(kNsPerMs, items);
  EXPECT_THAT(PicturesAt(items), ElementsAre(0));
  receiver.OnTimer(1000 * kNsPerMs, items);
  EXPECT_THAT(PicturesAt(items), ElementsAre(0, 120, 160));
  const Receiver::Counters counters = receiver.counters();
  EXPECT_EQ(counters.lost, 1u);
  EXPECT_EQ(counters.damaged, 1u);
  EXPECT_EQ(counters.undecodable, 1u);
  const auto report = media::rtp::ParseRtcp(receiver.Report(0, 0));
  EXPECT_EQ(std::get<media::rtp::ReceiverReport>(report->at(0)).reports.at(0).lost, 1);
}

TEST(Receiver, NamesWhatIsWrongAndGoesOn) {
  Receiver receiver(media::sdp::SourcesOf(OfferOf(Tracks(), "x").description));
  std::vector<Receiver::Item> items;
  const Payload junk = Payload::FromVector(Hex("00"));
  EXPECT_NE(media::FaultName(receiver.OnPacket(0, false, junk, 0, items)), "other");
  EXPECT_FALSE(receiver.OnPacket(0, false, junk, 0, items).ok());
  EXPECT_FALSE(receiver.OnPacket(1, true, junk, 0, items).ok());
  EXPECT_TRUE(receiver.OnPacket(9, false, junk, 0, items).ok());
  EXPECT_TRUE(items.empty());
}

}  // namespace
}  // namespace millrace::rtsp
