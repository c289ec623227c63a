#include "runtime/config/yaml.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "runtime/config/app_settings.h"

namespace millrace::config {
namespace {

using google::protobuf::util::MessageDifferencer;

v1::Configuration Read(const std::string& text) {
  const auto configuration = ParseYaml(text, "t.yaml");
  EXPECT_TRUE(configuration.ok()) << configuration.status();
  return configuration.ok() ? *configuration : v1::Configuration();
}

// Every mistake as "line:column: text", one a line.
std::string Mistakes(const std::string& text) {
  std::string all;
  for (const Mistake& mistake : ReadYaml(text).mistakes) {
    all += std::to_string(mistake.line) + ":" + std::to_string(mistake.column) + ": " +
           mistake.text + "\n";
  }
  return all;
}

TEST(Yaml, ReadsEveryKindOfValue) {
  const v1::Configuration configuration = Read(R"(# a comment
defaults:
  flush: 20ms
  grace: 0
  publish_policy: reject
  viewer_backlog: 1.5MiB
  start: live
  ingest_speed_limit: 1.5x
  max_bitrate: 8Mbps
applications:
  live: {flush: 0, wait_timeout: "5s"}
  site3/gate:
    grace: 1m30s
    publish_login: in_key
    publishers:
      joe: "s3 cret: #1"
      ann@example.org: 1234
rtmp:
  chunk_size: 4096
  proxy_protocol: [10.1.0.0/16]
http:
  trusted_proxies: [10.0.0.0/8, "2001:db8::1"]
  proxy_protocol: ["::1"]
  allow_origins:
    - https://example.org
tls:
  certificate: /etc/millrace/tls.pem
  key: /etc/millrace/tls.key
metrics:
  per_stream: true
routers: [tcp://router-0:5555]
public_host: media.example.org
)");
  EXPECT_EQ(configuration.defaults().flush(), 20u);
  EXPECT_TRUE(configuration.defaults().has_grace());
  EXPECT_FALSE(configuration.defaults().has_audio_hold());
  EXPECT_EQ(configuration.defaults().publish_policy(), v1::reject);
  EXPECT_EQ(configuration.defaults().viewer_backlog(), 1'572'864u);
  EXPECT_EQ(configuration.defaults().start(), v1::live);
  EXPECT_EQ(configuration.defaults().ingest_speed_limit(), 150u);
  EXPECT_EQ(configuration.defaults().max_bitrate(), 8'000'000u);
  EXPECT_TRUE(configuration.applications().at("live").has_flush());
  EXPECT_EQ(configuration.applications().at("live").wait_timeout(), 5'000u);
  EXPECT_EQ(configuration.applications().at("site3/gate").grace(), 90'000u);
  EXPECT_EQ(configuration.rtmp().chunk_size(), 4'096u);
  const auto& publishers = configuration.applications().at("site3/gate").publishers();
  EXPECT_EQ(publishers.size(), 2u);
  EXPECT_EQ(publishers.at("joe"), "s3 cret: #1");
  EXPECT_EQ(publishers.at("ann@example.org"), "1234");
  EXPECT_EQ(configuration.applications().at("site3/gate").publish_login(), v1::in_key);
  EXPECT_THAT(configuration.http().trusted_proxies(),
              testing::ElementsAre("10.0.0.0/8", "2001:db8::1"));
  EXPECT_THAT(configuration.rtmp().proxy_protocol(), testing::ElementsAre("10.1.0.0/16"));
  EXPECT_THAT(configuration.http().proxy_protocol(), testing::ElementsAre("::1"));
  EXPECT_EQ(configuration.tls().certificate(), "/etc/millrace/tls.pem");
  EXPECT_EQ(configuration.tls().key(), "/etc/millrace/tls.key");
  EXPECT_TRUE(configuration.metrics().per_stream());
  EXPECT_THAT(configuration.routers(), testing::ElementsAre("tcp://router-0:5555"));
  EXPECT_EQ(configuration.public_host(), "media.example.org");
}

TEST(Yaml, NothingIsAConfiguration) {
  for (const char* text : {"", "\n", "# only a comment\n", "---\n", "{}", "defaults:\n", "~"}) {
    EXPECT_EQ(Mistakes(text), "") << text;
  }
}

TEST(Yaml, AnchorsWork) {
  const v1::Configuration configuration =
      Read("applications:\n  a: &base {flush: 20ms}\n  b: *base\n");
  EXPECT_EQ(configuration.applications().at("b").flush(), 20u);
}

struct Case {
  const char* name;
  const char* text;
  const char* mistakes;  // each line must be found, in this order
};

const Case kCases[] = {
    {"UnknownKey", "defaults:\n  flsh: 1s\n",
     "2:3: unknown key `flsh` in `defaults`; did you mean `flush`?\n"},
    {"UnknownSection", "defualts: {}\n",
     "1:1: unknown key `defualts` in the file; did you mean `defaults`?\n"},
    {"NothingLikeIt", "bus:\n  zzzzzz: 1\n",
     "2:3: unknown key `zzzzzz` in `bus`; it may hold `subscription_credit`\n"},
    {"InAnApplication", "applications:\n  live:\n    grase: 1s\n",
     "3:5: unknown key `grase` in `applications.live`; did you mean `grace`?\n"},
    {"Twice", "defaults:\n  flush: 1ms\n  grace: 1s\n  flush: 2ms\n",
     "4:3: `defaults.flush` is set twice, first in line 2\n"},
    {"SectionTwice", "rtmp: {}\nhttp: {}\nrtmp: {}\n",
     "3:1: `rtmp` is set twice, first in line 1\n"},
    {"ApplicationTwice", "applications:\n  live: {}\n  live: {}\n",
     "3:3: `applications.live` is set twice, first in line 2\n"},
    {"NoUnit", "defaults: {grace: 15}\n",
     "1:19: `defaults.grace`: `15` has no unit: write a duration like 350ms, 10s, 1m or 2h30m\n"},
    {"SizeAsDuration", "router: {lease: 3KiB}\n",
     "1:17: `router.lease`: `3KiB` has an unknown unit `KiB`: write a duration like 350ms, 10s, 1m "
     "or "
     "2h30m\n"},
    {"NoSize", "router: {cache_limit: 1G}\n",
     "1:23: `router.cache_limit`: `1G` has an unknown unit `G`: write a size like 64KiB, 16MiB or "
     "1GiB\n"},
    {"TooSmall", "router: {lease: 1ms}\n",
     "1:17: `router.lease` must be between 1s and 1m, not 1ms\n"},
    {"TooLarge", "defaults: {track_wait: 3s}\n",
     "1:24: `defaults.track_wait` must be between 0 and 2500ms, not 3s\n"},
    {"SpeedWithoutUnit", "defaults: {ingest_speed_limit: 2}\n",
     "1:32: `defaults.ingest_speed_limit`: `2` has no unit: write a speed like 2x or 1.5x\n"},
    {"SlowerThanRealTime", "defaults: {ingest_speed_limit: 0.5x}\n",
     "1:32: `defaults.ingest_speed_limit` must be 0 or between 1.10x and 100x, not 0.5x\n"},
    {"ByteRate", "defaults: {max_bitrate: 8MB}\n",
     "1:25: `defaults.max_bitrate`: `8MB` has an unknown unit `MB`: write a bitrate like 800kbps, "
     "2.5Mbps or 1Gbps\n"},
    {"NoNetwork", "limits: {exempt_addresses: [office]}\n",
     "1:29: `limits.exempt_addresses`: `office` is not an address or network: write 10.0.0.0/8 or "
     "2001:db8::1\n"},
    {"NotANumber", "rtmp: {chunk_size: big}\n",
     "1:20: `rtmp.chunk_size`: `big` is not a whole number\n"},
    {"Negative", "rtmp: {chunk_size: -1}\n",
     "1:20: `rtmp.chunk_size`: `-1` is not a whole number\n"},
    {"HugeNumber", "rtmp: {chunk_size: 99999999999999999999}\n",
     "1:20: `rtmp.chunk_size`: `99999999999999999999` is not a whole number\n"},
    {"OutOfRange", "rtmp: {chunk_size: 16777216}\n",
     "1:20: `rtmp.chunk_size` must be between 128 and 16777215, not 16777216\n"},
    {"Enum", "defaults: {publish_policy: takeover}\n",
     "1:28: `defaults.publish_policy` is one of `reject`, `replace`, not `takeover`\n"},
    {"EnumZero", "defaults: {publish_policy: PUBLISH_POLICY_SETTING_UNSPECIFIED}\n",
     "1:28: `defaults.publish_policy` is one of `reject`, `replace`, not "
     "`PUBLISH_POLICY_SETTING_UNSPECIFIED`\n"},
    {"Bool", "metrics: {per_stream: yes}\n",
     "1:23: `metrics.per_stream` is `true` or `false`, not `yes`\n"},
    {"NoValue", "defaults:\n  flush:\n", "2:3: `defaults.flush` has no value\n"},
    {"NoList", "routers:\nrtmp: {}\n", "1:1: `routers` has no value\n"},
    {"ListForScalar", "defaults: {flush: [1s]}\n", "1:19: `defaults.flush` takes one value\n"},
    {"ScalarForList", "routers: tcp://a:1\n", "1:10: `routers` must be a list, as in [a, b]\n"},
    {"MapInList", "routers: [{a: b}]\n", "1:11: an entry of `routers` must be plain text\n"},
    {"ListedTwice", "routers: [tcp://a:1, tcp://a:1]\n",
     "1:22: `routers` lists `tcp://a:1` twice\n"},
    {"ScalarForSection", "defaults: 5\n", "1:11: `defaults` must hold `key: value` settings\n"},
    {"TopLevelList", "- a\n- b\n", "1:1: the file must hold `key: value` settings\n"},
    {"KeyIsAList", "[a]: b\n", "1:1: a key in the file must be a plain word\n"},
    {"Endpoint", "routers: [router:5555]\n",
     "1:11: `routers`: `router:5555` is not a router endpoint: write tcp://host:port\n"},
    {"Port", "routers: [tcp://router:70000]\n",
     "1:11: `routers`: `tcp://router:70000` is not a router endpoint: write tcp://host:port\n"},
    {"Cidr", "http: {trusted_proxies: [10.0.0.0/33]}\n",
     "1:26: `http.trusted_proxies`: `10.0.0.0/33` is not an address or network: write 10.0.0.0/8 "
     "or "
     "2001:db8::1\n"},
    {"ProxyProtocolOfRtmp", "rtmp: {proxy_protocol: [balancer]}\n",
     "1:25: `rtmp.proxy_protocol`: `balancer` is not an address or network: write 10.0.0.0/8 or "
     "2001:db8::1\n"},
    {"ProxyProtocolOfHttp", "http: {proxy_protocol: [\"::1/129\"]}\n",
     "1:25: `http.proxy_protocol`: `::1/129` is not an address or network: write 10.0.0.0/8 or "
     "2001:db8::1\n"},
    {"CertificateWithoutKey", "tls: {certificate: /etc/tls.pem}\n",
     "1:20: `tls`: certificate and key go together: set both\n"},
    {"KeyWithoutCertificate", "tls: {key: /etc/tls.key}\n",
     "1:12: `tls`: certificate and key go together: set both\n"},
    {"CertificateByHalfAPath", "tls: {certificate: tls.pem, key: /etc/tls.key}\n",
     "1:20: `tls.certificate`: `tls.pem` is not a file's whole path: write "
     "/etc/millrace/tls.pem\n"},
    {"Origin", "http: {allow_origins: [example.org]}\n",
     "1:24: `http.allow_origins`: `example.org` is not an origin: write \"*\" or "
     "https://example.org\n"},
    {"Application", "applications: {a//b: {}}\n",
     "1:16: `a//b` is not an application: write live or site3/gate\n"},
    {"User", "defaults: {publishers: {\"joe&user=ann\": x}}\n",
     "1:25: `joe&user=ann` is not a user: write up to 64 characters, no spaces and none of "
     "?&=/%+#\n"},
    {"Password", "defaults: {publishers: {joe: \"\"}}\n",
     "1:30: `defaults.publishers.joe`: a password has 1 to 128 characters, no control characters, "
     "and is not what `config show` writes in place of one\n"},
    {"HiddenPassword", "defaults: {publishers: {joe: (hidden)}}\n",
     "1:30: `defaults.publishers.joe`: a password has"},
    {"PasswordIsAList", "defaults: {publishers: {joe: [a, b]}}\n",
     "1:30: `defaults.publishers.joe` takes one value\n"},
    {"UserTwice", "defaults: {publishers: {joe: a, joe: b}}\n",
     "1:33: `defaults.publishers.joe` is set twice, first in line 1\n"},
    {"UnknownKeyOfAPattern", "streams:\n  cams/*/low:\n    flsh: 1s\n",
     "3:5: unknown key `flsh` in `streams.cams/*/low`; did you mean `flush`?\n"},
    {"PartOfAWildcard", "streams:\n  cams/low*: {}\n",
     "2:3: `cams/low*` is not a pattern of streams: `*` stands for a whole part, `**` for any "
     "number of parts\n"},
    {"PatternTwice", "streams:\n  \"*/a\": {}\n  \"*/a\": {}\n",
     "3:3: `streams.*/a` is set twice, first in line 2\n"},
    {"PatternWithoutQuotes", "streams:\n  */low: {flush: 1s}\n", "2:3: not YAML: "},
    {"PartOfAPattern",
     "applications: {live: {segment_target: 1s}}\nstreams: {live/*: {part_target: 2s}}\n",
     "2:33: `streams.live/*`: part_target (2s) must not be longer than segment_target (1s)\n"},
    {"PublicPort", "public: {rtmp_port: 0}\n",
     "1:21: `public.rtmp_port` must be between 1 and 65535, not 0\n"},
    {"UdpPorts", "rtsp: {udp_ports: 20001-20001}\n",
     "1:19: `rtsp.udp_ports`: `20001-20001` is not a range of ports: write 20000-20999, or off\n"},
    {"UdpAddress", "rtsp: {udp_address: media.example.org}\n",
     "1:21: `rtsp.udp_address`: `media.example.org` is not an address: write 203.0.113.7\n"},
    {"MulticastGroups", "rtsp: {multicast_groups: 10.0.0.0/8}\n",
     "1:26: `rtsp.multicast_groups`: `10.0.0.0/8` is not a network of multicast groups: write "
     "239.192.8.0/24, or off\n"},
    {"PublicHost", "public: {host: a/b}\n",
     "1:16: `public.host`: `a/b` is not a host name or address\n"},
    {"PartLongerThanSegment", "defaults:\n  segment_target: 1s\n  part_target: 2s\n",
     "3:16: `defaults`: part_target (2s) must not be longer than segment_target (1s)\n"},
    {"PartOfAnother", "defaults: {part_target: 2s}\napplications:\n  live: {segment_target: 1s}\n",
     "3:26: `applications.live`: part_target (2s) must not be longer than segment_target (1s)\n"},
    {"TwoDocuments", "defaults: {}\n---\nrtmp: {}\n",
     "2:1: one document is expected: remove what begins here\n"},
    {"Several", "defaults:\n  flsh: 1s\n  grace: x\nrtpm: {}\n",
     "2:3: unknown key `flsh` in `defaults`; did you mean `flush`?\n"
     "3:10: `defaults.grace`: `x` is not a duration: write a duration like 350ms, 10s, 1m or "
     "2h30m\n"
     "4:1: unknown key `rtpm` in the file; did you mean `rtmp`?\n"},
    {"MergeKey", "defaults: &a {flush: 1ms}\napplications:\n  live: {<<: *a}\n",
     "3:10: unknown key `<<` in `applications.live`; it may hold"},
    {"Cycle", "applications: &a\n  live: *a\n",
     "2:3: unknown key `live` in `applications.live`; it may hold"},
};

class YamlMistake : public testing::TestWithParam<Case> {};

TEST_P(YamlMistake, IsFoundWithItsLine) {
  const std::string found = Mistakes(GetParam().text);
  const std::string expected = GetParam().mistakes;
  if (expected.ends_with('\n')) {
    EXPECT_EQ(found, expected);
  } else {
    EXPECT_THAT(found, testing::StartsWith(expected));
  }
}

INSTANTIATE_TEST_SUITE_P(All, YamlMistake, testing::ValuesIn(kCases),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(Yaml, PatternsWantQuotesInFront) {
  EXPECT_THAT(Mistakes("streams:\n  */low: {flush: 1s}\n"),
              testing::HasSubstr("in quotes: \"*/low\""));
  EXPECT_THAT(Mistakes("streams: {*: {}}\n"), testing::HasSubstr("in quotes"));
  EXPECT_THAT(Mistakes("streams:\n  **: {}\n"), testing::HasSubstr("in quotes"));
}

TEST(Yaml, PatternsAreReadAndWritten) {
  const v1::Configuration configuration = Read(
      "streams:\n  \"**\": {grace: 1s}\n  \"*/low\": {flush: 350ms}\n  cams/*: {}\n"
      "public: {host: media.example.org, rtmp_port: 11935}\n");
  EXPECT_EQ(configuration.streams().at("*/low").flush(), 350u);
  EXPECT_EQ(configuration.streams_size(), 3);
  EXPECT_EQ(configuration.public_().rtmp_port(), 11935u);
  EXPECT_TRUE(MessageDifferencer::Equals(Read(WriteYaml(configuration)), configuration));
}

TEST(Yaml, PatternsAreBounded) {
  std::string text = "streams:\n";
  for (int i = 0; i <= 1'000; ++i) text += "  a/" + std::to_string(i) + ": {}\n";
  EXPECT_EQ(Mistakes(text), "1002:3: `streams` holds at most 1000 patterns\n");
}

TEST(Yaml, BrokenSyntaxIsNamedWithItsLine) {
  EXPECT_THAT(Mistakes("defaults: {flush: 1s\n"), testing::HasSubstr("not YAML"));
  EXPECT_THAT(Mistakes("a: b\n c: d\n"), testing::StartsWith("2:"));
  EXPECT_THAT(Mistakes("defaults: {flush: *nothing}\n"), testing::StartsWith("1:19: not YAML"));
}

TEST(Yaml, HostileFilesAreRefused) {
  EXPECT_EQ(Mistakes(std::string(kMaxFileBytes + 1, ' ')), "0:0: the file is larger than 1MiB\n");
  EXPECT_EQ(Mistakes("public_host: \"\xff\xfe\"\n"), "0:0: the file is not UTF-8 text\n");
  EXPECT_THAT(Mistakes(std::string(100'000, '[')), testing::HasSubstr("not YAML"));
  EXPECT_NE(Mistakes("public_host: \"a\\0b\"\n"), "");
  std::string many;
  for (int i = 0; i < 1'000; ++i) many += "key" + std::to_string(i) + ": 1\n";
  EXPECT_EQ(ReadYaml(many).mistakes.size(), 50u);
}

TEST(Yaml, TheErrorNamesFileLineAndColumn) {
  const auto refused = ParseYaml("flsh: 1\nroters: []\n", "millrace.yaml");
  const std::string text(refused.status().message());
  EXPECT_THAT(text, testing::StartsWith("millrace.yaml:1:1: unknown key `flsh` in the file; it may "
                                        "hold `defaults`, `applications`, `streams`, "));
  EXPECT_THAT(text, testing::EndsWith("\nmillrace.yaml:2:1: unknown key `roters` in the file; did "
                                      "you mean `routers`?"));
}

TEST(Yaml, Files) {
  const std::string path = testing::TempDir() + "/yaml_test.yaml";
  std::ofstream(path) << "defaults: {flush: 1ms}\n";
  EXPECT_EQ(LoadYamlFile(path)->defaults().flush(), 1u);
  std::filesystem::remove(path);
  EXPECT_EQ(LoadYamlFile(path).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(LoadYamlFile(testing::TempDir()).status().code(), absl::StatusCode::kUnavailable);
}

TEST(Yaml, WhatIsWrittenIsReadBack) {
  v1::Configuration configuration = DefaultConfiguration();
  (*configuration.mutable_applications())["live"].set_flush(0);
  (*configuration.mutable_applications())["a b: c/#d"].set_publish_policy(v1::reject);
  (*configuration.mutable_applications())["site/ünï"];
  (*configuration.mutable_applications())["true"].set_grace(1);
  auto& publishers = *(*configuration.mutable_applications())["live"].mutable_publishers();
  for (const char* word :
       {"a", "true", "~", "null", "0x10", "- b", "a: b", "#", "*x", "\"", "ünï"}) {
    publishers["user" + std::to_string(publishers.size())] = word;
  }
  configuration.add_routers("tcp://[::1]:5555");
  const std::string text = WriteYaml(configuration);
  EXPECT_TRUE(MessageDifferencer::Equals(Read(text), configuration)) << text;
  EXPECT_EQ(WriteYaml(Read(text)), text);
  EXPECT_TRUE(
      MessageDifferencer::Equals(Read(WriteYaml(v1::Configuration())), v1::Configuration()));
}

}  // namespace
}  // namespace millrace::config
