// Where viewers start and how they get to the live edge.

#include "tests/unit/runtime/stream/feed_world.h"

namespace millrace::stream {
namespace {

TEST_F(FeedTest, WhoWantsTheLiveEdgeWaitsForTheNextRandomAccessPoint) {
  auto first = View("live/a");
  auto& bus = Bus("live/a");
  bus.OnTracks(1, Tracks(1));
  SendGop(bus, 0, 400, 0);
  over_.set_start(v1::live);
  over_.set_wait_timeout(60'000);
  auto live = View("live/a");
  auto of_a_new_lane = View("live/a", true);  // which is first told what is held
  RunUntil([&] { return bus_.subscribers.size() == 1 && !Now(*first).empty(); });
  SendGop(bus, 400, 440, 0);
  Send(bus, false, {MakeFrame(440, "P440")});
  Receives(*live, "H|[tracks 1]00000:K400;00040:P440;");
  Receives(*of_a_new_lane, "H|[tracks 1]00000:K400;00040:P440;");
}

TEST_F(FeedTest, WhoWantsTheLiveEdgeOfAnEndlessGopStartsAtItsBeginningInTheEnd) {
  auto first = View("live/a");
  auto& bus = Bus("live/a");
  bus.OnTracks(1, Tracks(1));
  const std::string all = SendGop(bus, 0, 400, 0);
  over_.set_start(v1::live);
  auto live = View("live/a");
  Receives(*live, "H|[tracks 1]" + all);
}

TEST_F(FeedTest, WhoWantsTheOldestStartsAtWhatASlowViewerKeeps) {
  slow_viewer_timeout_ms_ = 60'000;
  over_.set_viewer_backlog(64u << 20);
  auto slow = View("live/a");
  auto& bus = Bus("live/a");
  bus.OnTracks(1, Tracks(1));
  const std::string body(200'000, 'x');
  for (int i = 0; i < 60; ++i) Send(bus, true, {MakeFrame(i * 40, std::to_string(i) + body)});
  const auto first_number = [&](TestViewer& viewer) {
    size_t at = 0;
    RunUntil([&] {
      at = Now(viewer).find("00000:");
      return at != std::string::npos && viewer.received.size() > at + 10;
    });
    return std::stoi(viewer.received.substr(at + 6));
  };
  over_.set_start(v1::key);
  auto late = View("live/a");
  EXPECT_EQ(first_number(*late), 59);
  over_.set_start(v1::oldest);
  auto old = View("live/a");
  EXPECT_LT(first_number(*old), 59);
}

TEST_F(FeedTest, APacedViewerGetsItsBacklogFasterThanRealTimeAndNothingIsMissing) {
  auto first = View("live/a");
  auto& bus = Bus("live/a");
  bus.OnTracks(1, Tracks(1));
  std::string all = "H|[tracks 1]" + SendGop(bus, 0, 3000, 0);
  over_.set_catch_up(v1::pace);
  over_.set_catch_up_speed(200);
  auto paced = View("live/a");
  const auto begin = std::chrono::steady_clock::now();
  // The head start: the first second.
  ASSERT_TRUE(RunUntil([&] { return Now(*paced).find(":P1000;") != std::string::npos; }));
  if (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(400)) {
    EXPECT_EQ(paced->received.find(":P2000;"), std::string::npos) << "not everything at once";
  }
  EXPECT_EQ(Metric("millrace_first_frame_seconds_count{protocol=\"test\"}"), 2u);
  // What comes meanwhile is behind it, in order.
  for (int dts = 3000; paced->received.size() < all.size() && dts < 6000; dts += 40) {
    Send(bus, false, {MakeFrame(dts, "P" + std::to_string(dts))});
    char stamp[16];
    snprintf(stamp, sizeof stamp, "%05d:", dts);
    all += stamp + ("P" + std::to_string(dts)) + ";";
    const auto next = std::chrono::steady_clock::now() + std::chrono::milliseconds(40);
    RunUntil([&] { return std::chrono::steady_clock::now() >= next; });
    Now(*paced);
  }
  Receives(*paced, all);
  // Two seconds of backlog are made up for at one second a second; a loaded machine takes longer.
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(1500));
  // Live now: nothing waits any more.
  Send(bus, false, {MakeFrame(9000, "LIVE")});
  Receives(*paced, all + "09000:LIVE;");
  EXPECT_EQ(paced->record->frames_dropped.load(), 0u);
}

TEST_F(FeedTest, APacedViewerOfAStreamThatStandsStillGetsWhatIsHeld) {
  auto first = View("live/a");
  auto& bus = Bus("live/a");
  bus.OnTracks(1, Tracks(1));
  const std::string all = SendGop(bus, 0, 2000, 0);
  over_.set_catch_up(v1::pace);
  over_.set_catch_up_speed(400);
  auto paced = View("live/a");
  Receives(*paced, "H|[tracks 1]" + all);
}

TEST_F(FeedTest, TheFirstViewerOfALaneIsPacedToo) {
  auto first = View("live/a");
  auto& bus = Bus("live/a");
  bus.OnTracks(1, Tracks(1));
  const std::string all = SendGop(bus, 0, 3000, 0);
  over_.set_catch_up(v1::pace);
  over_.set_catch_up_speed(110);
  const auto begin = std::chrono::steady_clock::now();
  auto paced = View("live/a", true);
  ASSERT_TRUE(RunUntil([&] { return Now(*paced).find(":P1000;") != std::string::npos; }));
  if (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(400)) {
    EXPECT_EQ(paced->received.find(":P2000;"), std::string::npos) << "not everything at once";
  }
  bus.OnEnded(v1::END_UNPUBLISHED, "over");
  Receives(*paced, "H|[tracks 1]" + all + "E");
}

TEST_F(FeedTest, TheEndOfTheStreamIsNotPaced) {
  auto first = View("live/a");
  auto& bus = Bus("live/a");
  bus.OnTracks(1, Tracks(1));
  const std::string all = SendGop(bus, 0, 60'000, 0);
  over_.set_catch_up(v1::pace);
  over_.set_catch_up_speed(110);
  auto paced = View("live/a");
  ASSERT_TRUE(RunUntil([&] { return Now(*paced).find(":P1000;") != std::string::npos; }));
  bus.OnEnded(v1::END_UNPUBLISHED, "over");
  Receives(*paced, "H|[tracks 1]" + all + "E");
}

TEST_F(FeedTest, AJumpingViewerShowsAPictureAndCutsToTheLiveEdgeWithoutAHoleInItsTime) {
  auto first = View("live/a");
  auto& bus = Bus("live/a");
  bus.OnTracks(1, Tracks(1));
  SendGop(bus, 0, 5000, 0);
  over_.set_catch_up(v1::jump);
  const auto begin = std::chrono::steady_clock::now();
  auto jumping = View("live/a");
  ASSERT_TRUE(RunUntil([&] { return Now(*jumping).find("00000:K0;") != std::string::npos; }));
  SendGop(bus, 5000, 5040, 0);
  Send(bus, false, {MakeFrame(5040, "P5040")});
  ASSERT_TRUE(RunUntil([&] { return Now(*jumping).ends_with(":P5040;"); }));
  const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(
                          std::chrono::steady_clock::now() - begin)
                          .count();
  EXPECT_EQ(jumping->received.find(":P4960;"), std::string::npos) << "the rest is left out";
  const auto time_of = [&](const std::string& body) {
    return std::stoi(jumping->received.substr(jumping->received.find(":" + body + ";") - 5, 5));
  };
  EXPECT_EQ(time_of("P5040"), time_of("K5000") + 40);
  EXPECT_LE(time_of("K5000"), waited + 1) << "its time goes on as the clock does";
  EXPECT_TRUE(RunUntil(
      [&] { return Metric("millrace_frames_dropped_total{reason=\"catch_up_jump\"}") > 100; }));
  EXPECT_EQ(jumping->record->frames_dropped.load(), 0u) << "it is not slow";
}

}  // namespace
}  // namespace millrace::stream
