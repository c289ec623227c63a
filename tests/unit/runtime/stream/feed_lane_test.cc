// What lanes decide about their viewers, and where their units go.

#include <gmock/gmock.h>

#include "tests/unit/runtime/stream/feed_world.h"

namespace millrace::stream {
namespace {

TEST_F(FeedTest, WhoFindsNothingInALaneIsToldWhatThereIs) {
  auto viewer = View("live/a", /*video_only=*/true);
  auto& bus = Bus("live/a");
  bus.OnTracks(1, Tracks(0, /*video=*/false));
  ASSERT_TRUE(RunUntil([&] { return viewer->end.has_value(); }));
  EXPECT_EQ(*viewer->end, ViewerEnd::kNoTracks);
  ASSERT_EQ(viewer->instead.tracks.size(), 1u);
  EXPECT_EQ(viewer->instead.tracks[0].codec, media::Codec::kAac);
}

TEST_F(FeedTest, AFormatThatALaneCannotTellEndsThoseWhoAreThere) {
  auto first = View("live/a");
  auto& bus = Bus("live/a");
  bus.OnTracks(1, Tracks(640));
  Send(bus, true, {MakeFrame(0, "K")});
  Receives(*first, "H|[tracks 640]00000:K;");
  bus.OnTracks(2, Tracks(kOtherFormat));
  ASSERT_TRUE(RunUntil([&] { return first->end.has_value(); }));
  EXPECT_EQ(*first->end, ViewerEnd::kStreamEnded);
  Receives(*first, "H|[tracks 640]00000:K;E");
  // What comes from then on is for who comes from then on.
  auto second = View("live/a");
  Send(bus, true, {MakeFrame(1000, "N")});
  Receives(*second, "H|[tracks 4711]00000:N;");
}

TEST_F(FeedTest, WhoWasHereBeforeGoesOn) {
  auto first = View("live/a");
  auto& bus = Bus("live/a");
  bus.OnTracks(1, Tracks(640));
  Send(bus, true, {MakeFrame(9000, "K")});
  Send(bus, false, {MakeFrame(9040, "P")});
  Receives(*first, "H|[tracks 640]00000:K;00040:P;");
  EXPECT_EQ(first->base_ms, 9000);
  auto second = View("live/a", false, 0, /*start_ms=*/5000);
  Receives(*second, "H|[tracks 640]05000:K;05040:P;");
  EXPECT_EQ(second->base_ms, 4000);
  EXPECT_EQ(second->lead_ms, 40);
}

// Takes some bytes at a time.
class SmallSink : public Sink {
 public:
  size_t WriteSome(std::span<const iovec> pieces, boost::system::error_code& error) override {
    error = {};
    size_t room = 5;
    for (const iovec& piece : pieces) {
      const size_t size = std::min(room, piece.iov_len);
      taken.append(static_cast<const char*>(piece.iov_base), size);
      room -= size;
    }
    return 5 - room;
  }
  void WaitWritable(std::function<void(const boost::system::error_code&)> handler) override {
    waiting = std::move(handler);
  }

  std::string taken;
  std::function<void(const boost::system::error_code&)> waiting;
};

TEST_F(FeedTest, UnitsGoWhereTheViewerWantsThem) {
  SmallSink sink;
  auto viewer = View("live/a", false, 0, 0, &sink);
  auto& bus = Bus("live/a");
  bus.OnTracks(1, Tracks(640));
  Send(bus, true, {MakeFrame(9000, "K")});
  const std::string expected = "[tracks 640]00000:K;";
  ASSERT_TRUE(RunUntil([&] {
    if (auto resume = std::exchange(sink.waiting, nullptr)) resume({});
    return sink.taken.size() >= expected.size();
  }));
  EXPECT_EQ(sink.taken, expected);
  EXPECT_EQ(viewer->client.available(), 0u) << "the connection is the session's own";
}

}  // namespace
}  // namespace millrace::stream
