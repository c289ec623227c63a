#include "control-plane/server.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/byte_buffer.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "millrace/v1/node.grpc.pb.h"
#include "runtime/config/app_settings.h"
#include "tests/unit/control-plane/test_cluster.h"

namespace millrace::control {
namespace {

using testing::HasSubstr;

// A unary call by name, with bytes as they are on the wire: no generated code of health or
// reflection is at hand.
grpc::Status RawCall(const std::string& target, const std::string& method,
                     const std::string& request, std::string* response) {
  const auto channel = grpc::CreateChannel(target, grpc::InsecureChannelCredentials());
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const grpc::Slice slice(request);
  grpc::ByteBuffer in(&slice, 1);
  grpc::ByteBuffer out;
  grpc::Status status;
  const auto call = stub.PrepareUnaryCall(&context, method, in, &queue);
  call->StartCall();
  call->Finish(&out, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  if (status.ok()) {
    std::vector<grpc::Slice> slices;
    out.Dump(&slices);
    for (const grpc::Slice& part : slices) {
      response->append(reinterpret_cast<const char*>(part.begin()), part.size());
    }
  }
  return status;
}

TEST(ServerTest, HealthIsServed) {
  TestCluster cluster;
  for (const std::string service : {"", "millrace.v1.AdminService", "millrace.v1.NodeService"}) {
    std::string request;
    if (!service.empty()) {
      request = "\x0a" + std::string(1, static_cast<char>(service.size())) + service;
    }
    std::string response;
    const grpc::Status status =
        RawCall(cluster.target(), "/grpc.health.v1.Health/Check", request, &response);
    EXPECT_TRUE(status.ok()) << service << status.error_message();
    EXPECT_EQ(response, "\x08\x01") << service;  // SERVING
  }
}

TEST(ServerTest, ReflectionKnowsTheServices) {
  TestCluster cluster;
  const auto channel = grpc::CreateChannel(cluster.target(), grpc::InsecureChannelCredentials());
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  void* tag = nullptr;
  bool ok = false;
  const auto next = [&] {
    queue.Next(&tag, &ok);
    return ok;
  };
  const auto call = stub.PrepareCall(
      &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  call->StartCall(nullptr);
  ASSERT_TRUE(next());
  const grpc::Slice list("\x3a\x01*");  // list_services
  call->Write(grpc::ByteBuffer(&list, 1), nullptr);
  ASSERT_TRUE(next());
  grpc::ByteBuffer answer;
  call->Read(&answer, nullptr);
  ASSERT_TRUE(next());
  std::vector<grpc::Slice> slices;
  ASSERT_TRUE(answer.Dump(&slices).ok());
  std::string text;
  for (const grpc::Slice& part : slices) {
    text.append(reinterpret_cast<const char*>(part.begin()), part.size());
  }
  EXPECT_THAT(text, HasSubstr("millrace.v1.AdminService"));
  EXPECT_THAT(text, HasSubstr("millrace.v1.NodeService"));
  EXPECT_THAT(text, HasSubstr("grpc.health.v1.Health"));
  context.TryCancel();
  grpc::Status status;
  call->Finish(&status, nullptr);
  next();
}

TEST(ServerTest, HttpPort) {
  TestCluster cluster;
  const auto node = cluster.Node("gw-1");
  EXPECT_THAT(cluster.Get("/readyz"), HasSubstr("\"ready\":true"));
  EXPECT_NE(cluster.Get("/healthz"), "");
  const auto groups = nlohmann::json::parse(cluster.Get("/sd/prometheus"));
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0]["targets"][0], "cp.example:9101");
  EXPECT_EQ(groups[1]["targets"][0], "127.0.0.1:9102");
  EXPECT_EQ(groups[1]["labels"]["node"], "gw-1");
}

TEST(ServerTest, CountsCallsByMethodAndCode) {
  TestCluster cluster;
  cluster.Sessions();
  std::string response;
  RawCall(cluster.target(), "/millrace.v1.AdminService/GetStream", "", &response);
  RawCall(cluster.target(), "/millrace.v1.AdminService/NoSuchMethod", "", &response);
  RawCall(cluster.target(), "/grpc.health.v1.Health/Check", "", &response);
  EXPECT_TRUE(Eventually([&] {
    const std::string metrics = cluster.Get("/metrics");
    return metrics.find(
               "millrace_grpc_calls_total{code=\"OK\",method=\"AdminService/ListSessions\"} 1") !=
               std::string::npos &&
           metrics.find(
               "millrace_grpc_calls_total{code=\"INVALID_ARGUMENT\",method=\"AdminService/"
               "GetStream\"} 1") != std::string::npos;
  })) << cluster.Get("/metrics");
  EXPECT_THAT(cluster.Get("/metrics"), testing::Not(HasSubstr("NoSuchMethod")));
}

TEST(ServerTest, RollUps) {
  TestCluster cluster;
  const auto router = cluster.Node("router", v1::NODE_KIND_ROUTER);
  const auto gateway = cluster.Node("gw");
  gateway->Open("live/a");
  router->Stream("live/a");
  EXPECT_TRUE(Eventually([&] {
    const std::string metrics = cluster.Get("/metrics");
    return metrics.find("millrace_cluster_nodes{kind=\"router\",state=\"attached\"} 1") !=
               std::string::npos &&
           metrics.find("millrace_cluster_sessions{role=\"viewer\"} 1") != std::string::npos &&
           metrics.find("millrace_cluster_streams{state=\"live\"} 1") != std::string::npos;
  })) << cluster.Get("/metrics");
}

TEST(ServerTest, NodesComeBackAfterARestart) {
  ServerOptions options;
  const std::string store = testing::TempDir() + "/server_test.db";
  std::filesystem::remove(store);
  options.store = store;
  TestCluster cluster(options);
  const auto router = cluster.Node("router", v1::NODE_KIND_ROUTER);
  const auto gateway = cluster.Node("gw");
  gateway->Open("live/a");
  ASSERT_TRUE(cluster.AwaitSessions(1));
  ASSERT_TRUE(Eventually([&] { return gateway->state().topology().term() > 0; }));
  const uint64_t term = gateway->state().topology().term();
  cluster.Stop();
  gateway->Open("live/b");
  cluster.Start();
  EXPECT_TRUE(cluster.AwaitSessions(2));
  EXPECT_EQ(gateway->state().topology().term(), term);
  std::filesystem::remove(store);
}

TEST(ServerTest, TheFirstReportMustBeARegistration) {
  TestCluster cluster;
  const auto channel = grpc::CreateChannel(cluster.target(), grpc::InsecureChannelCredentials());
  const auto stub = v1::NodeService::NewStub(channel);
  for (const bool registers : {false, true}) {
    grpc::ClientContext context;
    const auto stream = stub->Attach(&context);
    v1::NodeReport report;
    if (registers) {
      report.mutable_register_();  // without a name
    } else {
      report.mutable_heartbeat();
    }
    stream->Write(report);
    v1::NodeOrder order;
    EXPECT_FALSE(stream->Read(&order));
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
}

TEST(ServerTest, WhatCannotStartSaysWhy) {
  TestCluster cluster;
  ServerOptions options;
  options.listen = cluster.target();
  options.http = "";
  EXPECT_EQ(Server::Start(options).status().code(), absl::StatusCode::kUnavailable);
  options.listen = "nonsense";
  EXPECT_EQ(Server::Start(options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ServerTest, StopIsPrompt) {
  TestCluster cluster;
  const auto router = cluster.Node("router", v1::NODE_KIND_ROUTER);
  const auto gateway = cluster.Node("gw");
  const auto start = std::chrono::steady_clock::now();
  cluster.Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST(ServerTest, AChangedFileIsPutInForce) {
  const std::string file = testing::TempDir() + "/server_test.yaml";
  const auto write = [&file](const std::string& text) {
    std::ofstream(file + ".new") << text;
    std::filesystem::rename(file + ".new", file);
  };
  write("defaults: {flush: 1ms}\n");
  ServerOptions options;
  options.configuration_file = file;
  TestCluster cluster(options);
  const auto node = cluster.Node("gw");
  const auto flush_is = [&](uint32_t flush) {
    return Eventually([&] { return node->state().configuration().defaults().flush() == flush; });
  };
  write("defaults: {flush: 25ms}\n");
  EXPECT_TRUE(flush_is(25));
  write("defaults: {flsh: 26ms}\n");  // wrong: the last one holds
  write("defaults: {flush: 27ms, grace: 20s}\n");
  EXPECT_TRUE(flush_is(27));
  EXPECT_EQ(node->state().configuration().defaults().wait_timeout(), 10'000u);
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace millrace::control
