// Who hears what: links, topology, request numbers, and the lifetime of handles. What happens on a
// whole cluster is in the simulations.

#include "runtime/bus/client_core.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <vector>

#include "runtime/bus/convert.h"
#include "runtime/bus/rendezvous.h"

namespace millrace::bus {
namespace {

constexpr char kA[] = "tcp://a:1";
constexpr char kB[] = "tcp://b:1";

struct Observer : PublicationObserver, SubscriptionObserver {
  void OnGranted(const Grant& grant) override {
    ++grants;
    if (act) act();
  }
  void OnRefused(v1::RefusalReason reason, const std::string& text) override { refused = reason; }
  void OnTracks(uint64_t epoch, const media::TrackSet& tracks) override {
    ++tracks_told;
    if (act) act();
  }
  void OnFrames(uint64_t epoch, bool random_access, std::vector<media::Frame> frames) override {}
  void OnSkipped(const Skip& skip) override {}
  void OnEnded(v1::EndReason reason, const std::string& text) override { ended = reason; }
  int grants = 0;
  int tracks_told = 0;
  std::optional<v1::RefusalReason> refused;
  std::optional<v1::EndReason> ended;
  std::function<void()> act;
};

class ClientCoreTest : public testing::Test, public Network {
 protected:
  void Open(LinkId link, const std::string& endpoint) override { links[endpoint] = link; }
  void Close(LinkId link) override {
    std::erase_if(links, [&](const auto& item) { return item.second == link; });
  }
  bool SendControl(LinkId link, v1::Channel channel, const v1::Envelope& message) override {
    if (!connected) return false;
    sent.push_back({link, channel, message});
    return true;
  }
  bool SendMedia(LinkId link, const BatchRef& batch) override {
    media_sent += connected;
    return connected;
  }
  void OnDeadline(int64_t deadline_ns) override { deadlines.push_back(deadline_ns); }

  void Topology(uint64_t term, std::vector<std::string> endpoints) {
    v1::Topology topology;
    topology.set_term(term);
    for (auto& endpoint : endpoints) topology.add_endpoints(endpoint);
    core->SetTopology(topology);
  }
  void Say(const std::string& endpoint, const v1::Envelope& message,
           v1::Channel channel = v1::CHANNEL_MEDIA) {
    core->OnControl(links.at(endpoint), channel, message, now);
  }
  void Welcome(const std::string& endpoint, uint64_t incarnation = 1) {
    core->OnConnected(links.at(endpoint), v1::CHANNEL_MEDIA, now);
    v1::Envelope message;
    message.mutable_welcome()->set_router_incarnation(incarnation);
    Say(endpoint, message);
  }
  void Pass(int64_t duration_ns) {
    now.mono_ns += duration_ns;
    now.wall_ns += duration_ns;
    core->OnTimer(now);
  }
  v1::Envelope GrantFor(const v1::Publish& publish, uint64_t epoch = 5, uint64_t term = 0) {
    v1::Envelope message;
    message.set_term(term);
    v1::PublishGrant& grant = *message.mutable_publish_grant();
    grant.set_request_id(publish.request_id());
    grant.set_stream_id(77);
    grant.set_epoch(epoch);
    grant.set_credit_limit(1 << 20);
    return message;
  }
  // The last message of that kind, and how many there were.
  const v1::Envelope* Last(v1::Envelope::MessageCase what, size_t* count = nullptr) {
    const v1::Envelope* last = nullptr;
    for (const auto& item : sent) {
      if (item.message.message_case() != what) continue;
      last = &item.message;
      if (count != nullptr) ++*count;
    }
    return last;
  }
  size_t Count(v1::Envelope::MessageCase what) {
    size_t count = 0;
    Last(what, &count);
    return count;
  }

  struct Sent {
    LinkId link;
    v1::Channel channel;
    v1::Envelope message;
  };
  bool connected = true;
  Instant now{kSecond, 100 * kSecond};
  std::map<std::string, LinkId> links;
  std::vector<Sent> sent;
  int media_sent = 0;
  std::vector<int64_t> deadlines;
  Observer observer;
  Observer other;
  std::unique_ptr<ClientCore> core =
      std::make_unique<ClientCore>(NodeIdentity{"n", 3}, *this, [this] { return now; });
};

TEST_F(ClientCoreTest, WaitsForATopologyAndForAWelcome) {
  const auto publication = core->Publish("live/a", {}, observer);
  EXPECT_FALSE(core->connected());
  Topology(1, {kA});
  EXPECT_EQ(Count(v1::Envelope::kPublish), 0u);
  Welcome(kA);
  EXPECT_TRUE(core->connected());
  ASSERT_EQ(Count(v1::Envelope::kPublish), 1u);
  EXPECT_EQ(Last(v1::Envelope::kPublish)->term(), 1u);
  Say(kA, GrantFor(Last(v1::Envelope::kPublish)->publish()));
  EXPECT_EQ(observer.grants, 1);
}

TEST_F(ClientCoreTest, DeadlinesAreTold) {
  Topology(1, {kA});
  EXPECT_FALSE(deadlines.empty());
  Pass(0);
  Welcome(kA);
  Pass(0);
  deadlines.clear();
  const auto publication = core->Publish("live/a", {}, observer);
  EXPECT_LE(core->NextDeadline(), now.mono_ns + kSecond);
  core->OnTimer(now);
  EXPECT_TRUE(deadlines.empty()) << "whoever calls OnTimer asks for the next deadline";
}

TEST_F(ClientCoreTest, OlderTopologiesAreIgnored) {
  Topology(5, {kA});
  Topology(5, {kB});
  Topology(4, {kB});
  EXPECT_EQ(links.size(), 1u);
  EXPECT_EQ(core->term(), 5u);
  Topology(6, {kB, kB});
  EXPECT_EQ(links.size(), 1u);
  EXPECT_TRUE(links.contains(kB));
}

TEST_F(ClientCoreTest, GrantThatComesAfterItsAskerLeftIsGivenBack) {
  Topology(1, {kA});
  Welcome(kA);
  auto publication = core->Publish("live/a", {}, observer);
  const v1::Publish publish = Last(v1::Envelope::kPublish)->publish();
  publication.reset();
  EXPECT_EQ(core->publications(), 0u);
  Say(kA, GrantFor(publish));
  ASSERT_EQ(Count(v1::Envelope::kUnpublish), 1u);
  EXPECT_EQ(Last(v1::Envelope::kUnpublish)->unpublish().epoch(), 5u);
  EXPECT_EQ(Last(v1::Envelope::kUnpublish)->unpublish().stream_id(), 77u);

  auto subscription = core->Subscribe("live/a", {}, observer);
  v1::Envelope grant;
  grant.mutable_subscribe_grant()->set_request_id(
      Last(v1::Envelope::kSubscribe)->subscribe().request_id());
  subscription.reset();
  Say(kA, grant);
  EXPECT_EQ(Count(v1::Envelope::kUnsubscribe), 1u);
}

TEST_F(ClientCoreTest, RouterOfAnOlderTermIsNotBelieved) {
  Topology(7, {kA});
  Welcome(kA);
  const auto publication = core->Publish("live/a", {}, observer);
  const v1::Publish publish = Last(v1::Envelope::kPublish)->publish();
  Say(kA, GrantFor(publish, 5, /*term=*/6));
  EXPECT_EQ(observer.grants, 0);
  Pass(kSecond / 4);
  EXPECT_EQ(Count(v1::Envelope::kPublish), 2u);
  // One without a topology is: it came up while the control plane was away.
  Say(kA, GrantFor(Last(v1::Envelope::kPublish)->publish(), 5, 0));
  EXPECT_EQ(observer.grants, 1);
}

TEST_F(ClientCoreTest, StreamThatStaysBelievesItsRouterAlsoBeforeTheNewTopologyReachesIt) {
  std::string staying = "live/0";
  for (int i = 0; OwnerIndex(std::vector<std::string>{kA, kB}, staying) != 0; ++i) {
    staying = "live/" + std::to_string(i);
  }
  Topology(7, {kA});
  Welcome(kA);
  const auto publication = core->Publish(staying, {}, observer);
  const v1::Publish publish = Last(v1::Envelope::kPublish)->publish();
  Topology(8, {kA, kB});
  Say(kA, GrantFor(publish, 5, 7));
  EXPECT_EQ(observer.grants, 1);
}

TEST_F(ClientCoreTest, NewPublicationWaitsForTheGoodbyeOfTheLast) {
  Topology(1, {kA});
  Welcome(kA);
  auto first = core->Publish("live/a", {}, observer);
  Say(kA, GrantFor(Last(v1::Envelope::kPublish)->publish()));
  core->OnDisconnected(links.at(kA), v1::CHANNEL_MEDIA, now);
  first->Unpublish(false);
  first.reset();
  sent.clear();
  const auto second = core->Publish("live/a", {}, other);
  Welcome(kA, 2);
  EXPECT_EQ(Count(v1::Envelope::kPublish), 1u);
  EXPECT_TRUE(Last(v1::Envelope::kPublish)->publish().has_held());
  Say(kA, GrantFor(Last(v1::Envelope::kPublish)->publish()));
  // The goodbye has been said: in order behind it the name is free.
  EXPECT_EQ(Count(v1::Envelope::kUnpublish), 1u);
  EXPECT_EQ(Count(v1::Envelope::kPublish), 2u);
  EXPECT_FALSE(Last(v1::Envelope::kPublish)->publish().has_held());
  Say(kA, GrantFor(Last(v1::Envelope::kPublish)->publish(), 6));
  EXPECT_EQ(other.grants, 1);
  v1::Envelope pong;
  pong.mutable_pong()->set_number(Last(v1::Envelope::kPing)->ping().number());
  pong.mutable_pong()->set_router_incarnation(2);
  Say(kA, pong);
  EXPECT_EQ(core->publications(), 1u);
}

TEST_F(ClientCoreTest, RefusalFindsItsPublicationByStreamAndEpoch) {
  Topology(1, {kA});
  Welcome(kA);
  const auto first = core->Publish("live/a", {}, observer);
  Say(kA, GrantFor(Last(v1::Envelope::kPublish)->publish(), 5));
  const auto second = core->Publish("live/a", {}, other);
  Say(kA, GrantFor(Last(v1::Envelope::kPublish)->publish(), 6));
  v1::Envelope message;
  v1::PublishRefused& refused = *message.mutable_publish_refused();
  refused.set_stream_id(77);
  refused.set_epoch(5);
  refused.set_reason(v1::REFUSAL_REPLACED);
  Say(kA, message);
  EXPECT_EQ(observer.refused, v1::REFUSAL_REPLACED);
  EXPECT_FALSE(other.refused.has_value());
}

TEST_F(ClientCoreTest, SecondSubscriptionOfAStreamReplacesTheFirst) {
  Topology(1, {kA});
  Welcome(kA);
  const auto first = core->Subscribe("live/a", {}, observer);
  const auto second = core->Subscribe("live/a", {}, other);
  EXPECT_EQ(observer.ended, v1::END_UNKNOWN_SUBSCRIPTION);
  EXPECT_EQ(core->subscriptions(), 1u);
}

TEST_F(ClientCoreTest, HandlesMayOutliveTheClient) {
  Topology(1, {kA});
  Welcome(kA);
  const auto publication = core->Publish("live/a", {}, observer);
  Say(kA, GrantFor(Last(v1::Envelope::kPublish)->publish()));
  const auto subscription = core->Subscribe("live/a", {}, observer);
  core.reset();
  publication->SetTracks({.version = 1, .tracks = {}});
  publication->Send({});
  publication->Unpublish(false);
}

TEST_F(ClientCoreTest, ObserverMayDoAnythingWhileItIsTold) {
  Topology(1, {kA});
  Welcome(kA);
  std::unique_ptr<Publication> publication = core->Publish("live/a", {}, observer);
  std::unique_ptr<Publication> more;
  observer.act = [&] {
    publication.reset();
    more = core->Publish("live/a", {}, other);
    Topology(2, {kB});  // closes the very link that this came from
  };
  const v1::Envelope grant = GrantFor(Last(v1::Envelope::kPublish)->publish());
  Say(kA, grant);
  EXPECT_FALSE(links.contains(kA));
  EXPECT_EQ(core->publications(), 2u);
  Pass(20 * kSecond);
  EXPECT_EQ(core->publications(), 1u) << "the goodbye found no router in time";
}

TEST_F(ClientCoreTest, BrokenSendDetachesTheStreamsOfItsRouter) {
  Topology(1, {kA});
  Welcome(kA);
  const auto publication = core->Publish("live/a", {}, observer);
  Say(kA, GrantFor(Last(v1::Envelope::kPublish)->publish()));
  connected = false;
  publication->SetTracks({.version = 1, .tracks = {}});
  EXPECT_FALSE(core->connected());
  connected = true;
  sent.clear();
  Welcome(kA);
  EXPECT_TRUE(Last(v1::Envelope::kPublish)->publish().has_held());
  EXPECT_EQ(core->stats().reconnects, 1u);
}

TEST_F(ClientCoreTest, WhatNobodyAskedForIsIgnored) {
  Topology(1, {kA});
  v1::Envelope message;
  message.mutable_track_set()->set_stream_id(1);
  Say(kA, message);  // before the welcome
  Welcome(kA);
  const auto subscription = core->Subscribe("live/a", {}, observer);
  for (int i = 0; i < 3; ++i) {
    Say(kA, message, i == 0 ? v1::CHANNEL_LEASE : v1::CHANNEL_MEDIA);
    for (auto* made : {message.mutable_skipped()}) made->set_stream_id(1);
  }
  message.mutable_stream_ended()->set_request_id(123);
  Say(kA, message);
  message.mutable_ack()->set_stream_id(5);
  Say(kA, message);
  message.mutable_publish();
  Say(kA, message);
  core->OnMedia(links.at(kA), media::Payload::Copy(media::AsBytes("MRB1")), now);
  core->OnMedia(99, media::Payload(), now);
  core->OnControl(99, v1::CHANNEL_MEDIA, message, now);
  core->OnConnected(99, v1::CHANNEL_MEDIA, now);
  core->OnDisconnected(99, v1::CHANNEL_MEDIA, now);
  EXPECT_EQ(observer.tracks_told, 0);
  EXPECT_FALSE(observer.ended.has_value());
}

}  // namespace
}  // namespace millrace::bus
