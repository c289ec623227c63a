#include "runtime/bus/publication_core.h"

#include <gtest/gtest.h>

#include <memory>

#include "tests/unit/bus/fake_port.h"

namespace millrace::bus {
namespace {

constexpr uint64_t kEpoch = 1'000;

class PublicationCoreTest : public testing::Test, public PublicationObserver {
 protected:
  void Make(PublishOptions options = {}) {
    core = std::make_unique<PublicationCore>(9, "live/a", options, *this, stats);
  }
  void OnGranted(const Grant& grant) override {
    granted = grant;
    if (on_granted) on_granted();
  }
  void OnRefused(v1::RefusalReason reason, const std::string& text) override {
    refused = reason;
    if (on_refused) on_refused();
  }
  void OnLost(uint64_t from, uint64_t to) override { losses.emplace_back(from, to); }

  bool GrantIt(uint64_t have = 0, uint64_t credit = 1 << 20, uint64_t stream_id = 77) {
    v1::PublishGrant grant;
    grant.set_request_id(core->request_id());
    grant.set_stream_id(stream_id);
    grant.set_epoch(kEpoch);
    grant.set_have_sequence(have);
    grant.set_credit_limit(credit);
    return core->OnGrant(grant, now);
  }
  void Refuse(v1::RefusalReason reason, uint32_t retry_after_ms = 0) {
    v1::PublishRefused message;
    message.set_request_id(core->request_id());
    message.set_reason(reason);
    message.set_retry_after_ms(retry_after_ms);
    core->OnRefused(message, now);
  }
  void SetTracks() {
    media::TrackSet tracks{.version = ++version, .tracks = {}};
    tracks.tracks.push_back({.id = 1, .kind = media::TrackKind::kVideo});
    tracks.tracks.push_back({.id = 2, .kind = media::TrackKind::kAudio});
    core->SetTracks(tracks, now);
  }
  media::Frame MakeFrame(bool key, size_t bytes = 100) {
    media::Frame frame;
    frame.track = 1;
    frame.sequence = ++sequence;
    frame.flags = key ? media::kClosedRandomAccess : 0;
    frame.segment = 5;
    frame.gop = 6;
    frame.discontinuity_sequence = 2;
    frame.dts_ns = static_cast<int64_t>(sequence) * 10;
    frame.pts_ns = frame.dts_ns + 5;
    frame.duration_ns = 10;
    frame.payload = media::Payload::FromVector(std::vector<uint8_t>(bytes, 1));
    return frame;
  }
  void Send(bool key, size_t bytes = 100) {
    const media::Frame frame = MakeFrame(key, bytes);
    core->Send({&frame, 1}, now);
  }
  void Attach() { core->Attach(port, now); }
  void GoLive() {
    Attach();
    GrantIt();
    SetTracks();
    port.Story();
  }
  void Pass(int64_t duration_ns) {
    now.mono_ns += duration_ns;
    core->OnTimer(now);
  }

  ClientStats stats;
  FakePort port;
  Instant now{1'000'000, 0};
  std::unique_ptr<PublicationCore> core;
  std::optional<Grant> granted;
  std::optional<v1::RefusalReason> refused;
  std::function<void()> on_granted;
  std::function<void()> on_refused;
  std::vector<std::pair<uint64_t, uint64_t>> losses;
  uint64_t sequence = 0;
  uint32_t version = 0;
};

TEST_F(PublicationCoreTest, AsksOnceASecondUntilGranted) {
  Make({.session = "s",
        .policy = v1::PUBLISH_POLICY_REJECT,
        .grace_ms = 5,
        .grace_after_unpublish_ms = 6});
  EXPECT_EQ(core->NextDeadline(), kNever);
  Attach();
  const v1::Publish& publish = port.control.back().publish();
  EXPECT_EQ(publish.stream(), "live/a");
  EXPECT_EQ(publish.session(), "s");
  EXPECT_EQ(publish.policy(), v1::PUBLISH_POLICY_REJECT);
  EXPECT_EQ(publish.grace_ms(), 5u);
  EXPECT_EQ(publish.grace_after_unpublish_ms(), 6u);
  EXPECT_FALSE(publish.has_held());
  const uint64_t request = publish.request_id();
  Pass(kRequestRetryNs - 1);
  EXPECT_EQ(port.control.size(), 1u);
  Pass(1);
  ASSERT_EQ(port.control.size(), 2u);
  EXPECT_EQ(port.control.back().publish().request_id(), request);
  EXPECT_TRUE(GrantIt());
  EXPECT_EQ(granted->epoch, kEpoch);
  EXPECT_FALSE(granted->previous.has_value());
  EXPECT_FALSE(GrantIt()) << "answered twice";
  EXPECT_EQ(core->NextDeadline(), kNever);
}

TEST_F(PublicationCoreTest, SendsTracksAndBatchesInOrder) {
  Make();
  Attach();
  GrantIt();
  SetTracks();
  Send(true);
  Send(false);
  SetTracks();
  Send(true);
  EXPECT_EQ(port.Story(), "publish tracks1@1 1 2 tracks2@3 3");
  const auto header = media::DecodeBatchHeader(port.batches[0].bytes());
  EXPECT_EQ(header->stream_id, 77u);
  EXPECT_EQ(header->epoch, kEpoch);
  EXPECT_EQ(header->term, 4u);
  EXPECT_EQ(header->flags, media::kBatchRandomAccess);
  EXPECT_EQ(media::DecodeBatchHeader(port.batches[1].bytes())->flags, 0u);
  EXPECT_EQ(media::DecodeBatchHeader(port.batches[2].bytes())->track_set_version, 2u);
  EXPECT_EQ(stats.replay_bytes, core->window().bytes());
}

TEST_F(PublicationCoreTest, AudioStartsNothingWhereThereIsVideo) {
  Make();
  GoLive();
  media::Frame audio = MakeFrame(true);
  audio.track = 2;
  core->Send({&audio, 1}, now);
  EXPECT_EQ(media::DecodeBatchHeader(port.batches[0].bytes())->flags, 0u);
}

TEST_F(PublicationCoreTest, TimelineOfTheLastEpochIsHandedOn) {
  Make();
  Attach();
  v1::PublishGrant grant;
  grant.set_request_id(core->request_id());
  grant.set_epoch(kEpoch);
  grant.mutable_previous()->set_epoch(900);
  grant.mutable_previous()->set_dts_end_ns(12'345);
  grant.mutable_previous()->set_next_gop(8);
  EXPECT_TRUE(core->OnGrant(grant, now));
  ASSERT_TRUE(granted->previous.has_value());
  EXPECT_EQ(granted->previous->dts_end_ns, 12'345);
  // Before the first frame that is also what is held.
  core->Detach();
  Attach();
  EXPECT_EQ(port.control.back().publish().held().dts_end_ns(), 12'345);
  EXPECT_EQ(port.control.back().publish().held().last_sequence(), 0u);
}

TEST_F(PublicationCoreTest, ReattachesWithWhatItHoldsAndReplaysWhatIsMissing) {
  Make();
  GoLive();
  for (int i = 0; i < 4; ++i) Send(i == 0);
  SetTracks();
  Send(true);
  port.Story();
  const uint64_t before = core->request_id();
  core->Detach();
  Send(false);
  Attach();
  EXPECT_NE(core->request_id(), before);
  const v1::Timeline held = port.control.back().publish().held();
  EXPECT_EQ(held.epoch(), kEpoch);
  EXPECT_EQ(held.last_sequence(), 6u);
  EXPECT_EQ(held.dts_end_ns(), 70);
  EXPECT_EQ(held.pts_end_ns(), 75);
  EXPECT_EQ(held.next_segment(), 6u);
  EXPECT_EQ(held.next_gop(), 7u);
  EXPECT_EQ(held.discontinuity_sequence(), 2u);
  granted.reset();
  EXPECT_TRUE(GrantIt(/*have=*/3));
  EXPECT_FALSE(granted.has_value()) << "the observer is told once";
  EXPECT_EQ(port.Story(), "held tracks1@4 4 tracks2@5 5 6");
  // A router that knows nothing gets the whole window.
  core->Detach();
  Attach();
  GrantIt(0, 1 << 20, /*stream_id=*/78);
  EXPECT_EQ(port.Story(), "held tracks1@1 1 2 3 4 tracks2@5 5 6");
  for (const BatchRef& batch : core->window().size() > 0 ? port.batches : std::vector<BatchRef>()) {
    EXPECT_TRUE(media::DecodeBatchHeader(batch.bytes()).ok());
  }
  EXPECT_EQ(media::DecodeBatchHeader(port.batches.back().bytes())->stream_id, 78u);
  // Those that were sent before still say what they said then.
  EXPECT_EQ(media::DecodeBatchHeader(port.batches.front().bytes())->stream_id, 77u);
}

TEST_F(PublicationCoreTest, RestampsInPlaceWhatNobodyElseHolds) {
  Make();
  GoLive();
  Send(true);
  const uint8_t* bytes = port.batches[0].data();
  core->Detach();
  Attach();
  GrantIt(0, 1 << 20, 78);
  EXPECT_NE(port.batches[1].data(), bytes) << "the first is still in a queue";
  bytes = port.batches[1].data();
  port.batches.clear();
  core->Detach();
  Attach();
  GrantIt(0, 1 << 20, 79);
  EXPECT_EQ(port.batches[0].data(), bytes);
  EXPECT_EQ(media::DecodeBatchHeader(port.batches[0].bytes())->stream_id, 79u);
}

TEST_F(PublicationCoreTest, FirstRequestKeepsItsNumberAcrossConnections) {
  Make();
  Attach();
  const uint64_t request = core->request_id();
  core->Detach();
  Attach();
  EXPECT_EQ(core->request_id(), request);
}

TEST_F(PublicationCoreTest, StopsAtTheCreditLimitAndGoesOnWithMore) {
  Make();
  Attach();
  GrantIt(0, /*credit=*/300);
  SetTracks();
  for (int i = 0; i < 4; ++i) Send(i == 0);  // 228 bytes each
  EXPECT_EQ(port.Story(), "publish tracks1@1 1 2");
  v1::Credit credit;
  credit.set_request_id(core->request_id());
  credit.set_limit(460);
  core->OnCredit(credit, now);
  EXPECT_EQ(port.Story(), "3");
  credit.set_limit(100);  // never takes back
  core->OnCredit(credit, now);
  credit.set_request_id(1);
  credit.set_limit(1 << 20);
  core->OnCredit(credit, now);
  EXPECT_EQ(port.Story(), "") << "credit of another grant";
  credit.set_request_id(core->request_id());
  core->OnCredit(credit, now);
  EXPECT_EQ(port.Story(), "4");
}

TEST_F(PublicationCoreTest, WhatTheWindowLetsGoUnsentIsLostUpToARandomAccessPoint) {
  Make({.replay_limit_bytes = 700});  // three batches
  Attach();
  GrantIt(0, /*credit=*/1);
  SetTracks();
  Send(true);  // the limit is reached by it
  for (int i = 0; i < 5; ++i) Send(false);
  EXPECT_TRUE(losses.empty()) << "never from within a call";
  EXPECT_LE(core->NextDeadline(), now.mono_ns);
  core->OnTimer(now);
  ASSERT_EQ(losses.size(), 1u);
  EXPECT_EQ(losses[0], (std::pair<uint64_t, uint64_t>{2, 2}));
  port.Story();
  v1::Credit credit;
  credit.set_request_id(core->request_id());
  credit.set_limit(1 << 20);
  core->OnCredit(credit, now);
  EXPECT_EQ(port.Story(), "") << "nothing can follow within the GOP";
  Send(false);
  Send(true);
  EXPECT_EQ(port.Story(), "tracks1@8 8");
  core->OnTimer(now);
  ASSERT_EQ(losses.size(), 2u);
  // What was passed over is lost only now: another router might still have taken it.
  EXPECT_EQ(losses[1], (std::pair<uint64_t, uint64_t>{3, 7}));
  EXPECT_EQ(stats.lost_frames, 6u);
  Send(false);
  EXPECT_EQ(port.Story(), "9");
}

TEST_F(PublicationCoreTest, RouterThatLacksWhatTheWindowHasLetGoIsMovedOn) {
  Make({.replay_limit_bytes = 700});
  GoLive();
  Send(true);
  core->Detach();
  for (int i = 0; i < 4; ++i) Send(i % 2 == 1);  // 3 and 5 are random access
  Attach();
  GrantIt(/*have=*/1);
  EXPECT_EQ(port.Story(), "1 held tracks1@3 3 4 5");
  EXPECT_EQ(losses, (std::vector<std::pair<uint64_t, uint64_t>>{{2, 2}}));
}

TEST_F(PublicationCoreTest, WhatARouterHadAcknowledgedIsNotLostWithIt) {
  Make({.replay_limit_bytes = 700});
  GoLive();
  for (int i = 0; i < 6; ++i) Send(i % 2 == 0);
  v1::Ack ack;
  ack.set_epoch(kEpoch);
  ack.set_sequence(6);
  core->OnAck(ack, now);
  core->Detach();
  Attach();
  GrantIt(/*have=*/1);  // another router, that got little before it went
  EXPECT_TRUE(losses.empty());
}

TEST_F(PublicationCoreTest, ResendsFromWhatTheRouterHas) {
  Make();
  GoLive();
  for (int i = 0; i < 5; ++i) Send(i == 0);
  port.Story();
  v1::Ack ack;
  ack.set_epoch(kEpoch);
  ack.set_sequence(5);
  core->OnAck(ack, now);
  EXPECT_EQ(port.Story(), "");
  ack.set_sequence(2);
  ack.set_resend(true);
  core->OnAck(ack, now);
  EXPECT_EQ(port.Story(), "tracks1@3 3 4 5");
  ack.set_epoch(kEpoch - 1);
  core->OnAck(ack, now);
  EXPECT_EQ(port.Story(), "");
}

TEST_F(PublicationCoreTest, SettlingRouterIsAskedAgainSilently) {
  Make();
  Attach();
  const uint64_t request = core->request_id();
  Refuse(v1::REFUSAL_SETTLING, 400);
  EXPECT_FALSE(refused.has_value());
  EXPECT_NE(core->request_id(), request);
  port.Story();
  Pass(399 * kMillisecond);
  EXPECT_EQ(port.Story(), "");
  Pass(kMillisecond);
  EXPECT_EQ(port.Story(), "publish");
}

TEST_F(PublicationCoreTest, RouterThatDoesNotKnowUsIsToldAgain) {
  Make();
  GoLive();
  Send(true);
  port.Story();
  v1::PublishRefused message;
  message.set_stream_id(77);
  message.set_epoch(kEpoch);
  message.set_reason(v1::REFUSAL_UNKNOWN);
  core->OnRefused(message, now);
  EXPECT_EQ(port.Story(), "held");
  GrantIt(1);
  EXPECT_EQ(port.Story(), "tracks1@2");
}

TEST_F(PublicationCoreTest, NotOwnerIsAskedAgainLater) {
  Make();
  GoLive();
  core->OnNotOwner(now);
  Send(true);
  EXPECT_EQ(port.Story(), "");
  Pass(kOwnerRetryNs);
  EXPECT_EQ(port.Story(), "held");
}

TEST_F(PublicationCoreTest, RefusalsAreFinal) {
  for (const auto reason : {v1::REFUSAL_BUSY, v1::REFUSAL_FENCED, v1::REFUSAL_INVALID,
                            v1::REFUSAL_LIMIT, v1::REFUSAL_REPLACED, v1::REFUSAL_KICKED}) {
    Make();
    sequence = 0;
    GoLive();
    Send(true);
    Refuse(reason);
    EXPECT_EQ(refused, reason);
    EXPECT_TRUE(core->finished());
    EXPECT_EQ(stats.replay_bytes, 0u);
    port.Story();
    Send(false);
    SetTracks();
    core->Unpublish(false, now);
    core->Attach(port, now);
    Pass(10 * kSecond);
    EXPECT_EQ(port.Story(), "");
    EXPECT_EQ(core->NextDeadline(), kNever);
  }
}

TEST_F(PublicationCoreTest, GoodbyeIsSureOnceTheRouterHasAnsweredBehindIt) {
  Make();
  GoLive();
  Send(true);
  core->Unpublish(false, now);
  EXPECT_EQ(port.Story(), "1 unpublish ping");
  EXPECT_FALSE(core->leaving());
  EXPECT_TRUE(core->closing());
  EXPECT_EQ(port.control.back().unpublish().last_sequence(), 1u);
  EXPECT_EQ(port.control.back().unpublish().epoch(), kEpoch);
  core->OnPong(0);
  EXPECT_FALSE(core->finished());
  core->OnPong(1);
  EXPECT_TRUE(core->finished());
  EXPECT_EQ(stats.replay_bytes, 0u);
}

TEST_F(PublicationCoreTest, GoodbyeSurvivesALostRouter) {
  Make();
  GoLive();
  Send(true);
  core->Unpublish(true, now);
  core->Detach();
  EXPECT_TRUE(core->leaving());
  core->OnPong(1);
  EXPECT_FALSE(core->finished()) << "a pong of the connection before";
  port.Story();
  Attach();
  GrantIt(0);
  EXPECT_EQ(port.Story(), "held tracks1@1 1 lost ping");
  core->OnPong(2);
  EXPECT_TRUE(core->finished());
}

TEST_F(PublicationCoreTest, GraceThatChangedIsSaidWithTheGoodbyeOrTheNextRequest) {
  Make({.grace_ms = 8'000, .grace_after_unpublish_ms = 0});
  GoLive();
  port.Story();
  core->SetGrace(2'000, 0);
  EXPECT_EQ(port.Story(), "") << "nothing is said before";
  core->Detach();
  Attach();
  EXPECT_EQ(port.control.back().publish().grace_ms(), 2'000u);
  GrantIt();
  core->SetGrace(2'000, 500);
  core->Unpublish(true, now);
  const v1::Unpublish& goodbye = port.control.back().unpublish();
  EXPECT_FALSE(goodbye.has_grace_ms()) << "as Publish said";
  EXPECT_EQ(goodbye.grace_after_unpublish_ms(), 500u);
}

TEST_F(PublicationCoreTest, GoodbyeWaitsForCreditButNotForEver) {
  Make({.grace_ms = 8'000});
  Attach();
  GrantIt(0, /*credit=*/1);
  SetTracks();
  Send(true);
  Send(false);
  core->Unpublish(false, now);
  EXPECT_EQ(port.Story(), "publish tracks1@1 1");
  EXPECT_TRUE(core->leaving());
  Pass(8 * kSecond - 1);
  EXPECT_FALSE(core->finished());
  Pass(1);
  EXPECT_TRUE(core->finished());
}

TEST_F(PublicationCoreTest, LeavingBeforeTheGrantNeedsNoGoodbye) {
  Make();
  Attach();
  core->Unpublish(false, now);
  EXPECT_TRUE(core->finished());
  EXPECT_FALSE(GrantIt());
}

TEST_F(PublicationCoreTest, ForgottenPublisherIsALostOne) {
  Make();
  GoLive();
  Send(true);
  core->Forget(now);
  EXPECT_EQ(port.Story(), "1 lost ping");
  Refuse(v1::REFUSAL_REPLACED);
  EXPECT_FALSE(refused.has_value()) << "there is nobody to tell";
}

TEST_F(PublicationCoreTest, RefusalWhileLeavingIsNobodysBusiness) {
  Make();
  GoLive();
  core->Unpublish(false, now);
  Refuse(v1::REFUSAL_FENCED);
  EXPECT_FALSE(refused.has_value());
  EXPECT_TRUE(core->finished());
}

TEST_F(PublicationCoreTest, LeavesItsOwnerAsALostPublisher) {
  Make();
  GoLive();
  core->LeaveOwner(now);
  EXPECT_EQ(port.Story(), "lost");
  EXPECT_FALSE(core->attached());
  FakePort other;
  core->Attach(other, now);
  EXPECT_EQ(other.Story(), "held");
}

TEST_F(PublicationCoreTest, BrokenConnectionStopsSendingAndForgetsNothing) {
  Make();
  GoLive();
  port.connected = false;
  for (int i = 0; i < 3; ++i) Send(i == 0);
  port.connected = true;
  core->Detach();
  Attach();
  GrantIt(0);
  EXPECT_EQ(port.Story(), "held tracks1@1 1 2 3");
}

TEST_F(PublicationCoreTest, ObserverMayDoAnythingWhenGranted) {
  Make();
  on_granted = [this] {
    SetTracks();
    Send(true);
    core->Unpublish(false, now);
    core->Forget(now);
  };
  Attach();
  EXPECT_TRUE(GrantIt());
  EXPECT_EQ(port.Story(), "publish tracks1@1 1 unpublish ping");
}

TEST_F(PublicationCoreTest, TooManyFramesAreSeveralBatches) {
  Make();
  GoLive();
  std::vector<media::Frame> frames;
  for (size_t i = 0; i < media::kMaxBatchFrames + 1; ++i) frames.push_back(MakeFrame(i == 0, 1));
  core->Send(frames, now);
  EXPECT_EQ(port.batches.size(), 2u);
  EXPECT_EQ(core->window().next_sequence(), media::kMaxBatchFrames + 2);
}

TEST_F(PublicationCoreTest, SequenceThatLeavesAGapIsALoss) {
  Make();
  GoLive();
  Send(true);
  ++sequence;
  Send(false);
  Send(true);
  EXPECT_EQ(port.Story(), "1 tracks1@4 4");
  core->OnTimer(now);
  EXPECT_EQ(losses, (std::vector<std::pair<uint64_t, uint64_t>>{{2, 3}}));
  sequence = 1;
  Send(true);  // sent before
  EXPECT_EQ(port.Story(), "");
}

TEST_F(PublicationCoreTest, NothingOfTheClientIsTouchedAfterAbandon) {
  Make();
  GoLive();
  Send(true);
  core->Abandon();
  EXPECT_EQ(stats.replay_limit, 0u);
  stats.replay_limit = 1;
  core.reset();
  EXPECT_EQ(stats.replay_limit, 1u);
}

}  // namespace
}  // namespace millrace::bus
