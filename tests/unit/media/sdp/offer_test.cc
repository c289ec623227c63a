#include "media/sdp/offer.h"

#include <gtest/gtest.h>

#include <string>

#include "media/codec/aac/config.h"
#include "media/codec/h264/config.h"
#include "media/codec/h265/config.h"
#include "media/codec/opus/config.h"
#include "tests/support/hex.h"
#include "tests/unit/media/codec/h264/parameter_sets.h"
#include "tests/unit/media/codec/h265/parameter_sets.h"

namespace millrace::media::sdp {
namespace {

using tests::Hex;

Track H264Track() {
  h264::AvcConfig config;
  config.sps = {h264::SpsCases()[0].nal};
  config.pps = {h264::Pps()};
  return *h264::MakeTrack(config);
}

Track H265Track(uint8_t id) {
  h265::HevcConfig config;
  config.vps = {h265::SpsCases()[0].vps};
  config.sps = {h265::SpsCases()[0].sps};
  config.pps = {h265::Pps()};
  Track track = *h265::MakeTrack(config);
  track.id = id;
  return track;
}

Track OpusTrack(uint8_t id, uint8_t channels) {
  opus::OpusConfig config;
  config.channels = channels;
  Track track = opus::MakeTrack(config);
  track.id = id;
  return track;
}

Track Audio(uint8_t id, Codec codec, uint32_t rate, uint32_t channels) {
  Track track;
  track.id = id;
  track.kind = TrackKind::kAudio;
  track.codec = codec;
  track.sample_rate = rate;
  track.channels = channels;
  return track;
}

TEST(Offer, OfVideoAndSound) {
  const TrackSet tracks = {1, {H264Track(), *aac::MakeTrack(Hex("1190"))}};
  const Offer offer = MakeOffer(tracks, {.name = "live/cam1"});
  EXPECT_EQ(Build(offer.description),
            "v=0\r\n"
            "o=- 0 0 IN IP4 0.0.0.0\r\n"
            "s=live/cam1\r\n"
            "c=IN IP4 0.0.0.0\r\n"
            "t=0 0\r\n"
            "a=control:*\r\n"
            "m=video 0 RTP/AVP 96\r\n"
            "a=rtpmap:96 H264/90000\r\n"
            "a=fmtp:96 packetization-mode=1;sprop-parameter-sets="
            "Z0LAH9kAUAW7/wADAAQQAAADABAAAAMDIPGDJIA=,aOvjyyLA;profile-level-id=42c01f\r\n"
            "a=control:trackID=0\r\n"
            "m=audio 0 RTP/AVP 97\r\n"
            "a=rtpmap:97 mpeg4-generic/48000/2\r\n"
            "a=fmtp:97 streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;"
            "indexdeltalength=3;config=1190\r\n"
            "a=control:trackID=1\r\n");
  ASSERT_EQ(offer.tracks.size(), 2u);
  EXPECT_EQ(offer.tracks[0].clock_rate, 90'000u);
  EXPECT_EQ(offer.tracks[1].clock_rate, 48'000u);
  EXPECT_EQ(offer.tracks[1].payload_type, 97);
}

TEST(Offer, IsReadAgainAsTheSameTracks) {
  TrackSet tracks = {1,
                     {H264Track(), *aac::MakeTrack(Hex("1190")), Audio(4, Codec::kG711A, 8000, 1),
                      Audio(5, Codec::kG711U, 16000, 2), Audio(6, Codec::kPcm, 48000, 2),
                      H265Track(7), OpusTrack(8, 1)}};
  const Offer offer = MakeOffer(tracks, {});
  const auto sources = SourcesOf(*Parse(Build(offer.description)));
  ASSERT_EQ(sources.size(), tracks.tracks.size());
  for (size_t i = 0; i < sources.size(); ++i) {
    ASSERT_TRUE(sources[i].track.has_value());
    Track again = *sources[i].track;
    again.is_default = true;
    EXPECT_EQ(again, tracks.tracks[i]) << i;
    EXPECT_EQ(sources[i].payload, offer.tracks[i].payload);
    EXPECT_EQ(sources[i].format.payload_type, offer.tracks[i].payload_type);
    EXPECT_EQ(sources[i].format.clock_rate, offer.tracks[i].clock_rate);
    EXPECT_EQ(sources[i].control, "trackID=" + std::to_string(i));
  }
}

TEST(Offer, OfG726SaysRateAndOrder) {
  for (uint8_t bits = 2; bits <= 5; ++bits) {
    for (uint8_t aal2 : {0, 1}) {
      SCOPED_TRACE(bits * 10 + aal2);
      Track track = Audio(2, Codec::kG726, 8000, 1);
      track.is_default = true;
      track.config = {bits, aal2};
      const Offer offer = MakeOffer({1, {track}}, {});
      ASSERT_EQ(offer.tracks.size(), 1u);
      EXPECT_EQ(ValueOf(offer.description.media[0].attributes, "rtpmap"),
                std::string("96 ") + (aal2 == 1 ? "AAL2-" : "") + "G726-" +
                    std::to_string(8 * bits) + "/8000/1");
      const auto sources = SourcesOf(*Parse(Build(offer.description)));
      ASSERT_EQ(sources.size(), 1u);
      EXPECT_EQ(sources[0].track, track);
      EXPECT_EQ(sources[0].payload, offer.tracks[0].payload);
    }
  }
  EXPECT_TRUE(MakeOffer({1, {Audio(2, Codec::kG726, 8000, 1)}}, {}).tracks.empty());
}

TEST(Offer, OfMotionJpeg) {
  Track track;
  track.id = 1;
  track.codec = Codec::kMjpeg;
  const Offer offer = MakeOffer({1, {track}}, {});
  ASSERT_EQ(offer.tracks.size(), 1u);
  EXPECT_EQ(offer.tracks[0].payload_type, 26);
  EXPECT_EQ(SourcesOf(offer.description)[0].codec, Codec::kMjpeg);
}

TEST(Offer, PayloadTypesAreStaticWhereThereIsOne) {
  const TrackSet tracks = {1,
                           {Audio(2, Codec::kG711A, 8000, 1), Audio(4, Codec::kG711U, 8000, 1),
                            Audio(5, Codec::kG711A, 16000, 1), Audio(6, Codec::kMp3, 44100, 2),
                            Audio(7, Codec::kOpus, 48000, 1)}};
  const Offer offer = MakeOffer(tracks, {});
  std::vector<int> types;
  for (const OfferedTrack& track : offer.tracks) types.push_back(track.payload_type);
  EXPECT_EQ(types, (std::vector<int>{8, 0, 96, 14, 97}));
  EXPECT_EQ(ValueOf(offer.description.media[4].attributes, "rtpmap"), "97 opus/48000/2");
}

TEST(Offer, LeavesOutWhatRtpCannotCarry) {
  Track broken = H264Track();
  broken.config = Hex("01");
  Track mute = Audio(4, Codec::kG711A, 0, 0);
  const TrackSet tracks = {
      1, {broken, mute, Audio(5, Codec::kFlac, 44100, 2), Audio(6, Codec::kG711U, 8000, 1)}};
  const Offer offer = MakeOffer(tracks, {});
  ASSERT_EQ(offer.tracks.size(), 1u);
  EXPECT_EQ(offer.tracks[0].track_id, 6);
  EXPECT_EQ(ValueOf(offer.description.media[0].attributes, "control"), "trackID=0");
  EXPECT_TRUE(MakeOffer({1, {broken}}, {}).tracks.empty());
}

}  // namespace
}  // namespace millrace::media::sdp
