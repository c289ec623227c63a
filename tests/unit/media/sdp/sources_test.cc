#include "media/sdp/sources.h"

#include <gtest/gtest.h>

#include <string>

#include "media/base/bytes.h"
#include "media/base/text.h"
#include "tests/support/hex.h"
#include "tests/support/seeds.h"
#include "tests/unit/media/codec/h264/parameter_sets.h"

namespace millrace::media::sdp {
namespace {

const std::string kSps = "Z0LAH9kAUAW7/wADAAQQAAADABAAAAMDIPGDJIA=";  // x264 baseline 720p25
const std::string kPps = "aOvjyyLA";
const std::string kSets = kSps + "," + kPps;
const std::string kVideo = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";

std::string H264Media(const std::string& parameters) {
  return "v=0\r\n" + kVideo + "a=fmtp:96 " + parameters + "\r\na=control:trackID=1\r\n";
}

// "1 h264 1280x720 avc1.42c01f", "2 mpeg4-generic 48000/2 mp4a.40.2", "ignored not_media"; "…" in
// place of a track that the packets must tell.
std::string Text(const Source& source) {
  if (source.ignored != Ignored::kNo) return std::string("ignored ") + IgnoredName(source.ignored);
  std::string text = std::to_string(source.track_id) + " " + PayloadFormatName(source.payload);
  if (!source.track.has_value()) return text + " …";
  const Track& track = *source.track;
  EXPECT_EQ(track.id, source.track_id);
  EXPECT_EQ(track.codec, source.codec);
  EXPECT_EQ(track.kind, KindOf(track.codec));
  text += track.kind == TrackKind::kVideo
              ? " " + std::to_string(track.width) + "x" + std::to_string(track.height)
              : " " + std::to_string(track.sample_rate) + "/" + std::to_string(track.channels);
  return track.codec_string.empty() ? text : text + " " + track.codec_string;
}

std::vector<Source> Read(const std::string& name, const std::string& text) {
  tests::WriteSeed("sdp_fuzz", name, AsBytes(text));
  const auto description = Parse(text);
  EXPECT_TRUE(description.ok()) << description.status();
  return description.ok() ? SourcesOf(*description) : std::vector<Source>();
}

struct Case {
  std::string name;
  std::string text;
  std::vector<std::string> sources;
};

const std::string kH264Track = "1 h264 1280x720 avc1.42c01f";

std::vector<Case> VideoCases() {
  return {
      {"plain H.264",
       H264Media("packetization-mode=1;sprop-parameter-sets=" + kSets),
       {kH264Track}},
      {"Reolink: no sprop-parameter-sets", H264Media("packetization-mode=1"), {"1 h264 …"}},
      {"Dahua: no fmtp at all", "v=0\r\n" + kVideo, {"1 h264 …"}},
      {"start codes inside sprop",
       H264Media("sprop-parameter-sets=AAAAAWdCwB/ZAFAFu/8AAwAEEAAAAwAQAAADAyDxgySA,"
                 "AAAAAWjr48siwA=="),
       {kH264Track}},
      {"both sets in one item, with start codes",
       H264Media(
           "sprop-parameter-sets=AAAAAWdCwB/ZAFAFu/8AAwAEEAAAAwAQAAADAyDxgySAAAAAAWjr48siwA=="),
       {kH264Track}},
      {"sprop with a comma behind", H264Media("sprop-parameter-sets=" + kSets + ","), {kH264Track}},
      {"sprop without padding",
       H264Media("sprop-parameter-sets=" + kSps.substr(0, kSps.size() - 1) + "," + kPps),
       {kH264Track}},
      {"sprop with the PPS missing", H264Media("sprop-parameter-sets=" + kSps), {"1 h264 …"}},
      {"sprop that is no Base64", H264Media("sprop-parameter-sets=!!!,%%%"), {"1 h264 …"}},
      {"wrong packetization mode",
       H264Media("packetization-mode=7;sprop-parameter-sets=" + kSets),
       {kH264Track}},
      {"H.265",
       "m=video 0 RTP/AVP 98\na=rtpmap:98 H265/90000\na=fmtp:98 "
       "sprop-vps=QAEMAf//AWAAAAMAkAAAAwAAAwBdlZgJ;"
       "sprop-sps=QgEBAWAAAAMAkAAAAwAAAwBdoAKAgC0WWVmkkyuAQAAAAwBAAAAFgg==;sprop-pps=RAHBc9GJ\n",
       {"1 h265 1280x720 hvc1.1.6.L93.90"}},
      {"H.265 without parameter sets",
       "m=video 0 RTP/AVP 98\na=rtpmap:98 H265/90000\n",
       {"1 h265 …"}},
      {"JPEG without rtpmap", "m=video 0 RTP/AVP 26\n", {"1 jpeg …"}},
      {"AV1", "m=video 0 RTP/AVP 45\na=rtpmap:45 AV1/90000\na=fmtp:45 profile=0\n", {"1 av1 …"}},
      {"the second payload type is ours",
       "m=video 0 RTP/AVP 33 96\na=rtpmap:33 MP2T/90000\na=rtpmap:96 H264/90000\n",
       {"1 h264 …"}},
      {"unknown video", "m=video 0 RTP/AVP 32\n", {"ignored unknown_format"}},
      {"several video tracks",
       H264Media("sprop-parameter-sets=" + kSets) + kVideo + "m=video 0 RTP/AVP 26\n",
       {kH264Track, "4 h264 …", "5 jpeg …"}},
  };
}

std::vector<Case> AudioCases() {
  return {
      {"AAC of FFmpeg",
       "m=audio 0 RTP/AVP 97\na=rtpmap:97 MPEG4-GENERIC/48000/2\na=fmtp:97 profile-level-id=1;"
       "mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3; config=1190\n",
       {"2 mpeg4-generic 48000/2 mp4a.40.2"}},
      {"AAC without config",
       "m=audio 0 RTP/AVP 97\na=rtpmap:97 mpeg4-generic/16000/1\n",
       {"2 mpeg4-generic 16000/1 mp4a.40.2"}},
      {"AAC whose config is none",
       "m=audio 0 RTP/AVP 97\na=rtpmap:97 mpeg4-generic/44100/2\na=fmtp:97 config=zz\n",
       {"2 mpeg4-generic 44100/2 mp4a.40.2"}},
      {"AAC without config, at a rate that has no index",
       "m=audio 0 RTP/AVP 97\na=rtpmap:97 mpeg4-generic/44000/2\n",
       {"2 mpeg4-generic …"}},
      {"GStreamer: LATM with its configuration in the SDP",
       "m=audio 0 RTP/AVP 96\na=rtpmap:96 MP4A-LATM/44100\na=fmtp:96 cpresent=0;"
       "config=40002410adca00\n",
       {"2 mp4a-latm 44100/1 mp4a.40.2"}},
      {"LATM with its configuration in the packets",
       "m=audio 0 RTP/AVP 96\na=rtpmap:96 MP4A-LATM/44100/2\na=fmtp:96 cpresent=1\n",
       {"2 mp4a-latm …"}},
      {"LATM without any configuration",
       "m=audio 0 RTP/AVP 96\na=rtpmap:96 MP4A-LATM/44100/2\na=fmtp:96 cpresent=0\n",
       {"2 mp4a-latm 44100/2 mp4a.40.2"}},
      {"Opus of one channel",
       "m=audio 0 RTP/AVP 96\na=rtpmap:96 opus/48000/2\na=fmtp:96 sprop-stereo=0\n",
       {"2 opus 48000/1 opus"}},
      {"Opus", "m=audio 0 RTP/AVP 96\na=rtpmap:96 opus/48000/2\n", {"2 opus 48000/2 opus"}},
      {"PCMU without rtpmap", "m=audio 0 RTP/AVP 0\n", {"2 pcmu 8000/1"}},
      {"PCMA without rtpmap", "m=audio 0 RTP/AVP 8\n", {"2 pcma 8000/1"}},
      {"PCMA at 16 kHz", "m=audio 0 RTP/AVP 97\na=rtpmap:97 PCMA/16000/2\n", {"2 pcma 16000/2"}},
      {"Hikvision: PCM",
       "m=audio 0 RTP/AVP 11\nb=AS:50\na=recvonly\na=rtpmap:11 PCM/48000\n",
       {"2 pcm 48000/1"}},
      {"L16 without rtpmap", "m=audio 0 RTP/AVP 10\n", {"2 l16 44100/2"}},
      {"G.726", "m=audio 0 RTP/AVP 97\na=rtpmap:97 G726-16/8000\n", {"2 g726 8000/1"}},
      {"G.726 of AAL2",
       "m=audio 0 RTP/AVP 97\na=rtpmap:97 AAL2-G726-40/8000\n",
       {"2 aal2-g726 8000/1"}},
      {"MPEG audio without rtpmap", "m=audio 0 RTP/AVP 14\n", {"2 mpa …"}},
      {"unknown audio",
       "m=audio 0 RTP/AVP 18\na=rtpmap:18 G729/8000\n",
       {"ignored unknown_format"}},
      {"audio whose rate is absurd",
       "m=audio 0 RTP/AVP 97\na=rtpmap:97 L16/4000000000/2\n",
       {"2 l16 …"}},
      {"nothing plays", "m=audio 0 RTP/AVP 0\na=inactive\n", {"ignored inactive"}},
      {"ONVIF: back channel and metadata",
       "v=0\nm=audio 0 RTP/AVP 0\na=recvonly\nm=audio 0 RTP/AVP 8\na=sendonly\n"
       "m=application 0 RTP/AVP 107\na=rtpmap:107 vnd.onvif.metadata/90000\n",
       {"2 pcmu 8000/1", "ignored back_channel", "ignored not_media"}},
      {"the only sound is marked sendonly", "m=audio 0 RTP/AVP 0\na=sendonly\n", {"2 pcmu 8000/1"}},
  };
}

TEST(Sources, OfDevices) {
  std::vector<Case> cases = VideoCases();
  for (Case& c : AudioCases()) cases.push_back(std::move(c));
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    std::vector<std::string> seen;
    for (const Source& source : Read(c.name, c.text)) seen.push_back(Text(source));
    EXPECT_EQ(seen, c.sources);
  }
}

TEST(Sources, KeepControlAndPlace) {
  const auto sources =
      Read("two controls", "v=0\nm=application 0 RTP/AVP 107\na=control:meta\n" + kVideo +
                               "a=control:rtsp://10.0.0.5/trackID=1\nm=audio 0 RTP/AVP 0\n");
  ASSERT_EQ(sources.size(), 3u);
  EXPECT_EQ(sources[0].control, "meta");
  EXPECT_EQ(sources[1].control, "rtsp://10.0.0.5/trackID=1");
  EXPECT_EQ(sources[1].media, 1u);
  EXPECT_EQ(sources[2].control, "");
}

TEST(Sources, ParameterSetsOfH264) {
  const auto sources =
      Read("sets", H264Media("packetization-mode=2;sprop-parameter-sets=" + kSps + ",," + kPps));
  ASSERT_EQ(sources.size(), 1u);
  EXPECT_EQ(sources[0].packing.packetization_mode, 2);
  ASSERT_EQ(sources[0].parameter_sets.sps.size(), 1u);
  EXPECT_EQ(sources[0].parameter_sets.sps[0], h264::SpsCases()[0].nal);
  EXPECT_EQ(sources[0].parameter_sets.pps, std::vector<std::vector<uint8_t>>{h264::Pps()});
}

TEST(Sources, ParameterSetsOfH265) {
  const auto sources =
      Read("sets of H.265 in the wrong places",
           "m=video 0 RTP/AVP 98\na=rtpmap:98 HEVC/90000\na=fmtp:98 sprop-max-don-diff=2;"
           "sprop-vps=AAAAAUABDAH//wFgAAADAJAAAAMAAAMAXZWYCQ==;sprop-pps=QgEBAQ==,RAHBc9GJ\n");
  ASSERT_EQ(sources.size(), 1u);
  EXPECT_TRUE(sources[0].packing.has_don);
  EXPECT_EQ(sources[0].parameter_sets.vps.size(), 1u);
  EXPECT_EQ(sources[0].parameter_sets.sps.size(), 1u);
  EXPECT_EQ(sources[0].parameter_sets.pps.size(), 1u);
}

TEST(Sources, PackingOfAac) {
  const std::string head = "m=audio 0 RTP/AVP 97\na=rtpmap:97 mpeg4-generic/48000/2\na=fmtp:97 ";
  const struct {
    std::string parameters;
    Packing packing;
  } cases[] = {
      {"mode=AAC-hbr;SizeLength=13;IndexLength=3;IndexDeltaLength=3",
       {.size_length = 13, .index_length = 3, .index_delta_length = 3}},
      {"mode=AAC-hbr", {.size_length = 13, .index_length = 3, .index_delta_length = 3}},
      {"mode=aac-LBR", {.size_length = 6, .index_length = 2, .index_delta_length = 2}},
      {"mode=generic;constantSize=100", {.constant_size = 100}},
      {"CTSDeltaLength=16;DTSDeltaLength=12;randomAccessIndication=1;streamStateIndication=2;"
       "auxiliaryDataSizeLength=8;constantDuration=1024;maxDisplacement=5120",
       {.size_length = 13,
        .index_length = 3,
        .index_delta_length = 3,
        .cts_delta_length = 16,
        .dts_delta_length = 12,
        .random_access_indication = true,
        .stream_state_length = 2,
        .auxiliary_data_size_length = 8,
        .constant_duration = 1024,
        .max_displacement = 5120}},
      {"sizelength=99;indexlength=16",
       {.size_length = 13, .index_length = 16, .index_delta_length = 3}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.parameters);
    const auto sources = Read("packing " + c.parameters, head + c.parameters + "\n");
    ASSERT_EQ(sources.size(), 1u);
    EXPECT_EQ(sources[0].packing, c.packing);
  }
}

TEST(Sources, BitsOfG726) {
  for (const auto& [name, bits] :
       {std::pair{"G726-16", 2}, {"G726-24", 3}, {"aal2-g726-32", 4}, {"G726-40", 5}}) {
    const auto sources =
        Read(name, std::string("m=audio 0 RTP/AVP 97\na=rtpmap:97 ") + name + "/8000\n");
    ASSERT_EQ(sources.size(), 1u);
    EXPECT_EQ(sources[0].packing.bits_per_sample, bits);
  }
}

TEST(Sources, SizeOfJpeg) {
  const struct {
    const char* name;
    const char* attribute;
    uint16_t width;
    uint16_t height;
  } cases[] = {
      {"by QuickTime", "a=x-dimensions:2592,1944\n", 2592, 1944},
      {"by RFC 6064", "a=framesize:26 3840-2160\n", 3840, 2160},
      {"not told", "", 0, 0},
      {"nonsense", "a=x-dimensions:99999,1\n", 0, 0},
      {"half of it", "a=framesize:26 3840\n", 0, 0},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto sources =
        Read(std::string("jpeg ") + c.name, std::string("m=video 0 RTP/AVP 26\n") + c.attribute);
    ASSERT_EQ(sources.size(), 1u);
    EXPECT_EQ(sources[0].codec, Codec::kMjpeg);
    EXPECT_EQ(sources[0].packing.image_width, c.width);
    EXPECT_EQ(sources[0].packing.image_height, c.height);
  }
}

TEST(Sources, NoMoreTracksThanAStreamMayHave) {
  std::string text = "v=0\n";
  for (int i = 0; i < 10; ++i) text += "m=audio 0 RTP/AVP 0\n";
  const auto sources = Read("ten tracks", text);
  ASSERT_EQ(sources.size(), 10u);
  EXPECT_EQ(sources[7].ignored, Ignored::kNo);
  EXPECT_EQ(sources[8].ignored, Ignored::kTooMany);
}

}  // namespace
}  // namespace millrace::media::sdp
