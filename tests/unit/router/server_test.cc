// The process around the table, over real sockets.

#include "router/server.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "media/frame/batch.h"
#include "router/counters.h"
#include "runtime/metrics/registry.h"
#include "tests/unit/router/table_world.h"
#include "tests/unit/router/zmq_peer.h"

namespace millrace::router {
namespace {

using std::chrono::milliseconds;

// The body of a plain HTTP answer.
std::string Get(uint16_t port, const std::string& path) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) {
    const std::string request = "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    [[maybe_unused]] const ssize_t sent = write(fd, request.data(), request.size());
    char buffer[4096];
    ssize_t size = 0;
    while ((size = read(fd, buffer, sizeof(buffer))) > 0)
      answer.append(buffer, static_cast<size_t>(size));
  }
  close(fd);
  return answer;
}

struct ServerTest : testing::Test {
  void SetUp() override {
    auto started =
        Server::Start({.listen = "tcp://127.0.0.1:*", .metrics = "127.0.0.1:0"}, log::Logger());
    ASSERT_TRUE(started.ok()) << started.status();
    server = std::move(*started);
    context = zmq_ctx_new();
  }
  void TearDown() override {
    peers.clear();
    zmq_ctx_term(context);
  }
  ZmqPeer& Connect() {
    peers.push_back(
        std::make_unique<ZmqPeer>(context, "tcp://127.0.0.1:" + std::to_string(server->port())));
    return *peers.back();
  }
  ZmqPeer& Attach(const std::string& node) {
    ZmqPeer& peer = Connect();
    v1::Envelope hello;
    hello.mutable_hello()->set_node(node);
    hello.mutable_hello()->set_channel(v1::CHANNEL_MEDIA);
    peer.Send(hello);
    EXPECT_TRUE(peer.ReceiveControl().has_welcome());
    return peer;
  }
  v1::PublishGrant Publish(ZmqPeer& peer) {
    v1::Envelope publish;
    *publish.mutable_publish() = TableWorld::PublishOf(1);
    publish.mutable_publish()->mutable_held()->set_epoch(500);  // taken while settling
    peer.Send(publish);
    const v1::PublishGrant grant = peer.ReceiveControl().publish_grant();
    v1::Envelope tracks;
    tracks.mutable_track_set()->set_stream_id(grant.stream_id());
    tracks.mutable_track_set()->set_epoch(grant.epoch());
    tracks.mutable_track_set()->set_version(1);
    tracks.mutable_track_set()->set_first_sequence(1);
    peer.Send(tracks);
    return grant;
  }
  static SharedBatch BatchOf(const v1::PublishGrant& grant, uint64_t sequence, size_t payload) {
    return MakeBatch({.stream_id = grant.stream_id(),
                      .epoch = grant.epoch(),
                      .first = sequence,
                      .random_access = sequence == 1,
                      .payload = payload});
  }
  // Batches are received in order and byte for byte; other messages are passed over.
  static void ExpectBatches(ZmqPeer& peer, const std::vector<SharedBatch>& batches) {
    for (const SharedBatch& batch : batches) {
      while (true) {
        const auto message = peer.Receive();
        ASSERT_TRUE(message.has_value());
        if (bus::KindOfMessage(*message) != bus::MessageKind::kMedia) continue;
        ASSERT_TRUE(std::ranges::equal(*message, batch.bytes.bytes()));
        break;
      }
    }
  }
  static v1::Envelope SubscribeMessage() {
    v1::Envelope subscribe;
    *subscribe.mutable_subscribe() = TableWorld::SubscribeOf(1);
    return subscribe;
  }

  std::unique_ptr<Server> server;
  void* context = nullptr;
  std::vector<std::unique_ptr<ZmqPeer>> peers;
};

TEST_F(ServerTest, ForwardsLiveAndFromTheCache) {
  ZmqPeer& publisher = Attach("pub");
  ZmqPeer& live = Attach("live");
  live.Send(SubscribeMessage());
  ASSERT_TRUE(live.ReceiveControl().has_subscribe_grant());
  const v1::PublishGrant grant = Publish(publisher);
  // Small ones go into blocks, large ones are held as messages; tiny and huge ones too.
  std::vector<SharedBatch> batches;
  for (const size_t size :
       {size_t{500}, size_t{20'000}, size_t{0}, size_t{7'900}, size_t{3'000'000}}) {
    batches.push_back(BatchOf(grant, batches.size() + 1, size));
    publisher.Send(batches.back().bytes.bytes());
  }
  ExpectBatches(live, batches);
  ZmqPeer& late = Attach("late");
  late.Send(SubscribeMessage());
  EXPECT_TRUE(late.ReceiveControl().subscribe_grant().online());
  ExpectBatches(late, batches);
}

TEST_F(ServerTest, RubbishIsCountedAndIgnored) {
  ZmqPeer& peer = Attach("pub");
  peer.Send(media::AsBytes("GET / HTTP/1.1"));
  peer.Send(media::AsBytes("MRC1\xff\xff\xff"));
  peer.Send(media::Bytes());
  peer.Send(media::AsBytes("MRC1"), ZMQ_SNDMORE);
  peer.Send(media::AsBytes("a part too many"));
  v1::Envelope ping;
  ping.mutable_ping()->set_number(7);
  peer.Send(ping);
  EXPECT_EQ(peer.ReceiveControl().pong().number(), 7u);
  // Published with the next second's metrics.
  std::string metrics;
  for (int tries = 0; tries < 50; ++tries) {
    metrics = Get(server->metrics_port(), "/metrics");
    if (metrics.find("error=\"malformed\",protocol=\"bus\"} 4") != std::string::npos) break;
    EXPECT_FALSE(peer.Receive(milliseconds(100)).has_value());
  }
  EXPECT_NE(metrics.find("error=\"malformed\",protocol=\"bus\"} 4"), std::string::npos) << metrics;
}

TEST_F(ServerTest, AStrangerIsAskedForHello) {
  ZmqPeer& peer = Connect();
  peer.Send(SubscribeMessage());
  EXPECT_TRUE(peer.ReceiveControl().has_hello_required());
}

TEST_F(ServerTest, ALostSubscriberDelaysNobody) {
  ZmqPeer& publisher = Attach("pub");
  ZmqPeer& stays = Attach("stays");
  ZmqPeer& goes = Attach("goes");
  for (ZmqPeer* peer : {&stays, &goes}) {
    peer->Send(SubscribeMessage());
    ASSERT_TRUE(peer->ReceiveControl().has_subscribe_grant());
  }
  const v1::PublishGrant grant = Publish(publisher);
  std::vector<SharedBatch> batches;
  for (uint64_t sequence = 1; sequence <= 200; ++sequence) {
    if (sequence == 50) peers.pop_back();
    batches.push_back(BatchOf(grant, sequence, 2'000));
    publisher.Send(batches.back().bytes.bytes());
  }
  ExpectBatches(stays, batches);
}

TEST_F(ServerTest, ReadyUntilDrained) {
  EXPECT_NE(Get(server->metrics_port(), "/readyz").find("200 OK"), std::string::npos);
  ZmqPeer& peer = Attach("sub");
  peer.Send(SubscribeMessage());
  ASSERT_TRUE(peer.ReceiveControl().has_subscribe_grant());
  server->Drain();
  std::string ready;
  for (int tries = 0; tries < 100; ++tries) {
    ready = Get(server->metrics_port(), "/readyz");
    if (ready.find("503") != std::string::npos) break;
  }
  EXPECT_NE(ready.find("draining"), std::string::npos) << ready;
  // Still serving; gone when the last subscription is.
  v1::Envelope unsubscribe;
  v1::Envelope again = SubscribeMessage();
  peer.Send(again);
  const v1::SubscribeGrant grant = peer.ReceiveControl().subscribe_grant();
  ASSERT_NE(grant.stream_id(), 0u);
  unsubscribe.mutable_unsubscribe()->set_stream_id(grant.stream_id());
  peer.Send(unsubscribe);
  server->Join();
}

TEST_F(ServerTest, DelayBucketsAreThoseOfTheHistogram) {
  const std::vector<double>& bounds = metrics::DelayBounds();
  ASSERT_EQ(bounds.size(), kDelayBoundsNs.size());
  for (size_t i = 0; i < bounds.size(); ++i) {
    EXPECT_DOUBLE_EQ(bounds[i], static_cast<double>(kDelayBoundsNs[i]) * 1e-9);
  }
}

TEST(Server, SaysWhyItCannotStart) {
  const auto bad = Server::Start({.listen = "tcp://nonsense"}, log::Logger());
  EXPECT_EQ(bad.status().code(), absl::StatusCode::kInvalidArgument);
  const auto first = Server::Start({.listen = "tcp://127.0.0.1:*"}, log::Logger());
  ASSERT_TRUE(first.ok());
  const auto second = Server::Start(
      {.listen = "tcp://127.0.0.1:" + std::to_string((*first)->port())}, log::Logger());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace millrace::router
