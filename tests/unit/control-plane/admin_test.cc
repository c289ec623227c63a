#include "control-plane/admin.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/unit/control-plane/test_cluster.h"

namespace millrace::control {
namespace {

using grpc::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;
using Stub = v1::AdminService::Stub;

class AdminTest : public testing::Test {
 protected:
  template <class Request, class Response>
  grpc::Status Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response* response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    return (cluster_.admin().*method)(&context, request, response);
  }
  grpc::Status KickStream(const std::string& name, const std::string& reason, uint64_t ban_ms,
                          v1::KickStreamResponse* response) {
    v1::KickStreamRequest request;
    request.set_name(name);
    request.set_reason(reason);
    request.set_ban_ms(ban_ms);
    return Call(&Stub::KickStream, request, response);
  }
  std::string FirstSession() {
    v1::ListSessionsResponse response;
    Call(&Stub::ListSessions, v1::ListSessionsRequest(), &response);
    return response.sessions_size() > 0 ? response.sessions(0).id() : "";
  }

  TestCluster cluster_;
};

TEST_F(AdminTest, ListsInPages) {
  const auto router = cluster_.Node("router", v1::NODE_KIND_ROUTER);
  std::set<std::string> expected;
  for (int i = 0; i < 25; ++i) {
    expected.insert("live/cam" + std::to_string(i));
    router->Stream("live/cam" + std::to_string(i));
  }
  router->Stream("vod/x");
  ASSERT_TRUE(cluster_.AwaitStream("vod/x"));
  std::vector<std::string> names;
  v1::ListStreamsRequest request;
  request.set_page_size(10);
  request.set_prefix("live/");
  int pages = 0;
  do {
    v1::ListStreamsResponse response;
    ASSERT_TRUE(Call(&Stub::ListStreams, request, &response).ok());
    for (const auto& stream : response.streams()) names.push_back(stream.name());
    request.set_page_token(response.next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(names, std::vector<std::string>(expected.begin(), expected.end()));

  request.set_page_token("nonsense");
  v1::ListStreamsResponse response;
  EXPECT_EQ(Call(&Stub::ListStreams, request, &response).error_code(),
            StatusCode::INVALID_ARGUMENT);
}

TEST_F(AdminTest, SessionsAreFiltered) {
  const auto a = cluster_.Node("gw-a");
  const auto b = cluster_.Node("gw-b");
  a->Open("live/a", v1::ROLE_PUBLISHER);
  a->Open("live/a");
  b->Open("live/a");
  b->Open("live/b");
  ASSERT_TRUE(cluster_.AwaitSessions(4));
  const auto count = [&](const std::string& stream, const std::string& node, v1::Role role) {
    v1::ListSessionsRequest request;
    request.set_stream(stream);
    request.set_node(node);
    request.set_role(role);
    v1::ListSessionsResponse response;
    EXPECT_TRUE(Call(&Stub::ListSessions, request, &response).ok());
    return response.sessions_size();
  };
  EXPECT_EQ(count("live/a", "", v1::ROLE_UNSPECIFIED), 3);
  EXPECT_EQ(count("", "gw-b", v1::ROLE_UNSPECIFIED), 2);
  EXPECT_EQ(count("live/a", "gw-a", v1::ROLE_VIEWER), 1);
  EXPECT_EQ(count("live/x", "", v1::ROLE_UNSPECIFIED), 0);

  v1::GetSessionRequest get;
  get.set_id(FirstSession());
  v1::Session session;
  EXPECT_TRUE(Call(&Stub::GetSession, get, &session).ok());
  EXPECT_EQ(session.id(), get.id());
  get.set_id("nobody");
  EXPECT_EQ(Call(&Stub::GetSession, get, &session).error_code(), StatusCode::NOT_FOUND);
  get.set_id("");
  EXPECT_EQ(Call(&Stub::GetSession, get, &session).error_code(), StatusCode::INVALID_ARGUMENT);
}

TEST_F(AdminTest, NodesAreListed) {
  auto gateway = cluster_.Node("gw");
  const auto router = cluster_.Node("router", v1::NODE_KIND_ROUTER);
  v1::ListNodesResponse response;
  ASSERT_TRUE(Eventually([&] {
    Call(&Stub::ListNodes, v1::ListNodesRequest(), &response);
    return response.nodes_size() == 2 && response.nodes(0).ready() && response.nodes(1).ready();
  }));
  EXPECT_EQ(response.nodes(1).registration().bus_endpoint(), "tcp://127.0.0.1:5555");
  EXPECT_EQ(response.nodes(0).registration().metrics_address(), "127.0.0.1:9102");
  EXPECT_TRUE(response.nodes(0).attached());
  gateway.reset();
  EXPECT_TRUE(Eventually([&] {
    Call(&Stub::ListNodes, v1::ListNodesRequest(), &response);
    return response.nodes_size() == 2 && !response.nodes(0).attached();
  }));
}

TEST_F(AdminTest, KickStreamReachesEverySessionAndTheRouter) {
  const auto a = cluster_.Node("gw-a");
  const auto b = cluster_.Node("gw-b");
  const auto idle = cluster_.Node("gw-idle");
  const auto router = cluster_.Node("router", v1::NODE_KIND_ROUTER);
  a->Open("live/a", v1::ROLE_PUBLISHER);
  b->Open("live/a");
  b->Open("live/a");
  b->Open("live/b");
  router->Stream("live/a");
  ASSERT_TRUE(cluster_.AwaitSessions(4));
  v1::KickStreamResponse response;
  const grpc::Status status = KickStream("live/a", "not here", 0, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.sessions_kicked(), 3u);
  EXPECT_FALSE(response.has_ban());
  EXPECT_THAT(a->notes(), ElementsAre("kick live/a not here", "command"));
  EXPECT_THAT(router->notes(), ElementsAre("command"));
  EXPECT_THAT(idle->notes(), ElementsAre());
  EXPECT_TRUE(cluster_.AwaitSessions(1));
}

TEST_F(AdminTest, ABanIsInForceWhenTheKickArrives) {
  const auto a = cluster_.Node("gw-a");
  const auto router = cluster_.Node("router", v1::NODE_KIND_ROUTER);
  a->Open("live/a");
  ASSERT_TRUE(cluster_.AwaitSessions(1));
  v1::KickStreamResponse response;
  ASSERT_TRUE(KickStream("live/a", "out", 60'000, &response).ok());
  EXPECT_EQ(response.ban().value(), "live/a");
  EXPECT_EQ(response.ban().reason(), "out");
  EXPECT_THAT(a->notes(), ElementsAre("kick live/a out banned", "command banned"));
  EXPECT_THAT(router->notes(), ElementsAre("command banned"));
  // Once more is the same.
  const std::string id = response.ban().id();
  ASSERT_TRUE(KickStream("live/a", "out", 60'000, &response).ok());
  EXPECT_EQ(response.ban().id(), id);
}

TEST_F(AdminTest, KickingWhatIsNotThere) {
  v1::KickStreamResponse response;
  EXPECT_EQ(KickStream("live/none", "", 0, &response).error_code(), StatusCode::NOT_FOUND);
  EXPECT_EQ(KickStream("", "", 0, &response).error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(KickStream("live/../x", "", 0, &response).error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(KickStream("live/a", std::string(501, 'r'), 0, &response).error_code(),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(KickStream("live/none", "", 1'000, &response).ok());  // the ban is something
}

TEST_F(AdminTest, KickSessionBansItsAddress) {
  const auto a = cluster_.Node("gw-a");
  a->Open("live/a");
  ASSERT_TRUE(cluster_.AwaitSessions(1));
  v1::KickSessionRequest request;
  request.set_id(FirstSession());
  request.set_reason("too many");
  request.set_ban_ms(60'000);
  v1::KickSessionResponse response;
  ASSERT_TRUE(Call(&Stub::KickSession, request, &response).ok());
  EXPECT_EQ(response.ban().kind(), v1::BAN_ADDRESS);
  EXPECT_EQ(response.ban().value(), "203.0.113.7");
  EXPECT_THAT(a->notes(), ElementsAre("kick live/a too many"));
  ASSERT_TRUE(cluster_.AwaitSessions(0));
  EXPECT_EQ(Call(&Stub::KickSession, request, &response).error_code(), StatusCode::NOT_FOUND);
}

TEST_F(AdminTest, KickSessionBansWhatIsAsked) {
  const auto a = cluster_.Node("gw-a");
  a->obedient = false;
  a->Open("live/a", v1::ROLE_VIEWER, "eve");
  ASSERT_TRUE(cluster_.AwaitSessions(1));
  v1::KickSessionRequest request;
  request.set_id(FirstSession());
  request.set_ban(v1::BAN_USER);
  v1::KickSessionResponse response;
  EXPECT_EQ(Call(&Stub::KickSession, request, &response).error_code(),
            StatusCode::INVALID_ARGUMENT);  // for how long?
  request.set_ban_ms(60'000);
  ASSERT_TRUE(Call(&Stub::KickSession, request, &response).ok());
  EXPECT_EQ(response.ban().value(), "eve");
  request.set_ban(v1::BAN_STREAM);
  ASSERT_TRUE(Call(&Stub::KickSession, request, &response).ok());
  EXPECT_EQ(response.ban().value(), "live/a");
}

TEST_F(AdminTest, WhatASessionDoesNotHaveCannotBeBanned) {
  const auto a = cluster_.Node("gw-a");
  a->Open("live/a");
  ASSERT_TRUE(cluster_.AwaitSessions(1));
  v1::KickSessionRequest request;
  request.set_id(FirstSession());
  request.set_ban(v1::BAN_USER);
  request.set_ban_ms(60'000);
  v1::KickSessionResponse response;
  const grpc::Status status = Call(&Stub::KickSession, request, &response);
  EXPECT_EQ(status.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("has no user"));
  EXPECT_TRUE(a->notes().empty());
}

TEST_F(AdminTest, Bans) {
  const auto node = cluster_.Node("gw-a");
  v1::AddBanRequest add;
  add.set_kind(v1::BAN_USER);
  add.set_value("eve");
  add.set_duration_ms(60'000);
  v1::Ban ban;
  ASSERT_TRUE(Call(&Stub::AddBan, add, &ban).ok());
  v1::ListBansResponse list;
  ASSERT_TRUE(Call(&Stub::ListBans, v1::ListBansRequest(), &list).ok());
  EXPECT_EQ(list.bans_size(), 1);
  EXPECT_TRUE(Eventually([&] { return node->state().bans_size() == 1; }));
  v1::RemoveBanRequest remove;
  remove.set_id(ban.id());
  v1::RemoveBanResponse removed;
  EXPECT_TRUE(Call(&Stub::RemoveBan, remove, &removed).ok());
  EXPECT_EQ(Call(&Stub::RemoveBan, remove, &removed).error_code(), StatusCode::NOT_FOUND);
  EXPECT_TRUE(Eventually([&] { return node->state().bans_size() == 0; }));
  add.set_duration_ms(0);
  EXPECT_EQ(Call(&Stub::AddBan, add, &ban).error_code(), StatusCode::INVALID_ARGUMENT);
  // A short one goes by itself, and nodes are told.
  add.set_duration_ms(50);
  ASSERT_TRUE(Call(&Stub::AddBan, add, &ban).ok());
  EXPECT_TRUE(Eventually([&] {
    Call(&Stub::ListBans, v1::ListBansRequest(), &list);
    return list.bans_size() == 0 && node->state().bans_size() == 0;
  }));
}

TEST_F(AdminTest, ConfigurationIsShown) {
  v1::GetConfigurationResponse response;
  ASSERT_TRUE(Call(&Stub::GetConfiguration, v1::GetConfigurationRequest(), &response).ok());
  EXPECT_EQ(response.configuration().defaults().grace(), 15'000u);
  EXPECT_THAT(response.yaml(), HasSubstr("grace: 15s"));
  EXPECT_EQ(response.revision(), 1u);
}

TEST(AdminConfiguration, PasswordsOfPublishersAreNotShown) {
  ServerOptions options;
  (*options.configuration.mutable_defaults()->mutable_publishers())["joe"] = "s3cret";
  TestCluster cluster(std::move(options));
  grpc::ClientContext context;
  v1::GetConfigurationResponse response;
  ASSERT_TRUE(cluster.admin().GetConfiguration(&context, {}, &response).ok());
  EXPECT_EQ(response.DebugString().find("s3cret"), std::string::npos);
  EXPECT_THAT(response.yaml(), HasSubstr("joe: (hidden)"));
}

}  // namespace
}  // namespace millrace::control
