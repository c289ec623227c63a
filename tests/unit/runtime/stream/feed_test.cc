// How viewers walk a lane: in order, whole units, skipped where they are slow.

#include <gmock/gmock.h>

#include "tests/unit/runtime/stream/feed_world.h"

namespace millrace::stream {
namespace {

TEST_F(FeedTest, AViewerStartsAtTheLastRandomAccessPointAtTimeZero) {
  auto first = View("live/a");
  auto& bus = Bus("live/a");
  bus.OnTracks(1, Tracks(640));
  Send(bus, true, {MakeFrame(9000, "K1")});
  Send(bus, false, {MakeFrame(9040, "P1")});
  Send(bus, true, {MakeFrame(11000, "K2")});
  Send(bus, false, {MakeFrame(11040, "P2")});
  Receives(*first, "H|[tracks 640]00000:K1;00040:P1;02000:K2;02040:P2;");
  auto second = View("live/a");
  Receives(*second, "H|[tracks 640]00000:K2;00040:P2;");
  Send(bus, false, {MakeFrame(11080, "P3")});
  Receives(*second, "H|[tracks 640]00000:K2;00040:P2;00080:P3;");
  EXPECT_EQ(bus_.subscriptions_made, 1);
}

TEST_F(FeedTest, ALaneThatComesLateIsMuxedFromWhatIsHeld) {
  auto all = View("live/a");
  auto& bus = Bus("live/a");
  bus.OnTracks(1, Tracks(640));
  Send(bus, true, {MakeFrame(0, "K")});
  Send(bus, false, {MakeFrame(20, "A", 2), MakeFrame(40, "P")});
  auto video = View("live/a", true);
  Receives(*video, "H|[tracks 640]00000:K;00040:P;");
  Receives(*all, "H|[tracks 640]00000:K;00020:A;00040:P;");
}

TEST_F(FeedTest, AudioBehindTheKeyFrameNeverLiesBeforeTheViewersZero) {
  auto first = View("live/a");
  auto& bus = Bus("live/a");
  bus.OnTracks(1, Tracks(1));
  Send(bus, true, {MakeFrame(1000, "K")});
  Send(bus, false, {MakeFrame(985, "A", 2), MakeFrame(1040, "P")});
  Send(bus, true, {MakeFrame(2000, "K")});
  Send(bus, false, {MakeFrame(1990, "A", 2)});
  auto second = View("live/a");
  Receives(*second, "H|[tracks 1]00015:K;00005:A;");
}

TEST_F(FeedTest, AStreamThatDoesNotComeEndsTheWait) {
  auto viewer = View("live/none");
  Bus("live/none").OnWaiting();
  ASSERT_TRUE(RunUntil([&] { return viewer->end.has_value(); }));
  EXPECT_EQ(*viewer->end, ViewerEnd::kWaitTimeout);
  EXPECT_EQ(viewer->client.available(), 0u);
}

TEST_F(FeedTest, ViewersThatAreThereAreTreatedAsTheNewSettingsSay) {
  slow_viewer_timeout_ms_ = 3'600'000;
  auto slow = View("live/a");
  auto waiting = View("live/none", false, /*wait_timeout_ms=*/600'000);
  auto& bus = Bus("live/a");
  Bus("live/none").OnWaiting();
  bus.OnTracks(1, Tracks(1));
  const std::string body(50'000, 'x');
  int dts = 0;
  const auto blocked = [&] {
    Send(bus, true, {MakeFrame(dts += 40, body)});
    return slow->record->frames_dropped.load() > 0;
  };
  ASSERT_TRUE(RunUntil(blocked));
  std::vector<std::string> asked;
  hub_.Reconfigure([&](std::string_view stream) {
    asked.emplace_back(stream);
    v1::AppSettings settings = Settings();
    settings.set_slow_viewer_timeout(100);
    settings.set_wait_timeout(100);
    return settings;
  });
  ASSERT_TRUE(RunUntil([&] {
    Send(bus, true, {MakeFrame(dts += 40, body)});
    return slow->end.has_value() && waiting->end.has_value();
  }));
  EXPECT_EQ(*slow->end, ViewerEnd::kTooSlow);
  EXPECT_EQ(*waiting->end, ViewerEnd::kWaitTimeout);
  EXPECT_THAT(asked, testing::UnorderedElementsAre("live/a", "live/none"));
  // And who comes later, whatever its session has looked up.
  auto late = View("live/late", false, /*wait_timeout_ms=*/600'000);
  ASSERT_TRUE(RunUntil([&] { return late->end.has_value(); }));
  EXPECT_EQ(*late->end, ViewerEnd::kWaitTimeout);
}

TEST_F(FeedTest, ALaneWithoutItsTrackIsRefused) {
  auto viewer = View("live/a", true);
  Bus("live/a").OnTracks(1, Tracks(0, false));
  ASSERT_TRUE(RunUntil([&] { return viewer->end.has_value(); }));
  EXPECT_EQ(*viewer->end, ViewerEnd::kNoTracks);
}

TEST_F(FeedTest, AChangeOfFormatIsAnnouncedInOrderAndANewPublisherWithTheSameFormatIsNot) {
  auto viewer = View("live/a");
  auto& bus = Bus("live/a");
  bus.OnTracks(1, Tracks(640));
  Send(bus, true, {MakeFrame(0, "K1")});
  bus.OnTracks(2, Tracks(640));
  Send(bus, true, {MakeFrame(40, "K2")});
  bus.OnTracks(2, Tracks(1280));
  Send(bus, true, {MakeFrame(80, "K3")});
  Receives(*viewer, "H|[tracks 640]00000:K1;00040:K2;[now 1280]00080:K3;");
  auto late = View("live/a");
  Receives(*late, "H|[tracks 1280]00000:K3;");
}

TEST_F(FeedTest, AViewerThatSkipsOverSeveralFormatsIsToldTheLastOne) {
  slow_viewer_timeout_ms_ = 60'000;
  auto slow = View("live/a");
  auto& bus = Bus("live/a");
  bus.OnTracks(1, Tracks(1));
  const std::string body(50'000, 'x');
  int dts = 0;
  const auto fill = [&] {
    const uint64_t before = slow->record->frames_dropped.load();
    ASSERT_TRUE(RunUntil([&] {
      Send(bus, true, {MakeFrame(dts += 40, body)});
      return slow->record->frames_dropped.load() > before + 5;
    }));
  };
  fill();
  bus.OnTracks(1, Tracks(2));
  fill();
  bus.OnTracks(1, Tracks(3));
  fill();
  Send(bus, true, {MakeFrame(90'000, "LAST")});
  ASSERT_TRUE(RunUntil([&] {
    char buffer[1 << 18];
    boost::system::error_code error;
    slow->received.append(buffer, slow->client.read_some(asio::buffer(buffer), error));
    return slow->received.ends_with(":LAST;");
  }));
  const auto count = [&](const std::string& text) {
    size_t found = 0;
    for (size_t at = 0; (at = slow->received.find(text, at)) != std::string::npos; ++at) ++found;
    return found;
  };
  EXPECT_EQ(count("[tracks "), 1u) << "a head is only sent once";
  EXPECT_EQ(count("[all 3]"), 1u);
}

TEST_F(FeedTest, SubscriptionsTakeTheCreditThatIsSet) {
  auto first = View("live/a");
  Bus("live/a");
  EXPECT_EQ(bus_.options_of_last.credit_bytes, 32u << 20);
  hub_.SetSubscriptionCredit(1 << 20);
  auto second = View("live/b");
  Bus("live/b");
  EXPECT_EQ(bus_.options_of_last.credit_bytes, 1u << 20);
}

TEST_F(FeedTest, FramesThatALaneDoesNotCarryAreNotCounted) {
  auto video = View("live/a", true);
  auto& bus = Bus("live/a");
  media::TrackSet both = Tracks(640);
  both.tracks.push_back(Tracks(0, false).tracks.front());
  bus.OnTracks(1, both);
  Send(bus, true, {MakeFrame(0, "K"), MakeFrame(0, "A", 2)});
  Receives(*video, "H|[tracks 640]00000:K;");
  const auto counted = [&](const std::string& kind) {
    const std::string row =
        "millrace_egress_frames_total{kind=\"" + kind + "\",protocol=\"test\"} 1";
    return registry_.Expose().find(row) != std::string::npos;
  };
  EXPECT_TRUE(RunUntil([&] { return counted("video"); }));
  EXPECT_FALSE(counted("audio"));
}

TEST_F(FeedTest, ALaneThatHasNothingOfARandomAccessPointStartsWithWhatComesNext) {
  auto first = View("live/a", true);
  auto& bus = Bus("live/a");
  media::TrackSet both = Tracks(640);
  both.tracks.push_back(Tracks(0, false).tracks.front());
  bus.OnTracks(1, both);
  for (int i = 0; i < 3; ++i) {
    Send(bus, true, {MakeFrame(i * 1000, "other", 2)});
    Send(bus, false, {MakeFrame(i * 1000 + 10, "a"), MakeFrame(i * 1000 + 20, "b")});
    Send(bus, false, {MakeFrame(i * 1000 + 30, "c")});
  }
  Receives(*first,
           "H|[tracks 640]00000:a;00010:b;00020:c;01000:a;01010:b;01020:c;02000:a;02010:b;"
           "02020:c;");
  auto late = View("live/a", true);
  Receives(*late, "H|[tracks 640]00000:a;00010:b;00020:c;");
}

TEST_F(FeedTest, TheEndOfTheStreamIsSaidAfterWhatIsOwed) {
  auto viewer = View("live/a");
  auto& bus = Bus("live/a");
  bus.OnTracks(1, Tracks(1));
  Send(bus, true, {MakeFrame(0, "K")});
  bus.OnEnded(v1::END_UNPUBLISHED, "over");
  Receives(*viewer, "H|[tracks 1]00000:K;E");
  ASSERT_TRUE(RunUntil([&] { return viewer->end.has_value(); }));
  EXPECT_EQ(*viewer->end, ViewerEnd::kStreamEnded);
}

TEST_F(FeedTest, FinishSendsTheLastWordBetweenUnits) {
  auto viewer = View("live/a");
  auto& bus = Bus("live/a");
  bus.OnTracks(1, Tracks(1));
  Send(bus, true, {MakeFrame(0, "K")});
  Receives(*viewer, "H|[tracks 1]00000:K;");
  viewer->viewer->SendControl({'C'});
  viewer->viewer->Finish({'F'}, "kicked");
  Send(bus, false, {MakeFrame(40, "P")});
  Receives(*viewer, "H|[tracks 1]00000:K;CF");
  ASSERT_TRUE(RunUntil([&] { return viewer->end.has_value(); }));
  EXPECT_EQ(*viewer->end, ViewerEnd::kRequested);
}

TEST_F(FeedTest, AViewerThatStopsReadingIsSkippedToAKeyFrameAndTheOthersMissNothing) {
  slow_viewer_timeout_ms_ = 60'000;
  auto slow = View("live/a");
  auto good = View("live/a");
  auto& bus = Bus("live/a");
  bus.OnTracks(1, Tracks(1));
  std::string expected = "H|[tracks 1]";
  const std::string body(20'000, 'x');
  constexpr int kGops = 150;
  for (int gop = 0; gop < kGops; ++gop) {
    for (int i = 0; i < 3; ++i) {
      const int dts = gop * 120 + i * 40;
      char stamp[16];
      snprintf(stamp, sizeof stamp, "%05d:", dts);
      Send(bus, i == 0, {MakeFrame(dts, body)});
      expected += stamp + body + ";";
    }
    ASSERT_TRUE(Receives(*good, expected));
  }
  EXPECT_GT(slow->record->frames_dropped.load(), 100u);
  EXPECT_STREQ(slow->record->state.load(), "lagging");

  // It reads again: whole frames only, a key frame behind the gap, then the live edge.
  Send(bus, true, {MakeFrame(90'000, "LAST")});
  ASSERT_TRUE(RunUntil([&] {
    char buffer[1 << 18];
    boost::system::error_code error;
    slow->received.append(buffer, slow->client.read_some(asio::buffer(buffer), error));
    return slow->received.ends_with("90000:LAST;");
  }));
  size_t at = slow->received.find(']') + 1;
  int previous = -40;
  while (at < slow->received.size()) {
    const int dts = std::stoi(slow->received.substr(at, 5));
    if (dts != previous + 40 && dts != 90'000) {
      EXPECT_EQ(dts % 120, 0) << "resumed at something else than a key frame";
    }
    previous = dts;
    const size_t end = slow->received.find(';', at);
    EXPECT_EQ(end - at - 6, dts == 90'000 ? 4 : body.size());
    at = end + 1;
  }
  EXPECT_STREQ(slow->record->state.load(), "active");
}

TEST_F(FeedTest, AViewerThatNeverReadsAgainIsClosedAfterTheTimeout) {
  auto slow = View("live/a");
  auto& bus = Bus("live/a");
  bus.OnTracks(1, Tracks(1));
  const std::string body(50'000, 'x');
  int dts = 0;
  ASSERT_TRUE(RunUntil([&] {
    Send(bus, true, {MakeFrame(dts += 40, body)});
    return slow->end.has_value();
  }));
  EXPECT_EQ(*slow->end, ViewerEnd::kTooSlow);
}

TEST_F(FeedTest, AClosedConnectionEndsTheViewer) {
  auto viewer = View("live/a");
  auto& bus = Bus("live/a");
  bus.OnTracks(1, Tracks(1));
  Send(bus, true, {MakeFrame(0, "K")});
  Receives(*viewer, "H|[tracks 1]00000:K;");
  viewer->client.close();
  int dts = 0;
  ASSERT_TRUE(RunUntil([&] {
    Send(bus, false, {MakeFrame(dts += 40, "P")});
    return viewer->end.has_value();
  }));
  EXPECT_EQ(*viewer->end, ViewerEnd::kSocket);
}

TEST_F(FeedTest, AHandleThatIsDroppedBeforeTheViewerStartedLeavesNothingBehind) {
  auto viewer = View("live/a");
  viewer->viewer.reset();
  auto other = View("live/a");
  auto& bus = Bus("live/a");
  bus.OnTracks(1, Tracks(1));
  Send(bus, true, {MakeFrame(0, "K")});
  Receives(*other, "H|[tracks 1]00000:K;");
  EXPECT_EQ(viewer->client.available(), 0u);
}

}  // namespace
}  // namespace millrace::stream
