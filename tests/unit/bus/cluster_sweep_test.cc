// One short broadcast, and each way to break something after each single message of it.

#include <gtest/gtest.h>

#include <functional>

#include "tests/support/sim/actors.h"
#include "tests/support/sim/cluster.h"

namespace millrace::sim {
namespace {

constexpr char kRouter[] = "tcp://router-a:5555";
constexpr char kStream[] = "live/one";

// A subscriber waits, a publisher comes, another subscriber joins, the publisher says goodbye.
class Broadcast {
 public:
  Broadcast() : cluster_({.seed = 7, .network = {}, .router = {}}) {
    cluster_.SetTopology(1, {kRouter}, 0);
    cluster_.StartRouter(kRouter);
    for (const char* name : {"in", "out", "late"}) cluster_.StartNode(name);
    early = std::make_unique<Subscriber>(cluster_, ledger, "out", kStream);
    cluster_.After(1'100 * kMs, [this] { Publish(); });
    cluster_.After(2'000 * kMs, [this] {
      late = std::make_unique<Subscriber>(cluster_, ledger, "late", kStream);
    });
    cluster_.After(3'000 * kMs, [this] { SayGoodbye(); });
  }

  Cluster& cluster() { return cluster_; }

  void Publish() {
    if (cluster_.node("in") == nullptr) return;
    publisher = std::make_unique<Publisher>(cluster_, ledger, "in",
                                            PublisherOptions{.frame_ns = 50 * kMs,
                                                             .frames_per_gop = 8,
                                                             .payload_bytes = 64,
                                                             .key_payload_bytes = 500,
                                                             .tracks_change_every = 2});
    publishers.push_back(publisher.get());
    owned_.push_back(std::move(publisher));
    current = publishers.back();
  }
  void SayGoodbye() {
    if (current != nullptr && cluster_.node("in") != nullptr) current->Unpublish(false);
    said_goodbye = true;
  }
  // An encoder that leaves before the router has granted anything has published nothing.
  bool published() const { return current != nullptr && current->last_sequence() > 0; }
  bool Over() const {
    // Whoever came to an empty stream has no end to hear of.
    const auto over = [](const Subscriber& viewer) {
      return viewer.ended() || viewer.epoch() == 0;
    };
    return said_goodbye && over(*early) && late != nullptr && over(*late);
  }
  // To the end and a while beyond it; returns whether everybody heard of the end.
  bool Finish() {
    cluster_.RunFor(3'001 * kMs);
    cluster_.RunUntil([this] { return Over(); }, 40 * kSec);
    // What comes late must do no harm.
    cluster_.RunFor(8 * kSec);
    return Over();
  }

  Ledger ledger;
  std::unique_ptr<Publisher> publisher;
  std::vector<Publisher*> publishers;
  Publisher* current = nullptr;
  std::unique_ptr<Subscriber> early;
  std::unique_ptr<Subscriber> late;
  bool said_goodbye = false;

 private:
  Cluster cluster_;
  std::vector<std::unique_ptr<Publisher>> owned_;
};

uint64_t MessagesOfAnUndisturbedBroadcast() {
  Broadcast broadcast;
  EXPECT_TRUE(broadcast.Finish());
  EXPECT_EQ(broadcast.early->last_sequence(), broadcast.current->last_sequence());
  return broadcast.cluster().delivered();
}

void ExpectComplete(const Broadcast& broadcast, const Subscriber& viewer) {
  const Publisher& publisher = *broadcast.current;
  EXPECT_EQ(viewer.epoch(), publisher.epoch());
  EXPECT_EQ(viewer.last_sequence(), publisher.last_sequence());
  for (const bus::Skip& skip : viewer.skips()) {
    ADD_FAILURE() << "skipped " << skip.from_sequence << " to " << skip.to_sequence << ": "
                  << skip.reason;
  }
}

// Runs the broadcast once for each message, with `act` after that message.
void Sweep(const std::function<void(Broadcast&)>& act,
           const std::function<void(const Broadcast&)>& check) {
  const uint64_t messages = MessagesOfAnUndisturbedBroadcast();
  ASSERT_GT(messages, 100u);
  for (uint64_t at = 1; at <= messages; ++at) {
    Broadcast broadcast;
    broadcast.cluster().OnEachDelivery([&](uint64_t count) {
      if (count == at) broadcast.cluster().After(0, [&] { act(broadcast); });
    });
    const bool over = broadcast.Finish();
    EXPECT_TRUE(over) << "somebody was not told of the end";
    check(broadcast);
    for (const std::string& text : broadcast.ledger.violations) ADD_FAILURE() << text;
    if (testing::Test::HasFailure()) {
      FAIL() << "after message " << at << " of " << messages;
    }
  }
}

void NothingIsMissing(const Broadcast& broadcast) {
  ASSERT_NE(broadcast.current, nullptr);
  EXPECT_FALSE(broadcast.current->refused());
  if (!broadcast.published()) return;
  EXPECT_EQ(broadcast.current->lost(), 0u);
  ExpectComplete(broadcast, *broadcast.early);
  ASSERT_FALSE(broadcast.early->epochs().empty());
  EXPECT_EQ(broadcast.early->epochs().begin()->second.first, 1u);
  if (broadcast.late->epoch() != 0) ExpectComplete(broadcast, *broadcast.late);
  EXPECT_EQ(broadcast.early->ends(), 1);
}

TEST(ClusterSweepTest, RouterIsKilledAndStartedAgain) {
  Sweep(
      [](Broadcast& broadcast) {
        broadcast.cluster().KillRouter(kRouter);
        broadcast.cluster().After(150 * kMs, [&] { broadcast.cluster().StartRouter(kRouter); });
      },
      NothingIsMissing);
}

TEST(ClusterSweepTest, RouterIsAwayLongerThanALease) {
  Sweep(
      [](Broadcast& broadcast) {
        broadcast.cluster().KillRouter(kRouter);
        broadcast.cluster().After(4 * kSec, [&] { broadcast.cluster().StartRouter(kRouter); });
      },
      NothingIsMissing);
}

TEST(ClusterSweepTest, PublisherConnectionBreaks) {
  Sweep([](Broadcast& broadcast) { broadcast.cluster().Break("in", kRouter, v1::CHANNEL_MEDIA); },
        NothingIsMissing);
}

TEST(ClusterSweepTest, SubscriberConnectionBreaks) {
  Sweep([](Broadcast& broadcast) { broadcast.cluster().Break("out", kRouter, v1::CHANNEL_MEDIA); },
        NothingIsMissing);
}

TEST(ClusterSweepTest, LeaseConnectionsBreak) {
  Sweep(
      [](Broadcast& broadcast) {
        broadcast.cluster().Break("in", kRouter, v1::CHANNEL_LEASE);
        broadcast.cluster().Break("out", kRouter, v1::CHANNEL_LEASE);
      },
      NothingIsMissing);
}

TEST(ClusterSweepTest, SubscriberStopsForLongerThanItsLease) {
  Sweep(
      [](Broadcast& broadcast) {
        // Stopped before it ever heard of the stream, it would have nothing to wait for.
        if (broadcast.early->epoch() == 0) return;
        broadcast.cluster().Pause("out");
        broadcast.cluster().After(3'500 * kMs, [&] { broadcast.cluster().Resume("out"); });
      },
      NothingIsMissing);
}

TEST(ClusterSweepTest, PublisherStopsForLongerThanItsLease) {
  Sweep(
      [](Broadcast& broadcast) {
        if (broadcast.current == nullptr) return;
        broadcast.cluster().Pause("in");
        broadcast.cluster().After(3'500 * kMs, [&] { broadcast.cluster().Resume("in"); });
      },
      NothingIsMissing);
}

TEST(ClusterSweepTest, SubscriberNodeIsKilledAndStartedAgain) {
  Sweep(
      [](Broadcast& broadcast) {
        broadcast.cluster().KillNode("out");
        broadcast.early->Abandon();
        broadcast.cluster().After(100 * kMs, [&] {
          broadcast.cluster().StartNode("out");
          broadcast.early =
              std::make_unique<Subscriber>(broadcast.cluster(), broadcast.ledger, "out", kStream);
        });
      },
      [](const Broadcast& broadcast) {
        if (broadcast.late != nullptr) ExpectComplete(broadcast, *broadcast.late);
      });
}

TEST(ClusterSweepTest, PublisherNodeIsKilledAndPublishesAgain) {
  Sweep(
      [](Broadcast& broadcast) {
        if (broadcast.said_goodbye) return;
        broadcast.cluster().KillNode("in");
        if (broadcast.current != nullptr) broadcast.current->Abandon();
        broadcast.cluster().After(200 * kMs, [&] {
          broadcast.cluster().StartNode("in");
          broadcast.Publish();
          if (broadcast.said_goodbye) {
            broadcast.cluster().After(500 * kMs, [&] { broadcast.SayGoodbye(); });
          }
        });
      },
      [](const Broadcast& broadcast) { ExpectComplete(broadcast, *broadcast.early); });
}

}  // namespace
}  // namespace millrace::sim
