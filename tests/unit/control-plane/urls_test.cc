#include "control-plane/urls.h"

#include <gtest/gtest.h>

#include <string>

namespace millrace::control {
namespace {

class UrlsTest : public testing::Test {
 protected:
  NodeRow& Gateway(const std::string& name, const std::string& protocol, const std::string& address,
                   bool ready = true) {
    NodeRow& row = nodes_[name];
    row.node.set_attached(true);
    row.node.set_ready(ready);
    (*row.node.mutable_registration()->mutable_addresses())[protocol] = address;
    return row;
  }
  // "publish URL" and "play URL", one a line.
  std::string Urls(const std::string& stream = "live/cam1") const {
    const v1::StreamUrls urls = UrlsOf(stream, configuration_, nodes_);
    std::string text;
    for (const v1::StreamUrl& url : urls.publish()) {
      text += "publish " + url.url() + " = " + url.server() + " + " + url.key() + "\n";
    }
    for (const v1::StreamUrl& url : urls.play()) {
      text += url.protocol() + " " + url.url() + "\n";
    }
    return text;
  }

  v1::Configuration configuration_;
  std::map<std::string, NodeRow> nodes_;
};

TEST_F(UrlsTest, WithoutAnythingThereAreNone) {
  EXPECT_EQ(Urls(), "");
  configuration_.mutable_public_()->set_host("media.example.org");
  EXPECT_EQ(Urls(), "") << "no port is known";
}

TEST_F(UrlsTest, OfGatewaysThatAreAttached) {
  Gateway("http-1", "http", "10.0.0.3:8080");
  Gateway("rtmp-1", "rtmp", "10.0.0.2:1935");
  EXPECT_EQ(Urls(),
            "publish rtmp://10.0.0.2/live/cam1 = rtmp://10.0.0.2/live + cam1\n"
            "rtmp rtmp://10.0.0.2/live/cam1\n"
            "http-flv http://10.0.0.3:8080/live/cam1.flv\n");
}

TEST_F(UrlsTest, OfRtsp) {
  Gateway("rtsp-1", "rtsp", "10.0.0.4:8554");
  EXPECT_EQ(Urls(),
            "publish rtsp://10.0.0.4:8554/live/cam1 =  + \n"
            "rtsp rtsp://10.0.0.4:8554/live/cam1\n");
  configuration_.mutable_public_()->set_rtsp_port(554);
  EXPECT_EQ(Urls(),
            "publish rtsp://10.0.0.4/live/cam1 =  + \n"
            "rtsp rtsp://10.0.0.4/live/cam1\n");
}

TEST_F(UrlsTest, ByTlsWhereACertificateIsConfigured) {
  (*Gateway("rtsp-1", "rtsp", "10.0.0.4:8554")
        .node.mutable_registration()
        ->mutable_addresses())["rtsps"] = "10.0.0.4:8322";
  (*Gateway("http-1", "http", "10.0.0.3:8080")
        .node.mutable_registration()
        ->mutable_addresses())["https"] = "10.0.0.3:443";
  Gateway("rtmp-1", "rtmps", "10.0.0.2:0");  // a port that nobody knows
  const std::string plain =
      "publish rtsp://10.0.0.4:8554/live/cam1 =  + \n"
      "rtsp rtsp://10.0.0.4:8554/live/cam1\n"
      "http-flv http://10.0.0.3:8080/live/cam1.flv\n";
  EXPECT_EQ(Urls(), plain);
  configuration_.mutable_tls()->set_certificate("/c.pem");
  EXPECT_EQ(Urls(), plain);
  configuration_.mutable_tls()->set_key("/k.pem");
  configuration_.mutable_public_()->set_rtmps_port(1936);
  configuration_.mutable_public_()->set_host("media.example");
  EXPECT_EQ(
      Urls(),
      "publish rtmps://media.example:1936/live/cam1 = rtmps://media.example:1936/live + cam1\n"
      "publish rtsp://media.example:8554/live/cam1 =  + \n"
      "publish rtsps://media.example:8322/live/cam1 =  + \n"
      "rtmps rtmps://media.example:1936/live/cam1\n"
      "rtsp rtsp://media.example:8554/live/cam1\n"
      "rtsps rtsps://media.example:8322/live/cam1\n"
      "http-flv http://media.example:8080/live/cam1.flv\n"
      "https-flv https://media.example/live/cam1.flv\n");
}

TEST_F(UrlsTest, ReadyGatewaysComeFirst) {
  Gateway("http-1", "http", "10.0.0.1:8080", /*ready=*/false);
  Gateway("http-2", "http", "10.0.0.2:8080").node.set_draining(true);
  EXPECT_EQ(Urls(), "http-flv http://10.0.0.1:8080/live/cam1.flv\n");
  Gateway("http-3", "http", "10.0.0.3:8080");
  EXPECT_EQ(Urls(), "http-flv http://10.0.0.3:8080/live/cam1.flv\n");
  nodes_["http-3"].node.set_attached(false);
  EXPECT_EQ(Urls(), "http-flv http://10.0.0.1:8080/live/cam1.flv\n");
}

TEST_F(UrlsTest, WhatIsConfiguredIsTakenAsItIs) {
  Gateway("rtmp-1", "rtmp", "10.0.0.2:1936");
  Gateway("http-1", "http", "10.0.0.3:8080");
  configuration_.set_public_host("inner.example.org");
  EXPECT_EQ(
      Urls(),
      "publish rtmp://inner.example.org:1936/live/cam1 = rtmp://inner.example.org:1936/live + "
      "cam1\n"
      "rtmp rtmp://inner.example.org:1936/live/cam1\n"
      "http-flv http://inner.example.org:8080/live/cam1.flv\n");
  v1::PublicSettings& settings = *configuration_.mutable_public_();
  settings.set_host("media.example.org");
  settings.set_rtmp_port(1935);
  settings.set_http_port(80);
  nodes_.clear();
  EXPECT_EQ(Urls("a/b/c"),
            "publish rtmp://media.example.org/a/b/c = rtmp://media.example.org/a/b + c\n"
            "rtmp rtmp://media.example.org/a/b/c\n"
            "http-flv http://media.example.org/a/b/c.flv\n");
}

TEST_F(UrlsTest, NamesAndAddressesAreWrittenAsUrlsWantThem) {
  Gateway("http-1", "http", "[2001:db8::1]:8080");
  EXPECT_EQ(Urls("live/süß?#% 1"),
            "http-flv http://[2001:db8::1]:8080/live/s%C3%BC%C3%9F%3F%23%25%201.flv\n");
  configuration_.mutable_public_()->set_host("[::1]");
  EXPECT_EQ(Urls(), "http-flv http://[::1]:8080/live/cam1.flv\n");
}

}  // namespace
}  // namespace millrace::control
