#include "media/sdp/description.h"

#include <gtest/gtest.h>

#include <string>

#include "media/base/bytes.h"
#include "media/base/fault.h"
#include "media/sdp/format.h"
#include "tests/support/seeds.h"

namespace millrace::media::sdp {
namespace {

Description ParseOrDie(const std::string& text) {
  tests::WriteSeed("sdp_fuzz", "text_" + std::to_string(std::hash<std::string>()(text) % 100000),
                   AsBytes(text));
  auto description = Parse(text);
  EXPECT_TRUE(description.ok()) << description.status();
  return description.ok() ? *description : Description();
}

std::string Lines(const std::string& text, const std::string& end) {
  std::string out;
  for (const char c : text) c == '\n' ? out += end : out += c;
  return out;
}

const std::string kPlain =
    "v=0\n"
    "o=- 12 34 IN IP4 192.168.1.64\n"
    "s=Media Presentation\n"
    "i=of a camera\n"
    "c=IN IP4 0.0.0.0\n"
    "b=AS:5100\n"
    "t=0 0\n"
    "a=control:rtsp://192.168.1.64/\n"
    "a=recvonly\n"
    "m=video 0 RTP/AVP 96\n"
    "b=AS:5000\n"
    "a=rtpmap:96 H264/90000\n"
    "a=control:trackID=1\n"
    "m=audio 49170/2 RTP/AVP 0 8\n"
    "i=sound\n"
    "c=IN IP4 224.2.0.1/127\n";

TEST(Description, ReadsWhatItsLinesSay) {
  for (const char* end : {"\r\n", "\n", "\r"}) {
    const Description description = ParseOrDie(Lines(kPlain, end));
    EXPECT_EQ(description.origin, "- 12 34 IN IP4 192.168.1.64");
    EXPECT_EQ(description.name, "Media Presentation");
    EXPECT_EQ(description.information, "of a camera");
    EXPECT_EQ(description.connection, "IN IP4 0.0.0.0");
    EXPECT_EQ(description.bandwidth, "AS:5100");
    EXPECT_EQ(description.timing, "0 0");
    EXPECT_EQ(ValueOf(description.attributes, "control"), "rtsp://192.168.1.64/");
    EXPECT_NE(Find(description.attributes, "recvonly"), nullptr);
    ASSERT_EQ(description.media.size(), 2u);
    EXPECT_EQ(description.media[0].kind, "video");
    EXPECT_EQ(description.media[0].bandwidth, "AS:5000");
    EXPECT_EQ(ValueOf(description.media[0].attributes, "CONTROL"), "trackID=1");
    const Media& audio = description.media[1];
    EXPECT_EQ(audio.port, 49170);
    EXPECT_EQ(audio.port_count, 2u);
    EXPECT_EQ(audio.title, "sound");
    EXPECT_EQ(audio.connection, "IN IP4 224.2.0.1/127");
    EXPECT_EQ(audio.formats, (std::vector<std::string>{"0", "8"}));
  }
}

TEST(Description, WritesWhatItReads) {
  const Description description = ParseOrDie(Lines(kPlain, "\r\n"));
  EXPECT_EQ(Build(description), Lines(kPlain, "\r\n"));
}

TEST(Description, AValueCannotBeginALineOfItsOwn) {
  Description description;
  description.name = "live\r\nm=audio 0 RTP/AVP 0";
  const Description again = ParseOrDie(Build(description));
  EXPECT_TRUE(again.media.empty());
  EXPECT_EQ(again.name, "livem=audio 0 RTP/AVP 0");
}

TEST(Description, TakesWhatDevicesWrite) {
  // Blank lines, lines that are none, unknown types, spaces around, zeros behind the body.
  const Description description = ParseOrDie(
      "\r\nv=0\r\n\r\ngarbage\r\nz=0 0\r\nk=clear\r\n  s= camera  \r\n"
      "m=video  0  RTP/AVP  96 \r\na = x\r\na=framerate: 25 \r\n" +
      std::string(2, '\0'));
  EXPECT_EQ(description.name, "camera");
  ASSERT_EQ(description.media.size(), 1u);
  EXPECT_EQ(description.media[0].formats, std::vector<std::string>{"96"});
  EXPECT_EQ(ValueOf(description.media[0].attributes, "framerate"), "25");
}

TEST(Description, RefusesByName) {
  const auto times = [](int count, const std::string& line) {
    std::string text = "v=0\n";
    for (int i = 0; i < count; ++i) text += line;
    return text;
  };
  const struct {
    const char* name;
    std::string text;
  } cases[] = {
      {"sdp_not_sdp", ""},
      {"sdp_not_sdp", "<html>404</html>"},
      {"sdp_not_sdp", "s=only\na=control:*\n"},
      {"sdp_too_large", std::string(65 * 1024, 'a')},
      {"sdp_line_too_long", "v=0\na=fmtp:96 " + std::string(17 * 1024, 'x')},
      {"sdp_too_many_media", times(17, "m=video 0 RTP/AVP 96\n")},
      {"sdp_too_many_attributes", times(65, "a=x\n")},
      {"sdp_too_many_attributes", "v=0\nm=video 0 RTP/AVP 96\n" + times(65, "a=x:1\n")},
      {"sdp_too_many_formats", "m=audio 0 RTP/AVP" +
                                   [] {
                                     std::string types;
                                     for (int i = 0; i < 33; ++i) types += " 0";
                                     return types;
                                   }()},
      {"sdp_bad_media", "v=0\nm=video\n"},
      {"sdp_bad_media", "v=0\nm=video x RTP/AVP 96\n"},
      {"sdp_bad_media", "v=0\nm=video 70000 RTP/AVP 96\n"},
      {"sdp_bad_media", "v=0\nm=video 0 RTP/AVP\n"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text.substr(0, 60));
    tests::WriteSeed("sdp_fuzz", std::string("refused_") + c.name,
                     AsBytes(c.text).first(std::min<size_t>(c.text.size(), 2048)));
    const auto description = Parse(c.text);
    ASSERT_FALSE(description.ok());
    EXPECT_EQ(FaultName(description.status()), c.name);
  }
}

TEST(Format, RtpmapAndFmtp) {
  const struct {
    const char* name;
    std::string line;
    std::string payload_type;
    std::string encoding;  // "": no format
    uint32_t clock = 0;
    uint32_t channels = 0;
  } cases[] = {
      {"plain", "a=rtpmap:96 H264/90000", "96", "H264", 90000, 0},
      {"channels", "a=rtpmap:97 mpeg4-generic/44100/2", "97", "mpeg4-generic", 44100, 2},
      {"two spaces", "a=rtpmap:96  H264 / 90000 ", "96", "H264", 90000, 0},
      {"without a clock", "a=rtpmap:96 H264", "96", "H264", 90000, 0},
      {"clock of 0", "a=rtpmap:96 H264/0", "96", "H264", 90000, 0},
      {"of another payload type", "a=rtpmap:97 H264/90000", "96", ""},
      {"static", "a=x", "8", "PCMA", 8000, 1},
      {"static, overridden", "a=rtpmap:8 PCMA/16000/2", "8", "PCMA", 16000, 2},
      {"static, unknown to us", "a=x", "33", ""},
      {"no number", "a=rtpmap:x H264/90000", "x", ""},
      {"above 127", "a=rtpmap:200 H264/90000", "200", ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const Description description =
        ParseOrDie("m=video 0 RTP/AVP " + c.payload_type + "\n" + c.line + "\n");
    const auto format = FormatOf(description.media[0], c.payload_type);
    ASSERT_EQ(format.has_value(), !c.encoding.empty());
    if (!format.has_value()) continue;
    EXPECT_EQ(format->encoding, c.encoding);
    EXPECT_EQ(format->clock_rate, c.clock);
    EXPECT_EQ(format->channels, c.channels);
  }
}

TEST(Format, ParametersKeepEqualsSignsAndLoseSpacesAndQuotes) {
  const Description description = ParseOrDie(
      "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
      "a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0I=,aM4= "
      ";;PROFILE-level-id=\"42C01F\";x\n");
  const auto format = FormatOf(description.media[0], "96");
  ASSERT_TRUE(format.has_value());
  EXPECT_EQ(format->Parameter("packetization-mode"), "1");
  EXPECT_EQ(format->Parameter("sprop-parameter-sets"), "Z0I=,aM4=");
  EXPECT_EQ(format->Parameter("profile-level-id"), "42C01F");
  EXPECT_EQ(format->Parameter("x"), "");
  EXPECT_EQ(format->parameters.size(), 4u);
}

TEST(Format, IsReadAgainAsItWasWritten) {
  const Format format = {97, "mpeg4-generic", 48000, 2, {{"mode", "AAC-hbr"}, {"config", "1190"}}};
  Description description;
  description.media.emplace_back();
  description.media[0].kind = "audio";
  AddFormat(format, description.media[0]);
  const Description again = ParseOrDie(Build(description));
  ASSERT_EQ(again.media.size(), 1u);
  EXPECT_EQ(FormatOf(again.media[0], "97"), format);
}

}  // namespace
}  // namespace millrace::media::sdp
