// Bytes that proto/README.md prints: other languages check themselves against them.

#include <gtest/gtest.h>

#include "runtime/bus/control.h"
#include "runtime/bus/rendezvous.h"
#include "tests/support/hex.h"
#include "tests/support/seeds.h"
#include "tests/unit/router/table_world.h"

namespace millrace::bus {
namespace {

void ExpectBytes(const std::string& name, const v1::Envelope& envelope, const std::string& hex) {
  SCOPED_TRACE(name);
  const std::string message = EncodeControl(envelope);
  const std::vector<uint8_t> bytes(message.begin(), message.end());
  EXPECT_EQ(bytes, tests::Hex(hex));
  const auto decoded = DecodeControl(bytes);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->SerializeAsString(), envelope.SerializeAsString());
  tests::WriteSeed("bus_wire_fuzz", "control_" + name, bytes);
}

TEST(Wire, ControlMessagesAsTheContractPrintsThem) {
  v1::Envelope hello;
  hello.set_term(7);
  hello.mutable_hello()->set_node("rtmp-1");
  hello.mutable_hello()->set_incarnation(300);
  hello.mutable_hello()->set_channel(v1::CHANNEL_MEDIA);
  hello.mutable_hello()->set_protocol_version(1);
  ExpectBytes("hello", hello, "'MRC1' 08 07 12 0f 0a 06 'rtmp-1' 10 ac 02 18 01 20 01");

  v1::Envelope subscribe;
  subscribe.mutable_subscribe()->set_request_id(5);
  subscribe.mutable_subscribe()->set_stream("live/cam1");
  subscribe.mutable_subscribe()->set_start(v1::START_AFTER);
  subscribe.mutable_subscribe()->mutable_after()->set_epoch(1'700'000'000'000);
  subscribe.mutable_subscribe()->mutable_after()->set_last_sequence(1000);
  subscribe.mutable_subscribe()->set_credit_limit(32u << 20);
  ExpectBytes("subscribe", subscribe,
              "'MRC1' 52 20 08 05 12 09 'live/cam1' 18 03"
              " 22 0a 08 80d0 95ff bc31 10 e8 07 30 80 80 80 10");

  v1::Envelope credit;
  credit.set_term(7);
  credit.mutable_credit()->set_stream_id(0x0123456789ABCDEF);
  credit.mutable_credit()->set_request_id(5);
  credit.mutable_credit()->set_limit(64u << 20);
  ExpectBytes("credit", credit,
              "'MRC1' 08 07 62 11 08 ef 9b af cd f8 ac d1 91 01 10 05 18 80 80 80 20");
}

// A whole conversation as a seed: each message behind who says it and how long it is.
TEST(Wire, ConversationSeed) {
  router::TableWorld world;
  world.Advance(2'000);
  std::vector<uint8_t> seed;
  media::ByteWriter writer(seed);
  const auto say = [&](uint8_t from, const std::string& message) {
    writer.U8(from - 1);
    writer.U16(static_cast<uint16_t>(message.size()));
    writer.Text(message);
  };
  for (uint8_t from = 1; from <= 2; ++from) {
    v1::Envelope hello;
    hello.mutable_hello()->set_node("n" + std::to_string(from));
    hello.mutable_hello()->set_channel(v1::CHANNEL_MEDIA);
    say(from, EncodeControl(hello));
  }
  v1::Envelope subscribe;
  *subscribe.mutable_subscribe() = router::TableWorld::SubscribeOf(1);
  say(2, EncodeControl(subscribe));
  v1::Envelope publish;
  *publish.mutable_publish() = router::TableWorld::PublishOf(1);
  publish.mutable_publish()->mutable_held()->set_epoch(500);
  say(1, EncodeControl(publish));
  // The ids of a table of incarnation 1, as the fuzz target makes it.
  struct Listener : router::Outbox {
    void SendControl(router::ConnectionId, const v1::Envelope& envelope) override {
      if (envelope.has_publish_grant()) stream_id = envelope.publish_grant().stream_id();
    }
    void SendMedia(router::ConnectionId, const router::SharedBatch&) override {}
    uint64_t stream_id = 0;
  } listener;
  router::Table table({}, listener, world.now);
  v1::Envelope hello;
  hello.mutable_hello()->set_node("n1");
  hello.mutable_hello()->set_channel(v1::CHANNEL_MEDIA);
  table.OnControl(1, hello, world.now);
  table.OnControl(1, publish, world.now);
  ASSERT_NE(listener.stream_id, 0u);
  v1::Envelope tracks;
  tracks.mutable_track_set()->set_stream_id(listener.stream_id);
  tracks.mutable_track_set()->set_epoch(500);
  tracks.mutable_track_set()->set_version(1);
  tracks.mutable_track_set()->set_first_sequence(1);
  say(1, EncodeControl(tracks));
  for (uint64_t sequence = 1; sequence <= 4; ++sequence) {
    const router::SharedBatch batch = router::MakeBatch({.stream_id = listener.stream_id,
                                                         .epoch = 500,
                                                         .first = sequence,
                                                         .random_access = sequence % 3 == 1,
                                                         .payload = 20});
    say(1, std::string(media::AsText(batch.bytes.bytes())));
  }
  v1::Envelope unpublish;
  unpublish.mutable_unpublish()->set_stream_id(listener.stream_id);
  unpublish.mutable_unpublish()->set_epoch(500);
  say(1, EncodeControl(unpublish));
  tests::WriteSeed("bus_wire_fuzz", "conversation", seed);
}

TEST(Wire, OwnersAsTheContractPrintsThem) {
  const std::vector<std::string> endpoints = {"tcp://10.0.0.1:5555", "tcp://10.0.0.2:5555"};
  struct Case {
    const char* stream;
    uint64_t first, second;
  };
  for (const Case& c : {Case{"live/cam1", 0x83eaf2ef82aa5056, 0x509ae9b6efa8a048},
                        Case{"live/cam2", 0x73f871cb068488b2, 0xc6fc5ff2eb84f8a7},
                        Case{"site3/gate/cam1", 0xffc4321ac55295b5, 0x489d635dd90b8a91}}) {
    EXPECT_EQ(RendezvousScore(endpoints[0], c.stream), c.first);
    EXPECT_EQ(RendezvousScore(endpoints[1], c.stream), c.second);
    EXPECT_EQ(OwnerIndex(endpoints, c.stream), c.first > c.second ? 0u : 1u);
  }
}

TEST(Wire, MessagesAreToldApartByTheirFirstBytes) {
  EXPECT_EQ(KindOfMessage(media::AsBytes("MRC1")), MessageKind::kControl);
  EXPECT_EQ(KindOfMessage(media::AsBytes("MRB1....")), MessageKind::kMedia);
  for (const char* other : {"", "MRC", "MRC2", "mrb1", "HTTP"}) {
    EXPECT_EQ(KindOfMessage(media::AsBytes(other)), MessageKind::kUnknown) << other;
  }
  EXPECT_FALSE(DecodeControl(media::AsBytes("MRC1")).has_value()) << "without content";
  EXPECT_FALSE(DecodeControl(media::AsBytes("MRC1\xff\xff")).has_value());
}

}  // namespace
}  // namespace millrace::bus
