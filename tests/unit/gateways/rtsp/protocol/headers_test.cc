// Transport, Session, RTP-Info, Range: each as devices write it and as we do.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "gateways/rtsp/protocol/play_headers.h"
#include "gateways/rtsp/protocol/transport.h"
#include "media/base/bytes.h"
#include "tests/support/seeds.h"

namespace millrace::rtsp {
namespace {

struct TransportCase {
  const char* name;
  std::string header;
  std::vector<std::string> alternatives;  // as we would write them
};

std::vector<TransportCase> TransportCases() {
  return {
      {"FFmpeg over TCP",
       "RTP/AVP/TCP;unicast;interleaved=0-1",
       {"RTP/AVP/TCP;unicast;interleaved=0-1"}},
      {"FFmpeg over UDP",
       "RTP/AVP/UDP;unicast;client_port=20234-20235",
       {"RTP/AVP;unicast;client_port=20234-20235"}},
      {"FFmpeg records",
       "RTP/AVP/TCP;unicast;interleaved=0-1;mode=record",
       {"RTP/AVP/TCP;unicast;interleaved=0-1;mode=record"}},
      {"old FFmpeg records",
       "RTP/AVP/TCP;unicast;interleaved=0-1;mode=receive",
       {"RTP/AVP/TCP;unicast;interleaved=0-1;mode=record"}},
      {"GStreamer: three alternatives",
       "RTP/AVP;unicast;client_port=5000-5001,RTP/AVP;multicast,RTP/AVP/TCP;interleaved=2-3",
       {"RTP/AVP;unicast;client_port=5000-5001", "RTP/AVP;multicast",
        "RTP/AVP/TCP;unicast;interleaved=2-3"}},
      {"GStreamer plays",
       "RTP/AVP/TCP;unicast;interleaved=0-1;mode=\"PLAY\"",
       {"RTP/AVP/TCP;unicast;interleaved=0-1;mode=play"}},
      {"mode with a comma in it",
       "RTP/AVP;unicast;client_port=2-3;mode=\"PLAY,RECORD\";ssrc=1",
       {"RTP/AVP;unicast;client_port=2-3;ssrc=00000001"}},
      {"rtspclientsink records",
       "RTP/AVP/TCP;unicast;mode=\"RECORD\"",
       {"RTP/AVP/TCP;unicast;mode=record"}},
      {"Escam: interleaved without /TCP",
       "RTP/AVP;unicast;interleaved=0-1",
       {"RTP/AVP/TCP;unicast;interleaved=0-1"}},
      {"one channel alone",
       "RTP/AVP/TCP;unicast;interleaved=0",
       {"RTP/AVP/TCP;unicast;interleaved=0-1"}},
      {"one port alone",
       "RTP/AVP;unicast;client_port=5000",
       {"RTP/AVP;unicast;client_port=5000-5001"}},
      {"ports of 0", "RTP/AVP;unicast;client_port=0-0", {"RTP/AVP;unicast;client_port=0-0"}},
      {"no channels", "RTP/AVP/TCP;unicast", {"RTP/AVP/TCP;unicast"}},
      {"multicast",
       "RTP/AVP;multicast;destination=239.1.1.1;port=5000-5001;ttl=127",
       {"RTP/AVP;multicast;destination=239.1.1.1;port=5000-5001;ttl=127"}},
      {"a camera's reply",
       "RTP/AVP/UDP;unicast;destination=10.0.0.2;source=10.0.0.5;client_port=5000-5001;"
       "server_port=8200-8201;ssrc= 0x1A",
       {"RTP/AVP;unicast;destination=10.0.0.2;source=10.0.0.5;client_port=5000-5001;"
        "server_port=8200-8201"}},
      {"ssrc",
       "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=9B3F21AA;mode=\"PLAY\"",
       {"RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=9b3f21aa;mode=play"}},
      {"spaces and odd case",
       " rtp/avp/tcp ; Unicast ; Interleaved = 4-5 , RTP/AVP",
       {"RTP/AVP/TCP;unicast;interleaved=4-5", "RTP/AVP;unicast"}},
      {"SRTP",
       "RTP/SAVP;unicast;client_port=5000-5001",
       {"RTP/SAVP;unicast;client_port=5000-5001"}},
      {"not RTP", "RAW/RAW/UDP;unicast;client_port=5000-5001", {}},
      {"over something else", "RTP/AVP/SCTP;unicast", {}},
      {"channel above 255", "RTP/AVP/TCP;unicast;interleaved=256-257", {}},
      {"port that is none", "RTP/AVP;unicast;client_port=x-y", {}},
      {"port too large", "RTP/AVP;unicast;client_port=65536-65537", {}},
      {"nothing", "", {}},
  };
}

TEST(TransportHeader, OfClientsAndDevices) {
  for (const auto& c : TransportCases()) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("rtsp_headers_fuzz", std::string("transport ") + c.name,
                     media::AsBytes(c.header));
    std::vector<std::string> seen;
    for (const Transport& transport : ParseTransports(c.header)) {
      seen.push_back(Format(transport));
      EXPECT_EQ(ParseTransports(Format(transport)), std::vector<Transport>{transport});
    }
    EXPECT_EQ(seen, c.alternatives);
  }
}

TEST(SessionHeaderLine, OfDevices) {
  const struct {
    std::string header;
    SessionHeader session;
  } cases[] = {
      {"12345678", {"12345678", {}}},
      {"12345678;timeout=30", {"12345678", 30}},
      {" 12345678 ; Timeout = 90 ", {"12345678", 90}},
      {"1;timeout=0", {"1", {}}},
      {"1;timeout=x", {"1", {}}},
      {"1;timeout=99999999", {"1", 86400}},
      {"1;x=y;timeout=10", {"1", 10}},
      {"", {"", {}}},
  };
  for (const auto& c : cases) {
    tests::WriteSeed("rtsp_headers_fuzz", "session " + c.header, media::AsBytes(c.header));
    EXPECT_EQ(ParseSession(c.header), c.session) << c.header;
  }
  EXPECT_EQ(Format(SessionHeader{"abc", 60}), "abc;timeout=60");
}

TEST(RtpInfoHeader, OfDevices) {
  const struct {
    std::string header;
    std::vector<RtpInfo> infos;
  } cases[] = {
      {"url=rtsp://h/s/trackID=1;seq=45102;rtptime=12345678",
       {{"rtsp://h/s/trackID=1", 45102, 12345678}}},
      {"url=rtsp://h/a;seq=1;rtptime=2,url=rtsp://h/b;seq=3;rtptime=4",
       {{"rtsp://h/a", 1, 2}, {"rtsp://h/b", 3, 4}}},
      {"url=rtsp://h/a,b;seq=1, url=\"rtsp://h/c\";rtptime=4",
       {{"rtsp://h/a,b", 1, std::nullopt}, {"rtsp://h/c", std::nullopt, 4}}},
      {"url=trackID=0;seq=70000;rtptime=-1", {{"trackID=0", std::nullopt, std::nullopt}}},
      {"seq=1;rtptime=2", {}},
      {"", {}},
  };
  for (const auto& c : cases) {
    tests::WriteSeed("rtsp_headers_fuzz", "rtpinfo " + c.header, media::AsBytes(c.header));
    EXPECT_EQ(ParseRtpInfo(c.header), c.infos) << c.header;
    EXPECT_EQ(ParseRtpInfo(Format(c.infos)), c.infos) << c.header;
  }
}

TEST(RangeHeader, OfClients) {
  constexpr int64_t kMs = 1'000'000;
  const struct {
    std::string header;
    std::optional<Range> range;
    std::string written = {};
  } cases[] = {
      {"npt=0.000-", Range{0, {}}, "npt=0.000-"},
      {"npt=now-", Range{}, "npt=now-"},
      {"npt=-", Range{}, "npt=now-"},
      {" NPT = 1.5 - 20 ", Range{1500 * kMs, 20'000 * kMs}, "npt=1.500-20.000"},
      {"npt=00:01:02.25-", Range{62'250 * kMs, {}}, "npt=62.250-"},
      {"npt=.5-;time=19970123T143720Z", Range{500 * kMs, {}}, "npt=0.500-"},
      {"npt=x-", std::nullopt},
      {"npt=1:99:00-", std::nullopt},
      {"clock=19961108T143720.25Z-", std::nullopt},
      {"smpte=0:10:20-", std::nullopt},
      {"", std::nullopt},
  };
  for (const auto& c : cases) {
    tests::WriteSeed("rtsp_headers_fuzz", "range " + c.header, media::AsBytes(c.header));
    const auto range = ParseRange(c.header);
    EXPECT_EQ(range, c.range) << c.header;
    if (range.has_value()) EXPECT_EQ(Format(*range), c.written);
  }
}

}  // namespace
}  // namespace millrace::rtsp
