// Pulls and pushes through the API and the command line, to a node and back.

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

#include "control-plane/cli/command.h"
#include "tests/unit/control-plane/test_cluster.h"

namespace millrace::control {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Result {
  int code = 0;
  std::string out;
  std::string err;
};

class RelaysTest : public testing::Test {
 protected:
  RelaysTest() : cluster_(Options()) { ::setenv("MILLRACE_SERVER", cluster_.target().c_str(), 1); }
  ~RelaysTest() override { ::unsetenv("MILLRACE_SERVER"); }

  ServerOptions Options() {
    ServerOptions options;
    options.logger = log::Logger::Create({.format = log::Format::kText, .stream = &log_});
    return options;
  }
  Result Millrace(const std::vector<std::string>& arguments) {
    std::ostringstream out;
    std::ostringstream err;
    Result result;
    result.code = cli::Run(arguments, out, err);
    result.out = out.str();
    result.err = err.str();
    everything_ += result.out + result.err;
    return result;
  }
  json Get(const std::string& noun, const std::string& name) {
    return json::parse(Millrace({noun, "get", name, "--json"}).out);
  }

  std::ostringstream log_;
  std::string everything_;  // that the command line has said
  TestCluster cluster_;
};

TEST_F(RelaysTest, APullFromTheCommandLineToANode) {
  Result added = Millrace({"pull", "add", "live/a", "rtmp://joe:geheim@origin/app/x?token=T0KEN",
                           "--on-demand", "--idle-timeout", "10s"});
  EXPECT_EQ(added.code, cli::kOk);
  EXPECT_THAT(added.out,
              StartsWith("pulling live/a from rtmp://***@origin/app/x?token=*** on demand"));
  EXPECT_EQ(Get("pull", "live/a")["status"]["state"], "RELAY_WAITING");

  const auto node = cluster_.Node("gw");
  const auto viewer = node->Open("live/a");
  ASSERT_TRUE(Eventually([&] { return node->relays().pulls_size() == 1; }));
  EXPECT_EQ(node->relays().pulls(0).url(), "rtmp://joe:geheim@origin/app/x?token=T0KEN");
  EXPECT_EQ(node->relays().pulls(0).idle_timeout_ms(), 10'000u);

  v1::RelayUpdate update;
  v1::RelayReport& report = *update.add_changed();
  report.set_pull("live/a");
  report.mutable_status()->set_state(v1::RELAY_BACKING_OFF);
  report.mutable_status()->set_reason("connection refused");
  report.mutable_status()->set_attempts(3);
  node->agent().SetRelays(update);
  ASSERT_TRUE(
      Eventually([&] { return Get("pull", "live/a")["status"]["state"] == "RELAY_BACKING_OFF"; }));
  const std::string table = Millrace({"pull", "list"}).out;
  EXPECT_THAT(table, HasSubstr("backing off"));
  EXPECT_THAT(table, HasSubstr("connection refused"));
  EXPECT_THAT(table, HasSubstr("gw"));
  const std::string one = Millrace({"pull", "get", "live/a"}).out;
  EXPECT_THAT(one, HasSubstr("attempts      3"));
  EXPECT_THAT(one, HasSubstr("idle timeout  10 s"));
  ASSERT_TRUE(Eventually([&] {
    return cluster_.Get("/metrics").find("millrace_cluster_pulls{state=\"backing_off\"} 1") !=
           std::string::npos;
  }));

  Result removed = Millrace({"pull", "remove", "live/a"});
  EXPECT_EQ(removed.code, cli::kOk);
  ASSERT_TRUE(Eventually([&] { return node->relays().pulls().empty(); }));
  EXPECT_EQ(Millrace({"pull", "remove", "live/a"}).code, cli::kNotFound);
  EXPECT_EQ(Millrace({"pull", "get", "live/a"}).code, cli::kNotFound);
  EXPECT_EQ(Millrace({"pull", "list", "--json"}).out, "{\"pulls\":[]}\n");
  cluster_.Stop();
  for (const char* secret : {"geheim", "joe", "T0KEN"}) {
    EXPECT_THAT(everything_, Not(HasSubstr(secret)));
    EXPECT_THAT(log_.str(), Not(HasSubstr(secret)));
  }
  EXPECT_THAT(log_.str(), HasSubstr("AddPull"));
}

TEST_F(RelaysTest, APushFromTheCommandLineToANode) {
  EXPECT_THAT(Millrace({"push", "add", "live/a", "rtmp://far/app/key-1234"}).out,
              StartsWith("pushing live/a to rtmp://far/app/***"));
  EXPECT_EQ(Millrace({"push", "add", "live/a", "rtmp://far/app/key-1234"}).code, cli::kOk);
  EXPECT_EQ(Millrace({"push", "add", "live/a", "rtmp://far/app/other", "--name", "b"}).code,
            cli::kOk);
  EXPECT_EQ(Get("push", "live/a")["status"]["state"], "RELAY_WAITING");
  EXPECT_EQ(json::parse(Millrace({"push", "list", "--json"}).out)["pushes"].size(), 2u);
  EXPECT_EQ(json::parse(Millrace({"push", "list", "--stream", "live/b", "--json"}).out)["pushes"],
            json::array());
  const auto node = cluster_.Node("gw");
  const auto router = cluster_.Node("router", v1::NODE_KIND_ROUTER);
  router->Stream("live/a");
  ASSERT_TRUE(Eventually([&] { return node->relays().pushes_size() == 2; }));
  EXPECT_EQ(Millrace({"push", "remove", "b"}).code, cli::kOk);
  ASSERT_TRUE(Eventually([&] { return node->relays().pushes_size() == 1; }));
  EXPECT_THAT(Millrace({"push", "list"}).out, HasSubstr("rtmp://far/app/***"));
  cluster_.Stop();
  EXPECT_THAT(everything_, Not(HasSubstr("key-1234")));
  EXPECT_THAT(log_.str(), Not(HasSubstr("key-1234")));
}

TEST_F(RelaysTest, MistakesAreToldWithWhatToDo) {
  EXPECT_EQ(Millrace({"pull", "add", "live/a", "rtmp://one/x/y"}).code, cli::kOk);
  const Result taken = Millrace({"pull", "add", "live/a", "rtmp://two/x/y"});
  EXPECT_EQ(taken.code, cli::kFailed);
  EXPECT_THAT(taken.err, HasSubstr("--replace"));
  EXPECT_EQ(Millrace({"pull", "add", "live/a", "rtmp://two/x/y", "--replace"}).code, cli::kOk);
  const Result scheme = Millrace({"pull", "add", "live/a", "http://x/y"});
  EXPECT_EQ(scheme.code, cli::kUsage);
  EXPECT_THAT(scheme.err, HasSubstr("rtmp://, rtmps://, rtsp://"));
  EXPECT_EQ(Millrace({"pull", "add", "live/b", "rtsp://x/y", "--transport", "smoke"}).code,
            cli::kUsage);
  EXPECT_EQ(Millrace({"pull", "add", "live/b", "rtsp://x/y", "--idle-timeout", "5s"}).code,
            cli::kUsage);
  EXPECT_EQ(Millrace({"pull", "add", "live/b", "rtmp://x/y/z", "--transport", "tcp"}).code,
            cli::kUsage);
  EXPECT_EQ(
      Millrace({"pull", "add", "live/b", "rtsp://x/y", "--transport", "tcp", "--keep-alive=none"})
          .code,
      cli::kOk);
  EXPECT_THAT(Millrace({"pull", "get", "live/b"}).out, HasSubstr("transport     tcp"));
  EXPECT_EQ(Millrace({"push", "add", "live/a", "http://x/y"}).code, cli::kUsage);
  EXPECT_THAT(Millrace({"pull", "list"}).out, HasSubstr("start an rtmp-gateway"));
}

TEST_F(RelaysTest, ListsInPages) {
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(Millrace({"pull", "add", "live/cam" + std::to_string(i), "rtmp://o/a/b"}).code, 0);
  }
  ASSERT_EQ(Millrace({"pull", "add", "vod/x", "rtmp://o/a/b"}).code, 0);
  std::vector<std::string> names;
  v1::ListPullsRequest request;
  request.set_page_size(2);
  request.set_prefix("live/");
  do {
    grpc::ClientContext context;
    v1::ListPullsResponse page;
    ASSERT_TRUE(cluster_.admin().ListPulls(&context, request, &page).ok());
    for (const v1::Pull& pull : page.pulls()) names.push_back(pull.stream());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(
      names, testing::ElementsAre("live/cam0", "live/cam1", "live/cam2", "live/cam3", "live/cam4"));
  request.set_page_token("junk");
  grpc::ClientContext context;
  v1::ListPullsResponse page;
  EXPECT_EQ(cluster_.admin().ListPulls(&context, request, &page).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace millrace::control
