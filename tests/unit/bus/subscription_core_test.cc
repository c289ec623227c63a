#include "runtime/bus/subscription_core.h"

#include <gtest/gtest.h>

#include <memory>

#include "runtime/bus/convert.h"
#include "runtime/bus/publication_core.h"
#include "tests/unit/bus/fake_port.h"

namespace millrace::bus {
namespace {

class SubscriptionCoreTest : public testing::Test, public SubscriptionObserver {
 protected:
  void SetUp() override { Make(); }
  void Make(SubscribeOptions options = {}) {
    core = std::make_unique<SubscriptionCore>(9, "live/a", options, *this, stats);
  }
  void OnWaiting() override { told += " waiting"; }
  void OnTracks(uint64_t epoch, const media::TrackSet& tracks) override {
    told += " epoch" + std::to_string(epoch) + "/" + std::to_string(tracks.version);
    if (on_tracks) on_tracks();
  }
  void OnFrames(uint64_t epoch, bool random_access, std::vector<media::Frame> frames) override {
    for (const media::Frame& frame : frames) {
      told += " " + std::to_string(frame.sequence) + (random_access ? "!" : "");
      random_access = false;
    }
  }
  void OnSkipped(const Skip& skip) override {
    told += " skip" + std::to_string(skip.from_sequence) + "-" + std::to_string(skip.to_sequence) +
            skip.reason;
  }
  void OnEnded(v1::EndReason reason, const std::string& text) override {
    told += " ended" + std::to_string(reason);
  }
  std::string Told() {
    std::string text = told.empty() ? "" : told.substr(1);
    told.clear();
    return text;
  }

  bool GrantIt(bool online = true) {
    v1::SubscribeGrant grant;
    grant.set_request_id(core->request_id());
    grant.set_stream_id(77);
    grant.set_online(online);
    return core->OnGrant(grant, now);
  }
  void GoLive() {
    core->Attach(port, now);
    GrantIt();
    port.Story();
  }
  void Tracks(uint64_t epoch, uint32_t version) {
    v1::TrackSetUpdate update;
    update.set_epoch(epoch);
    SetTracks({.version = version, .tracks = {{.id = 1}}}, update);
    core->OnTrackSet(update, now);
  }
  void Batch(uint64_t epoch, uint64_t first, uint32_t count = 1, bool random_access = false,
             uint32_t version = 1, size_t bytes = 10) {
    std::vector<media::Frame> frames(count);
    for (uint32_t i = 0; i < count; ++i) {
      frames[i].track = 1;
      frames[i].sequence = first + i;
      frames[i].dts_ns = static_cast<int64_t>(first + i) * 10;
      frames[i].pts_ns = frames[i].dts_ns + 5;
      frames[i].duration_ns = 10;
      frames[i].segment = 3;
      frames[i].gop = 4;
      frames[i].payload = media::Payload::FromVector(std::vector<uint8_t>(bytes, 1));
    }
    media::BatchHeader header{.stream_id = 77, .epoch = epoch};
    header.track_set_version = version;
    header.flags = random_access ? media::kBatchRandomAccess : 0;
    std::vector<uint8_t> message(media::EncodedBatchSize(frames));
    media::EncodeBatch(header, frames, message);
    const media::Payload payload = media::Payload::FromVector(std::move(message));
    core->OnBatch(*media::DecodeBatchHeader(payload.bytes()), payload, now);
  }
  void Skipped(uint64_t epoch, uint64_t from, uint64_t to) {
    v1::Skipped skipped;
    skipped.set_epoch(epoch);
    skipped.set_from_sequence(from);
    skipped.set_to_sequence(to);
    core->OnSkipped(skipped, now);
  }
  void Ended(uint64_t epoch, uint64_t last, v1::EndReason reason, uint64_t request = 0) {
    v1::StreamEnded ended;
    ended.set_request_id(request != 0 ? request : core->request_id());
    ended.set_epoch(epoch);
    ended.set_last_sequence(last);
    ended.set_reason(reason);
    core->OnEnded(ended, now);
  }
  void Pass(int64_t duration_ns) {
    now.mono_ns += duration_ns;
    core->OnTimer(now);
  }

  ClientStats stats;
  FakePort port;
  Instant now{10 * kSecond, 0};
  std::unique_ptr<SubscriptionCore> core;
  std::function<void()> on_tracks;
  std::string told;
};

TEST_F(SubscriptionCoreTest, AsksUntilGrantedAndWaits) {
  Make({.retention_ms = 500, .credit_bytes = 1'000});
  core->Attach(port, now);
  const v1::Subscribe subscribe = port.control.back().subscribe();
  EXPECT_EQ(subscribe.stream(), "live/a");
  EXPECT_EQ(subscribe.start(), v1::START_RANDOM_ACCESS);
  EXPECT_EQ(subscribe.retention_ms(), 500u);
  EXPECT_EQ(subscribe.credit_limit(), 1'000u);
  EXPECT_FALSE(subscribe.has_after());
  Pass(kRequestRetryNs);
  EXPECT_EQ(port.control.back().subscribe().request_id(), subscribe.request_id());
  EXPECT_TRUE(GrantIt(false));
  EXPECT_FALSE(GrantIt(false));
  EXPECT_EQ(Told(), "waiting");
  // Said once, whatever becomes of the connection.
  core->Detach();
  core->Attach(port, now);
  GrantIt(false);
  EXPECT_EQ(Told(), "");
  Tracks(5, 1);
  Batch(5, 1, 2, true);
  EXPECT_EQ(Told(), "epoch5/1 1! 2");
}

TEST_F(SubscriptionCoreTest, StartsAtRandomAccessOnly) {
  GoLive();
  Tracks(5, 1);
  Batch(5, 30);
  Batch(5, 31, 1, true);
  Batch(5, 32);
  EXPECT_EQ(Told(), "epoch5/1 31! 32");
  EXPECT_EQ(stats.sequence_gaps, 0u);
}

TEST_F(SubscriptionCoreTest, LiveStartTakesWhatComes) {
  Make({.start = v1::START_LIVE});
  GoLive();
  Tracks(5, 1);
  Batch(5, 30);
  EXPECT_EQ(Told(), "epoch5/1 30");
}

TEST_F(SubscriptionCoreTest, DeliversEachFrameOnce) {
  GoLive();
  Tracks(5, 1);
  Batch(5, 1, 2, true);
  Batch(5, 1, 2, true);
  Batch(5, 2);
  Batch(5, 2, 3);  // overlaps
  Tracks(5, 1);
  Batch(5, 5);
  EXPECT_EQ(Told(), "epoch5/1 1! 2 3 4 5");
  EXPECT_EQ(port.Story(), "");
}

TEST_F(SubscriptionCoreTest, GapIsAskedForBehindWhatWasDelivered) {
  GoLive();
  Tracks(5, 1);
  Batch(5, 1, 2, true);
  Pass(kSecond);
  Batch(5, 4);
  EXPECT_EQ(port.Story(), "subscribe");
  const v1::Subscribe again = port.control.back().subscribe();
  EXPECT_EQ(again.start(), v1::START_AFTER);
  EXPECT_EQ(again.after().epoch(), 5u);
  EXPECT_EQ(again.after().last_sequence(), 2u);
  EXPECT_EQ(again.after().dts_end_ns(), 30);
  EXPECT_EQ(again.after().pts_end_ns(), 35);
  EXPECT_EQ(again.after().next_segment(), 4u);
  EXPECT_EQ(again.after().next_gop(), 5u);
  Batch(5, 5);  // still of the request before
  GrantIt();
  Tracks(5, 1);
  Batch(5, 3, 2);
  EXPECT_EQ(Told(), "epoch5/1 1! 2 3 4");
  EXPECT_EQ(stats.sequence_gaps, 1u);
}

TEST_F(SubscriptionCoreTest, GapsDoNotMakeAStorm) {
  GoLive();
  Tracks(5, 1);
  Batch(5, 1, 1, true);
  Pass(kSecond);
  Batch(5, 3);
  GrantIt();
  Tracks(5, 1);
  port.Story();
  Batch(5, 3);
  EXPECT_EQ(port.Story(), "");
  Pass(kResubscribeMinNs);
  EXPECT_EQ(port.Story(), "subscribe");
}

TEST_F(SubscriptionCoreTest, UnknownTrackSetOrEpochIsAGap) {
  GoLive();
  Batch(5, 1, 1, true);
  Pass(kSecond);
  EXPECT_EQ(stats.sequence_gaps, 1u);
  GrantIt();
  Tracks(5, 1);
  Batch(5, 1, 1, true, /*version=*/2);
  EXPECT_EQ(stats.sequence_gaps, 2u);
  EXPECT_EQ(Told(), "epoch5/1");
}

TEST_F(SubscriptionCoreTest, FormatChangesRightBeforeItsFrames) {
  GoLive();
  Tracks(5, 1);
  Batch(5, 1, 1, true);
  Tracks(5, 2);
  EXPECT_EQ(Told(), "epoch5/1 1!");
  Batch(5, 2, 1, true, 2);
  EXPECT_EQ(Told(), "epoch5/2 2!");
}

TEST_F(SubscriptionCoreTest, ReplayOfWhatWasBeforeOurTracksIsNotForUs) {
  GoLive();
  Tracks(5, 2);
  core->Detach();
  core->Attach(port, now);
  GrantIt();
  Tracks(5, 1);
  Batch(5, 1, 1, true);
  Tracks(5, 2);
  Batch(5, 2, 1, false, 2);
  Batch(5, 3, 1, true, 2);
  EXPECT_EQ(Told(), "epoch5/2 3!");
}

TEST_F(SubscriptionCoreTest, NewEpochContinuesAndOldOnesAreOver) {
  GoLive();
  Tracks(5, 3);
  Batch(5, 1, 1, true, 3);
  Tracks(6, 1);
  Batch(6, 1, 1, true);
  Batch(5, 2, 1, false, 3);
  Tracks(5, 4);
  Batch(6, 2);
  Skipped(5, 2, 9);
  EXPECT_EQ(Told(), "epoch5/3 1! epoch6/1 1! 2");
  EXPECT_EQ(stats.sequence_gaps, 0u);
}

TEST_F(SubscriptionCoreTest, SkipLeadsToARandomAccessPoint) {
  GoLive();
  Tracks(5, 1);
  Batch(5, 1, 1, true);
  Skipped(5, 2, 9);
  Skipped(5, 2, 9);
  Batch(5, 10, 1, true);
  Batch(5, 11);
  EXPECT_EQ(Told(), "epoch5/1 1! skip2-9 10! 11");
}

TEST_F(SubscriptionCoreTest, SkipMayComeBeforeTheTracksOfItsEpoch) {
  GoLive();
  Tracks(5, 1);
  Batch(5, 1, 1, true);
  Skipped(6, 1, 4);
  Tracks(6, 1);
  Batch(6, 5, 1, true);
  EXPECT_EQ(Told(), "epoch5/1 1! epoch6/1 skip1-4 5!");
}

TEST_F(SubscriptionCoreTest, SkipThatLeavesAGapIsAGap) {
  GoLive();
  Tracks(5, 1);
  Batch(5, 1, 1, true);
  Skipped(5, 3, 9);
  EXPECT_EQ(Told(), "epoch5/1 1!");
  EXPECT_EQ(stats.sequence_gaps, 1u);
}

TEST_F(SubscriptionCoreTest, EndsAndBeginsAgain) {
  GoLive();
  Tracks(5, 1);
  Batch(5, 1, 1, true);
  Ended(5, 1, v1::END_UNPUBLISHED);
  Ended(5, 1, v1::END_UNPUBLISHED);
  EXPECT_EQ(Told(), "epoch5/1 1! ended1");
  Tracks(6, 1);
  Ended(5, 1, v1::END_UNPUBLISHED);  // late
  Batch(6, 1, 1, true);
  EXPECT_EQ(Told(), "epoch6/1 1!");
}

TEST_F(SubscriptionCoreTest, EndedStreamIsBackWhenAFrameIs) {
  GoLive();
  Tracks(5, 1);
  Batch(5, 1, 1, true);
  Ended(5, 1, v1::END_GRACE_EXPIRED);
  core->Detach();
  core->Attach(port, now);
  GrantIt(false);
  Tracks(5, 1);
  Told();
  Ended(5, 1, v1::END_GRACE_EXPIRED);
  EXPECT_EQ(Told(), "");
  Batch(5, 2);
  EXPECT_EQ(Told(), "epoch5/1 2");
}

TEST_F(SubscriptionCoreTest, EndTellsWhatIsMissingBeforeIt) {
  GoLive();
  Tracks(5, 1);
  Batch(5, 1, 1, true);
  Ended(5, 7, v1::END_GRACE_EXPIRED);
  EXPECT_EQ(Told(), "epoch5/1 1! skip2-7late ended2");
}

TEST_F(SubscriptionCoreTest, EndOfWhatNeverWasIsSilentUnlessKicked) {
  GoLive();
  Ended(5, 1, v1::END_GRACE_EXPIRED);
  EXPECT_EQ(Told(), "");
  Ended(5, 1, v1::END_KICKED);
  EXPECT_EQ(Told(), "ended3");
}

TEST_F(SubscriptionCoreTest, RouterThatLostTheSubscriptionIsAskedAgain) {
  GoLive();
  const uint64_t request = core->request_id();
  Ended(0, 0, v1::END_UNKNOWN_SUBSCRIPTION, request + 1);
  EXPECT_EQ(port.Story(), "");
  Ended(0, 0, v1::END_UNKNOWN_SUBSCRIPTION);
  EXPECT_EQ(port.Story(), "subscribe");
  EXPECT_NE(core->request_id(), request);
}

TEST_F(SubscriptionCoreTest, RaisesCreditByQuartersAndKeepsAlive) {
  Make({.credit_bytes = 1'000});
  GoLive();
  Tracks(5, 1);
  Batch(5, 1, 1, true, 1, 100 - 28);  // 200 bytes with its headers
  EXPECT_EQ(port.Story(), "");
  Batch(5, 1, 1, true, 1, 100 - 28);  // a double counts as well
  EXPECT_EQ(port.Story(), "credit");
  EXPECT_EQ(port.control.back().credit().limit(), 1'400u);
  EXPECT_EQ(port.control.back().credit().stream_id(), 77u);
  EXPECT_EQ(port.control.back().credit().request_id(), core->request_id());
  Pass(kCreditKeepAliveNs - 1);
  EXPECT_EQ(port.Story(), "");
  EXPECT_LE(core->NextDeadline(), now.mono_ns + 1 + kTickNs);
  Pass(1);
  EXPECT_EQ(port.Story(), "credit");
  // A new grant counts anew.
  core->Detach();
  core->Attach(port, now);
  GrantIt();
  EXPECT_EQ(port.control.back().subscribe().credit_limit(), 1'000u);
}

TEST_F(SubscriptionCoreTest, MarkTellsTheDelayFromTheRouter) {
  GoLive();
  Tracks(5, 1);
  port.offset_ns = 5 * kSecond;  // the router's clock is ahead
  now.wall_ns = 100 * kSecond;
  Batch(5, 1, 4, true);
  v1::Mark mark;
  mark.set_sequence(4);
  mark.set_router_wall_ns(105 * kSecond - 3 * kMillisecond);
  now.wall_ns += kSecond;  // read later than the batch
  core->OnMark(mark);
  ASSERT_EQ(stats.router_delay_seconds.size(), 1u);
  EXPECT_NEAR(stats.router_delay_seconds[0], 0.003, 1e-9);
  mark.set_sequence(5);
  core->OnMark(mark);
  EXPECT_EQ(stats.router_delay_seconds.size(), 1u);
  mark.set_sequence(4);
  mark.set_router_wall_ns(200 * kSecond);  // clocks that cannot be: never below zero
  core->OnMark(mark);
  EXPECT_EQ(stats.router_delay_seconds[1], 0.0);
}

TEST_F(SubscriptionCoreTest, NotOwnerIsAskedAgainLater) {
  GoLive();
  core->OnNotOwner(now);
  Tracks(5, 1);
  EXPECT_EQ(Told(), "");
  Pass(kOwnerRetryNs);
  EXPECT_EQ(port.Story(), "subscribe");
}

TEST_F(SubscriptionCoreTest, ForgetUnsubscribes) {
  GoLive();
  core->Forget();
  EXPECT_EQ(port.Story(), "unsubscribe");
  EXPECT_TRUE(core->finished());
  Tracks(5, 1);
  Batch(5, 1, 1, true);
  core->Attach(port, now);
  EXPECT_EQ(Told() + port.Story(), "");
  EXPECT_EQ(core->NextDeadline(), kNever);
}

TEST_F(SubscriptionCoreTest, ObserverMayLeaveWhileItIsTold) {
  GoLive();
  Tracks(5, 1);
  Batch(5, 1, 1, true);
  Ended(5, 1, v1::END_GRACE_EXPIRED);
  on_tracks = [this] { core->Forget(); };
  Told();
  Batch(5, 2);
  EXPECT_EQ(Told(), "epoch5/1");
  EXPECT_TRUE(core->finished());
}

TEST_F(SubscriptionCoreTest, SecondSubscriptionTakesItsPlace) {
  GoLive();
  core->OnReplaced();
  EXPECT_EQ(Told(), "ended4");
  EXPECT_TRUE(core->finished());
}

TEST_F(SubscriptionCoreTest, TracksThatCannotBeAreAGap) {
  GoLive();
  v1::TrackSetUpdate update;
  update.set_epoch(5);
  update.set_version(1);
  update.add_tracks()->set_kind(9);
  core->OnTrackSet(update, now);
  EXPECT_EQ(Told(), "");
  EXPECT_EQ(stats.sequence_gaps, 1u);
}

}  // namespace
}  // namespace millrace::bus
