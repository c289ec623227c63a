// The client over real sockets, against the real router in this process.

#include "runtime/bus/zmq_client.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "router/server.h"
#include "runtime/bus/control.h"
#include "runtime/metrics/registry.h"

namespace millrace::bus {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
constexpr char kStream[] = "live/one";

int64_t Now() { return Clock::now().time_since_epoch().count(); }

class Source : public PublicationObserver {
 public:
  void Start(Client& client, PublishOptions options = {}) {
    publication = client.Publish(kStream, std::move(options), *this);
  }
  void OnGranted(const Grant& grant) override {
    granted = grant;
    media::TrackSet tracks{.version = 1, .tracks = {}};
    media::Track video;
    video.id = 1;
    video.codec = media::Codec::kH264;
    tracks.tracks = {video};
    publication->SetTracks(tracks);
  }
  void OnRefused(v1::RefusalReason reason, const std::string& text) override { refused = reason; }
  void OnLost(uint64_t from_sequence, uint64_t to_sequence) override { lost = true; }

  // The payload starts with the time of sending.
  void SendFrame(size_t payload_bytes) {
    media::Frame frame;
    frame.track = 1;
    frame.sequence = ++sequence;
    frame.duration_ns = 40'000'000;
    frame.dts_ns = frame.pts_ns = static_cast<int64_t>(sequence) * 40'000'000;
    if (sequence % 10 == 1) frame.flags = media::kClosedRandomAccess;
    std::vector<uint8_t> bytes;
    media::ByteWriter writer(bytes);
    writer.U64(static_cast<uint64_t>(Now()));
    bytes.resize(std::max<size_t>(payload_bytes, 8), static_cast<uint8_t>(sequence));
    frame.payload = media::Payload::FromVector(std::move(bytes));
    publication->Send({&frame, 1});
  }

  std::unique_ptr<Publication> publication;
  std::optional<Grant> granted;
  std::optional<v1::RefusalReason> refused;
  bool lost = false;
  uint64_t sequence = 0;
};

class Sink : public SubscriptionObserver {
 public:
  void Start(Client& client, SubscribeOptions options = {}) {
    subscription = client.Subscribe(kStream, options, *this);
  }
  void OnWaiting() override { ++waits; }
  void OnTracks(uint64_t epoch, const media::TrackSet& tracks) override {
    track_sets.push_back(tracks);
  }
  void OnFrames(uint64_t epoch, bool random_access, std::vector<media::Frame> batch) override {
    for (media::Frame& frame : batch) {
      if (!frames.empty() && frame.sequence != frames.back().sequence + 1) in_order = false;
      media::ByteReader reader(frame.data());
      delays_ns.push_back(Now() - static_cast<int64_t>(reader.U64()));
      frames.push_back(std::move(frame));
    }
  }
  void OnSkipped(const Skip& skip) override { ++skips; }
  void OnEnded(v1::EndReason reason, const std::string& text) override { ended = reason; }
  uint64_t last() const { return frames.empty() ? 0 : frames.back().sequence; }

  std::unique_ptr<Subscription> subscription;
  std::vector<media::TrackSet> track_sets;
  std::vector<media::Frame> frames;
  std::vector<int64_t> delays_ns;
  std::optional<v1::EndReason> ended;
  bool in_order = true;
  int waits = 0;
  int skips = 0;
};

class ZmqClientTest : public testing::Test {
 protected:
  void StartRouter() {
    router::ServerOptions options;
    options.listen = "tcp://127.0.0.1:" + std::to_string(port_);
    auto started = router::Server::Start(options, log::Logger());
    ASSERT_TRUE(started.ok()) << started.status();
    router_ = *std::move(started);
    port_ = router_->port();
  }
  std::string endpoint() const { return "tcp://127.0.0.1:" + std::to_string(port_); }
  std::unique_ptr<Client> MakeClient(const std::string& node) {
    return MakeZmqClient(
        loop_, {.node = node, .incarnation = ++incarnation_, .endpoints = {endpoint()}}, metrics_);
  }
  bool RunUntil(const std::function<bool()>& done, std::chrono::milliseconds limit = 20s) {
    const auto end = Clock::now() + limit;
    while (!done()) {
      const auto now = Clock::now();
      if (now >= end) return false;
      loop_.restart();
      loop_.run_one_for(std::min<Clock::duration>(end - now, 100ms));
    }
    return true;
  }
  // One frame, then whatever has come of it.
  void SendAndRun(Source& source, size_t payload_bytes) {
    source.SendFrame(payload_bytes);
    RunUntil([] { return false; }, 2ms);
  }

  boost::asio::io_context loop_{1};
  metrics::Registry metrics_;
  std::unique_ptr<router::Server> router_;
  uint16_t port_ = 0;
  uint64_t incarnation_ = 100;
};

TEST_F(ZmqClientTest, PublishesDeliversAndSaysGoodbye) {
  StartRouter();
  auto in = MakeClient("in");
  auto out = MakeClient("out");
  EXPECT_FALSE(in->connected());
  Sink sink;
  sink.Start(*out);
  Source source;
  source.Start(*in);
  ASSERT_TRUE(RunUntil([&] { return source.granted.has_value(); }));
  EXPECT_TRUE(in->connected());
  ASSERT_TRUE(RunUntil([&] { return sink.track_sets.size() == 1; }));
  EXPECT_EQ(sink.waits, 1);
  for (int i = 0; i < 100; ++i) SendAndRun(source, i % 10 == 0 ? 30'000 : 1'000);
  ASSERT_TRUE(RunUntil([&] { return sink.last() == source.sequence; }));
  EXPECT_EQ(sink.frames.front().sequence, 1u);
  EXPECT_TRUE(sink.in_order);
  EXPECT_EQ(sink.skips, 0);
  std::ranges::sort(sink.delays_ns);
  std::printf("delay through the router: median %.3f ms, p99 %.3f ms\n",
              static_cast<double>(sink.delays_ns[50]) / 1e6,
              static_cast<double>(sink.delays_ns[98]) / 1e6);
  source.publication->Unpublish(false);
  ASSERT_TRUE(RunUntil([&] { return sink.ended.has_value(); }));
  EXPECT_EQ(*sink.ended, v1::END_UNPUBLISHED);
}

TEST_F(ZmqClientTest, FramesOutliveTheirClientAndSmallOnesPinNothing) {
  StartRouter();
  auto in = MakeClient("in");
  auto out = MakeClient("out");
  Sink sink;
  sink.Start(*out);
  Source source;
  source.Start(*in);
  ASSERT_TRUE(RunUntil([&] { return source.granted.has_value(); }));
  SendAndRun(source, 100'000);
  SendAndRun(source, 300);
  ASSERT_TRUE(RunUntil([&] { return sink.last() == 2; }));
  sink.subscription.reset();
  out.reset();
  EXPECT_EQ(sink.frames[0].payload.size(), 100'000u);
  EXPECT_EQ(sink.frames[0].payload.bytes()[99'999], 1);
  EXPECT_EQ(sink.frames[1].payload.size(), 300u);
  EXPECT_EQ(sink.frames[1].payload.bytes()[299], 2);
}

TEST_F(ZmqClientTest, RouterIsReplacedUnderALiveStream) {
  StartRouter();
  auto in = MakeClient("in");
  auto out = MakeClient("out");
  Sink sink;
  sink.Start(*out);
  Source source;
  source.Start(*in);
  ASSERT_TRUE(RunUntil([&] { return source.granted.has_value(); }));
  for (int i = 0; i < 50; ++i) SendAndRun(source, 2'000);
  router_.reset();
  for (int i = 0; i < 50; ++i) SendAndRun(source, 2'000);
  EXPECT_TRUE(RunUntil([&] { return !in->connected() && !out->connected(); }));
  StartRouter();
  for (int i = 0; i < 50; ++i) SendAndRun(source, 2'000);
  ASSERT_TRUE(RunUntil([&] { return sink.last() == source.sequence; }));
  EXPECT_TRUE(sink.in_order);
  EXPECT_EQ(sink.frames.size(), 150u);
  EXPECT_EQ(sink.skips, 0);
  EXPECT_FALSE(sink.ended.has_value());
  EXPECT_FALSE(source.refused.has_value() || source.lost);
  EXPECT_TRUE(RunUntil([&] {
    return metrics_.Expose().find("millrace_bus_reconnects_total 2") != std::string::npos;
  }));
}

TEST_F(ZmqClientTest, GoodbyeLeavesWithTheProcess) {
  StartRouter();
  auto in = MakeClient("in");
  auto out = MakeClient("out");
  Sink sink;
  sink.Start(*out);
  {
    Source source;
    source.Start(*in);
    ASSERT_TRUE(RunUntil([&] { return source.granted.has_value(); }));
    SendAndRun(source, 1'000);
    ASSERT_TRUE(RunUntil([&] { return sink.last() == 1; }));
    source.SendFrame(200'000);
    source.publication->Unpublish(false);
    in.reset();
  }
  ASSERT_TRUE(RunUntil([&] { return sink.ended.has_value(); }, 2s));
  EXPECT_EQ(sink.last(), 2u);
}

TEST_F(ZmqClientTest, ClientWaitsForARouterThatIsNotThereYet) {
  StartRouter();
  router_.reset();  // its port stays ours to use
  auto in = MakeClient("in");
  Source source;
  source.Start(*in);
  EXPECT_FALSE(RunUntil([&] { return source.granted.has_value(); }, 100ms));
  StartRouter();
  EXPECT_TRUE(RunUntil([&] { return source.granted.has_value(); }));
}

TEST_F(ZmqClientTest, TopologyOverrulesTheFirstEndpoints) {
  StartRouter();
  auto client = MakeZmqClient(
      loop_, {.node = "in", .incarnation = 1, .endpoints = {"tcp://127.0.0.1:1"}}, metrics_);
  Source source;
  source.Start(*client);
  EXPECT_FALSE(RunUntil([&] { return source.granted.has_value(); }, 50ms));
  v1::Topology topology;
  topology.set_term(1);
  topology.add_endpoints(endpoint());
  client->SetTopology(topology);
  EXPECT_TRUE(RunUntil([&] { return source.granted.has_value(); }));
}

TEST_F(ZmqClientTest, EndpointThatIsNoneDoesNoHarm) {
  auto client =
      MakeZmqClient(loop_, {.node = "in", .incarnation = 1, .endpoints = {"nonsense"}}, metrics_);
  Source source;
  source.Start(*client);
  EXPECT_FALSE(RunUntil([&] { return client->connected(); }, 50ms));
}

TEST_F(ZmqClientTest, WhatIsNoMessageIsIgnored) {
  zmq::context_t context;
  zmq::socket_t fake(context, zmq::socket_type::router);
  fake.bind("tcp://127.0.0.1:*");
  auto client = MakeZmqClient(
      loop_, {.node = "in", .incarnation = 1, .endpoints = {fake.get(zmq::sockopt::last_endpoint)}},
      metrics_);
  // Whatever the client says is answered with garbage, and a Hello with a welcome behind it.
  std::set<v1::Channel> greeted;  // a Hello may be repeated before its welcome is read
  const auto answer = [&] {
    zmq::message_t id;
    zmq::message_t body;
    while (fake.recv(id, zmq::recv_flags::dontwait).has_value()) {
      if (!fake.recv(body).has_value()) return;
      const auto say = [&](std::string_view text) {
        zmq::message_t to;
        to.copy(id);
        fake.send(to, zmq::send_flags::sndmore);
        fake.send(zmq::buffer(text), zmq::send_flags::none);
      };
      say("");
      say("MRB1");
      say("MRB1 and then nothing that is a batch");
      say("MRC1\xff\xff\xff");
      say("MRC1");
      say("hello?");
      zmq::message_t to;
      to.copy(id);
      fake.send(to, zmq::send_flags::sndmore);
      fake.send(zmq::str_buffer("MRC1"), zmq::send_flags::sndmore);
      fake.send(zmq::str_buffer("of two parts"), zmq::send_flags::none);
      const auto envelope = DecodeControl({static_cast<const uint8_t*>(body.data()), body.size()});
      ASSERT_TRUE(envelope.has_value());
      if (!envelope->has_hello()) continue;
      greeted.insert(envelope->hello().channel());
      v1::Envelope welcome;
      welcome.mutable_welcome()->set_router_incarnation(7);
      say(EncodeControl(welcome));
    }
  };
  EXPECT_TRUE(RunUntil([&] {
    answer();
    return client->connected() && greeted.size() == 2;
  }));
}

}  // namespace
}  // namespace millrace::bus
