// Viewers on real sockets, fed by a bus that the test plays.

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <string>

#include "runtime/stream/feed_hub.h"
#include "tests/unit/runtime/stream/fake_bus.h"

namespace millrace::stream {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// "<dts relative to the viewer, five digits>:<payload>;" a frame, so that a test can read what a
// viewer got.
class TextUnit : public WireUnit {
 public:
  void Add(int64_t dts_ms, std::string text, bool timed) {
    parts_.push_back({dts_ms, std::move(text), timed});
  }
  size_t Size(int64_t) const override {
    size_t size = 0;
    for (const Part& part : parts_) size += part.text.size() + (part.timed ? kStamp : 0);
    return size;
  }
  bool Gather(size_t skip, int64_t base_ms, IovecList& out) const override {
    for (const Part& part : parts_) {
      if (part.timed) {
        if (skip < kStamp) {
          uint8_t* scratch = out.Scratch(kStamp + 1);
          if (scratch == nullptr) return false;
          snprintf(reinterpret_cast<char*>(scratch), kStamp + 1,
                   "%05d:", static_cast<int>(part.dts_ms - base_ms));
          if (!out.Add(scratch + skip, kStamp - skip)) return false;
          skip = 0;
        } else {
          skip -= kStamp;
        }
      }
      if (skip >= part.text.size()) {
        skip -= part.text.size();
        continue;
      }
      if (!out.Add(reinterpret_cast<const uint8_t*>(part.text.data()) + skip,
                   part.text.size() - skip)) {
        return false;
      }
      skip = 0;
    }
    return true;
  }

 private:
  static constexpr size_t kStamp = 6;
  struct Part {
    int64_t dts_ms;
    std::string text;
    bool timed;
  };
  std::vector<Part> parts_;
};

class TextMuxer : public LaneMuxer {
 public:
  explicit TextMuxer(bool video_only) : video_only_(video_only) {}
  WireUnitPtr Preamble(const media::TrackSet& tracks) override {
    if (video_only_ && tracks.FirstOf(media::TrackKind::kVideo) == nullptr) return nullptr;
    auto unit = std::make_shared<TextUnit>();
    unit->Add(0, "[tracks " + std::to_string(tracks.tracks.front().width) + "]", false);
    return unit;
  }
  WireUnitPtr TracksChanged(const media::TrackSet& tracks, int64_t) override {
    auto unit = std::make_shared<TextUnit>();
    unit->Add(0, "[now " + std::to_string(tracks.tracks.front().width) + "]", false);
    return unit;
  }
  WireUnitPtr TracksRestated(const media::TrackSet& tracks, int64_t) override {
    auto unit = std::make_shared<TextUnit>();
    unit->Add(0, "[all " + std::to_string(tracks.tracks.front().width) + "]", false);
    return unit;
  }
  bool Carries(const media::TrackSet&, const media::Track& track) const override {
    return !video_only_ || track.id == 1;
  }
  WireUnitPtr Frames(const media::TrackSet&, std::span<const media::Frame> frames) override {
    auto unit = std::make_shared<TextUnit>();
    bool any = false;
    for (const media::Frame& frame : frames) {
      if (video_only_ && frame.track != 1) continue;
      any = true;
      unit->Add(frame.dts_ns / 1'000'000, std::string(media::AsText(frame.payload.bytes())) + ";",
                true);
    }
    return any ? unit : nullptr;
  }

 private:
  const bool video_only_;
};

media::TrackSet Tracks(uint32_t width, bool video = true) {
  media::Track track;
  track.id = video ? 1 : 2;
  track.kind = video ? media::TrackKind::kVideo : media::TrackKind::kAudio;
  track.codec = video ? media::Codec::kH264 : media::Codec::kAac;
  track.width = width;
  return {1, {track}};
}

media::Frame MakeFrame(int64_t dts_ms, const std::string& text, uint8_t track = 1) {
  media::Frame frame;
  frame.track = track;
  frame.dts_ns = dts_ms * 1'000'000;
  frame.payload = media::Payload::Copy(media::AsBytes(text));
  return frame;
}

struct TestViewer : ViewerObserver {
  explicit TestViewer(asio::io_context& io) : client(io) {
    tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    client.connect(acceptor.local_endpoint());
    server.emplace(acceptor.accept());
    client.non_blocking(true);
  }
  std::vector<uint8_t> OnStart(const media::TrackSet&) override { return {'H', '|'}; }
  std::vector<uint8_t> OnEnding(ViewerEnd, const std::string&) override { return {'E'}; }
  void OnEnded(ViewerEnd reason, const std::string&) override { end = reason; }

  std::optional<transport::Transport> server;
  tcp::socket client;
  std::string received;
  std::optional<ViewerEnd> end;
  std::unique_ptr<Viewer> viewer;
  std::shared_ptr<rpc::SessionRecord> record;
};

class FeedTest : public testing::Test {
 protected:
  v1::AppSettings Settings() {
    v1::AppSettings settings;
    settings.set_wait_timeout(300);
    settings.set_slow_viewer_timeout(slow_viewer_timeout_ms_);
    settings.set_viewer_backlog(64 * 1024);
    settings.set_gop_limit(1 << 20);
    return settings;
  }
  std::unique_ptr<TestViewer> View(const std::string& stream, bool video_only = false) {
    auto viewer = std::make_unique<TestViewer>(io());
    viewer->record = std::make_shared<rpc::SessionRecord>(v1::Session());
    ViewerOptions options{stream,
                          "test",
                          {video_only ? "video" : "all",
                           [video_only] { return std::make_unique<TextMuxer>(video_only); }},
                          Settings()};
    viewer->viewer = hub_.View(0, *viewer->server, options, viewer->record, *viewer);
    return viewer;
  }
  asio::io_context& io() { return shards_.home(); }
  // Runs the loop until `done`, at most 5 s.
  template <typename Done>
  bool RunUntil(Done done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!done() && std::chrono::steady_clock::now() < deadline) {
      io().restart();
      io().run_for(std::chrono::milliseconds(5));
    }
    return done();
  }
  bool Receives(TestViewer& viewer, const std::string& expected) {
    const bool got = RunUntil([&] {
      char buffer[65536];
      boost::system::error_code error;
      const size_t n = viewer.client.read_some(asio::buffer(buffer), error);
      viewer.received.append(buffer, n);
      return viewer.received.size() >= expected.size();
    });
    EXPECT_EQ(viewer.received, expected);
    return got;
  }
  bus::SubscriptionObserver& Bus(const std::string& stream) {
    RunUntil([&] { return bus_.subscribers.count(stream) == 1; });
    return *bus_.subscribers.at(stream);
  }
  void Send(bus::SubscriptionObserver& bus, bool key, std::vector<media::Frame> frames) {
    bus.OnFrames(1, key, std::move(frames));
  }

  uint32_t slow_viewer_timeout_ms_ = 600;
  FakeBus bus_;
  loop::Shards shards_{1};
  metrics::Registry registry_;
  FeedHub hub_{bus_, shards_, registry_};
};

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
