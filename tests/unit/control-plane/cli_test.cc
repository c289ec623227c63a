#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "control-plane/cli/command.h"
#include "control-plane/cli/text.h"
#include "tests/unit/control-plane/test_cluster.h"

namespace millrace::cli {
namespace {

using control::Eventually;
using control::TestCluster;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Result {
  int code = 0;
  std::string out;
  std::string err;
};

Result Millrace(const std::vector<std::string>& arguments) {
  std::ostringstream out;
  std::ostringstream err;
  Result result;
  result.code = Run(arguments, out, err);
  result.out = out.str();
  result.err = err.str();
  return result;
}

class Cli : public testing::Test {
 protected:
  Cli() { ::setenv("MILLRACE_SERVER", cluster_.target().c_str(), 1); }
  ~Cli() override { ::unsetenv("MILLRACE_SERVER"); }
  TestCluster cluster_;
};

TEST_F(Cli, EmptyLists) {
  EXPECT_EQ(Millrace({"streams", "list", "--json"}).out, "{\"streams\":[]}\n");
  EXPECT_EQ(Millrace({"sessions", "list", "--json"}).out, "{\"sessions\":[]}\n");
  EXPECT_EQ(Millrace({"nodes", "list", "--json"}).out, "{\"nodes\":[]}\n");
  EXPECT_EQ(Millrace({"bans", "list", "--json"}).out, "{\"bans\":[]}\n");
  EXPECT_THAT(Millrace({"streams", "list"}).out, StartsWith("No streams."));
  EXPECT_THAT(Millrace({"nodes", "list"}).out, StartsWith("No nodes."));
}

TEST_F(Cli, TablesAndJson) {
  const auto router = cluster_.Node("router", v1::NODE_KIND_ROUTER);
  const auto gateway = cluster_.Node("gw");
  v1::Stream stream;
  stream.set_name("live/cam1");
  stream.set_state(v1::STREAM_LIVE);
  stream.set_bitrate_bps(2'400'000);
  v1::TrackSummary& track = *stream.add_tracks();
  track.set_codec("H.264");
  track.set_width(1280);
  track.set_height(720);
  track.set_frame_rate(25);
  router->agent().StreamChanged(stream);
  const auto record = gateway->Open("live/cam1");
  ASSERT_TRUE(cluster_.AwaitStream("live/cam1"));
  ASSERT_TRUE(cluster_.AwaitSessions(1));

  const std::string table = Millrace({"streams", "list"}).out;
  EXPECT_THAT(table, HasSubstr("live/cam1  live "));
  EXPECT_THAT(table, HasSubstr("2.4 Mb/s"));
  EXPECT_THAT(table, HasSubstr("H.264 1280x720 25 fps"));
  EXPECT_THAT(table, Not(HasSubstr("\x1b")));
  const json list = json::parse(Millrace({"streams", "list", "--json"}).out);
  EXPECT_EQ(list["streams"][0]["name"], "live/cam1");
  EXPECT_EQ(list["streams"][0]["viewers"], 1);
  EXPECT_EQ(Millrace({"streams", "list", "--prefix=vod/", "--json"}).out, "{\"streams\":[]}\n");

  EXPECT_THAT(Millrace({"streams", "get", "live/cam1"}).out, HasSubstr("router        router"));
  EXPECT_EQ(json::parse(Millrace({"streams", "get", "live/cam1", "--json"}).out)["name"],
            "live/cam1");
  EXPECT_THAT(Millrace({"sessions", "list", "--role", "viewer"}).out, HasSubstr(record->id()));
  EXPECT_THAT(Millrace({"sessions", "list", "--role", "publisher"}).out, "No sessions.\n");
  EXPECT_THAT(Millrace({"sessions", "get", record->id()}).out, HasSubstr("203.0.113.7:5000"));
  EXPECT_THAT(Millrace({"nodes", "list"}).out, HasSubstr("tcp://127.0.0.1:5555"));
  EXPECT_EQ(json::parse(Millrace({"nodes", "list", "--json"}).out)["nodes"].size(), 2u);
}

TEST_F(Cli, FollowsEveryPage) {
  const auto gateway = cluster_.Node("gw");
  std::vector<std::shared_ptr<rpc::SessionRecord>> records;
  for (int i = 0; i < 2'345; ++i) records.push_back(gateway->Open("live/a"));
  ASSERT_TRUE(Eventually([&] {
    return json::parse(Millrace({"sessions", "list", "--json"}).out)["sessions"].size() == 2'345u;
  }));
}

TEST_F(Cli, KicksAndBans) {
  const auto gateway = cluster_.Node("gw");
  gateway->Open("live/a");
  const auto other = gateway->Open("live/b");
  ASSERT_TRUE(cluster_.AwaitSessions(2));
  Result result = Millrace({"streams", "kick", "live/a", "--reason", "no", "--ban", "1m"});
  EXPECT_EQ(result.code, kOk);
  EXPECT_THAT(result.out, StartsWith("kicked live/a: 1 session told to close\nbanned until "));
  EXPECT_EQ(gateway->notes().front(), "kick live/a no banned");
  result = Millrace({"sessions", "kick", other->id(), "--ban=1m", "--ban-what=stream", "--json"});
  EXPECT_EQ(json::parse(result.out)["ban"]["value"], "live/b");
  EXPECT_EQ(json::parse(Millrace({"bans", "list", "--json"}).out)["bans"].size(), 2u);

  EXPECT_EQ(Millrace({"bans", "add", "address", "203.0.113.9", "--for", "10m"}).code, kOk);
  EXPECT_THAT(Millrace({"bans", "list"}).out, HasSubstr("203.0.113.9"));
  EXPECT_EQ(Millrace({"bans", "remove", "address", "203.0.113.9"}).code, kOk);
  EXPECT_EQ(Millrace({"bans", "remove", "address", "203.0.113.9"}).code, kNotFound);
  EXPECT_EQ(Millrace({"bans", "remove", "ban-none"}).code, kNotFound);
}

TEST_F(Cli, ExitCodes) {
  EXPECT_EQ(Millrace({"streams", "get", "live/none"}).code, kNotFound);
  EXPECT_EQ(Millrace({"streams", "kick", "live/none"}).code, kNotFound);
  EXPECT_EQ(Millrace({"sessions", "kick", "none"}).code, kNotFound);
  EXPECT_EQ(Millrace({"streams", "get", "nopart"}).code, kUsage);
  const Result away = Millrace({"streams", "list", "--server=127.0.0.1:1"});
  EXPECT_EQ(away.code, kFailed);
  EXPECT_THAT(away.err, HasSubstr("no control plane answers at 127.0.0.1:1"));
  EXPECT_THAT(away.err, HasSubstr("--server"));
}

TEST_F(Cli, WatchEndsWithTheServer) {
  const auto router = cluster_.Node("router", v1::NODE_KIND_ROUTER);
  router->Stream("live/a");
  ASSERT_TRUE(cluster_.AwaitStream("live/a"));
  Result result;
  std::thread watching([&] { result = Millrace({"streams", "watch", "--json"}); });
  ASSERT_TRUE(Eventually([&] {
    return cluster_.Get("/metrics").find("millrace_cluster_streams{state=\"live\"} 1") !=
           std::string::npos;
  }));
  // The call is counted when it ends, so what it has been given is not seen from here: more comes
  // until then.
  router->Stream("live/b");
  ASSERT_TRUE(cluster_.AwaitStream("live/b"));
  cluster_.Stop();
  watching.join();
  EXPECT_EQ(result.code, kFailed);
  if (!result.out.empty()) {
    EXPECT_EQ(json::parse(result.out.substr(0, result.out.find('\n')))["type"], "CURRENT");
  }
}

TEST_F(Cli, ShowsTheConfiguration) {
  EXPECT_THAT(Millrace({"config", "show"}).out, HasSubstr("grace: 15s"));
  EXPECT_EQ(json::parse(Millrace({"config", "show", "--json"}).out)["router"]["lease"], 3'000);
}

TEST_F(Cli, AppliesAConfigurationAndShowsWhatItChanges) {
  const std::string file = testing::TempDir() + "/cli_apply.yaml";
  std::ofstream(file) << "defaults: {grace: 15s, flush: 350ms}\n"
                         "streams: {\"cams/*/low\": {publish_policy: reject}}\n"
                         "routers: [tcp://r:1]\n";
  const std::string diff =
      "--- revision 1 (nothing is configured)\n"
      "+++ " +
      file +
      "\n"
      "@@ defaults @@\n"
      "-flush: 0\n"
      "+flush: 350ms\n"
      "@@ streams.cams/*/low @@\n"
      "+publish_policy: reject\n"
      "@@ top level @@\n"
      "+routers: [tcp://r:1]\n";
  EXPECT_EQ(Millrace({"config", "apply", "--dry-run", file}).out,
            diff + "dry run: nothing was changed\n");
  EXPECT_EQ(json::parse(Millrace({"config", "show", "--json"}).out)["defaults"]["flush"], 0);

  Result result = Millrace({"config", "apply", file});
  EXPECT_EQ(result.code, kOk);
  EXPECT_EQ(result.out, diff + "revision 2 is in force; `millrace nodes list` shows who runs it\n");
  EXPECT_EQ(json::parse(Millrace({"config", "show", "--json"}).out)["defaults"]["flush"], 350);
  EXPECT_THAT(Millrace({"config", "show", "--set"}).out,
              HasSubstr("only what is set\ndefaults:\n"));

  EXPECT_EQ(Millrace({"config", "apply", file}).out, "no difference to revision 2\n");
  result = Millrace({"config", "apply", file, "--expect-revision=1"});
  EXPECT_EQ(result.code, kFailed);
  EXPECT_THAT(result.err, HasSubstr("revision 2 is in force, not 1"));

  std::ofstream(file) << "defaults: {}\n";
  const json answer = json::parse(Millrace({"config", "apply", file, "--json"}).out);
  EXPECT_EQ(answer["changes"].size(), 3u);
  EXPECT_EQ(answer["changes"][0]["before"], "350ms");
  EXPECT_EQ(answer["changes"][0]["after"], "0");
  EXPECT_EQ(answer["revision"], "3");

  std::ofstream(file) << "defaults:\n  flsh: 1s\n";
  result = Millrace({"config", "apply", file});
  EXPECT_EQ(result.code, kFailed);
  EXPECT_THAT(result.err, StartsWith(file + ":2:3: unknown key `flsh`"));
  std::filesystem::remove(file);
  EXPECT_EQ(Millrace({"config", "apply", file}).code, kNotFound);
}

TEST_F(Cli, TellsWhereToPublishAndPlay) {
  EXPECT_THAT(Millrace({"streams", "urls", "live/cam1"}).out, StartsWith("No gateway is attached"));
  const std::string file = testing::TempDir() + "/cli_urls.yaml";
  std::ofstream(file) << "public: {host: media.example.org, rtmp_port: 1936, http_port: 80}\n";
  ASSERT_EQ(Millrace({"config", "apply", file}).code, kOk);
  std::filesystem::remove(file);
  EXPECT_EQ(Millrace({"streams", "urls", "live/cam1"}).out,
            "publish  rtmp://media.example.org:1936/live/cam1\n"
            "         OBS: Server rtmp://media.example.org:1936/live   Stream Key cam1\n"
            "play     rtmp://media.example.org:1936/live/cam1\n"
            "play     http://media.example.org/live/cam1.flv\n");
  const auto router = cluster_.Node("router", v1::NODE_KIND_ROUTER);
  router->Stream("live/cam1");
  ASSERT_TRUE(cluster_.AwaitStream("live/cam1"));
  EXPECT_THAT(Millrace({"streams", "get", "live/cam1"}).out,
              HasSubstr("play          http://media.example.org/live/cam1.flv\n"));
  EXPECT_EQ(json::parse(
                Millrace({"streams", "get", "live/cam1", "--json"}).out)["urls"]["play"][1]["url"],
            "http://media.example.org/live/cam1.flv");
}

TEST(CliAlone, ChecksFiles) {
  const std::string file = testing::TempDir() + "/cli_test.yaml";
  std::ofstream(file) << "defaults:\n  flsh: 1s\n";
  Result result = Millrace({"config", "check", file});
  EXPECT_EQ(result.code, kFailed);
  EXPECT_EQ(result.err, file + ":2:3: unknown key `flsh` in `defaults`; did you mean `flush`?\n");
  std::ofstream(file) << "defaults: {flush: 1ms}\n";
  result = Millrace({"config", "check", file});
  EXPECT_EQ(result.code, kOk);
  EXPECT_EQ(result.out, file + ": good\n");
  EXPECT_THAT(result.err, HasSubstr("may publish"));
  std::filesystem::remove(file);
  EXPECT_EQ(Millrace({"config", "check", file}).code, kNotFound);
}

TEST(CliAlone, WrongUsageSaysWhatIsRight) {
  const struct {
    std::vector<std::string> arguments;
    const char* says;
  } cases[] = {
      {{"streems", "list"}, "did you mean `streams`?"},
      {{"streams", "lst"}, "did you mean `list`?"},
      {{"streams"}, "`streams` needs a verb: list, get, urls, watch, kick"},
      {{"streams", "get"}, "an argument is missing: millrace streams get NAME"},
      {{"streams", "get", "a/b", "c/d"}, "`c/d` is one argument too many"},
      {{"streams", "list", "--reson", "x"}, "unknown option --reson; did you mean --reason?"},
      {{"streams", "list", "--reason", "x"}, "streams list has no option --reason"},
      {{"streams", "kick", "a/b", "--ban"}, "--ban needs a value"},
      {{"streams", "kick", "a/b", "--ban", "10"}, "has no unit"},
      {{"streams", "kick", "a/b", "--ban", "0"}, "must be longer than 0"},
      {{"streams", "list", "--json=1"}, "--json takes no value"},
      {{"streams", "list", "--prefix=a", "--prefix=b"}, "--prefix is given twice"},
      {{"streams", "list", "-x"}, "unknown option --x"},
      {{"bans", "add", "cat", "x", "--for", "1m"}, "stream, address or user, not cat"},
      {{"bans", "add", "user", "x"}, "a ban needs --for"},
      {{"sessions", "list", "--role", "boss"}, "--role is publisher or viewer"},
      {{"sessions", "kick", "x", "--ban-what", "user"}, "--ban-what needs --ban"},
      {{"streams", "list", "--timeout", "soon"}, "--timeout"},
      {{"config", "apply", "x", "--expect-revision", "new"}, "`new` is not a whole number"},
      {{"config", "show", "--dry-run"}, "config show has no option --dry-run"},
  };
  for (const auto& test : cases) {
    const Result result = Millrace(test.arguments);
    EXPECT_EQ(result.code, kUsage) << test.says;
    EXPECT_THAT(result.err, HasSubstr(test.says));
    EXPECT_EQ(result.out, "");
  }
}

TEST(CliAlone, HelpTeaches) {
  EXPECT_EQ(Millrace({}).code, kUsage);
  const Result all = Millrace({"--help"});
  EXPECT_EQ(all.code, kOk);
  for (const char* part :
       {"streams kick NAME", "config check FILE", "MILLRACE_SERVER", "Exit codes"}) {
    EXPECT_THAT(all.out, HasSubstr(part));
  }
  EXPECT_THAT(Millrace({"bans", "--help"}).out, HasSubstr("bans add"));
  EXPECT_THAT(Millrace({"streams", "kick", "--help"}).out, HasSubstr("--ban=DURATION"));
  EXPECT_THAT(Millrace({"help", "streams", "kick"}).out, HasSubstr("--ban=DURATION"));
  EXPECT_THAT(Millrace({"--version"}).out, StartsWith("millrace "));
}

TEST(CliText, HumanValues) {
  EXPECT_EQ(Duration(0), "–");
  EXPECT_EQ(Duration(840), "840 ms");
  EXPECT_EQ(Duration(200'000), "3 min 20 s");
  EXPECT_EQ(Duration(14'700'000), "4 h 05 min");
  EXPECT_EQ(Duration(273'600'000), "3 d 4 h");
  EXPECT_EQ(Bitrate(640'000), "640 kb/s");
  EXPECT_EQ(Bitrate(2'400'000), "2.4 Mb/s");
  EXPECT_EQ(Bitrate(999), "999 b/s");
  EXPECT_EQ(Bytes(512), "512 B");
  EXPECT_EQ(Bytes(1'300'000), "1.2 MiB");
}

TEST(CliText, TablesAreAlignedAndHarmless) {
  Table table({"NAME", "N"}, false);
  table.Add({{"ünï"}, {"7", Style::kPlain, true}});
  table.Add({{"a\x1b[31m\n"}, {"12", Style::kGood, true}});
  EXPECT_EQ(table.Render(),
            "NAME            N\n"
            "ünï             7\n"
            "a\\u001b[31m\\n  12\n");
  Table coloured({"NAME"}, true);
  coloured.Add({{"x", Style::kGood}});
  EXPECT_EQ(coloured.Render(), "\x1b[1mNAME\x1b[0m\n\x1b[32mx\x1b[0m\n");
}

}  // namespace
}  // namespace millrace::cli
