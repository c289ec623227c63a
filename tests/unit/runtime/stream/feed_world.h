#pragma once
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

// Pictures so wide cannot be told to viewers who are there.
inline constexpr uint32_t kOtherFormat = 4711;

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
  bool Ends(const media::TrackSet& tracks) const override {
    return tracks.tracks.front().width == kOtherFormat;
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

inline media::TrackSet Tracks(uint32_t width, bool video = true) {
  media::Track track;
  track.id = video ? 1 : 2;
  track.kind = video ? media::TrackKind::kVideo : media::TrackKind::kAudio;
  track.codec = video ? media::Codec::kH264 : media::Codec::kAac;
  track.width = width;
  return {1, {track}};
}

inline media::Frame MakeFrame(int64_t dts_ms, const std::string& text, uint8_t track = 1) {
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
  void OnPlace(const ViewerStart& place) override {
    base_ms = place.base_ms;
    lead_ms = place.lead_ms;
  }
  std::vector<uint8_t> OnStart(const media::TrackSet&) override {
    return quiet ? std::vector<uint8_t>{} : std::vector<uint8_t>{'H', '|'};
  }
  void OnNothingOf(const media::TrackSet& tracks) override { instead = tracks; }
  std::vector<uint8_t> OnEnding(ViewerEnd, const std::string&) override { return {'E'}; }
  void OnEnded(ViewerEnd reason, const std::string&) override { end = reason; }

  std::optional<transport::Transport> server;
  tcp::socket client;
  std::string received;
  std::optional<ViewerEnd> end;
  bool quiet = false;
  int64_t base_ms = -1;
  int64_t lead_ms = -1;
  media::TrackSet instead;
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
    settings.MergeFrom(over_);
    return settings;
  }
  std::unique_ptr<TestViewer> View(const std::string& stream, bool video_only = false,
                                   uint32_t wait_timeout_ms = 0, int64_t start_ms = 0,
                                   Sink* sink = nullptr) {
    auto viewer = std::make_unique<TestViewer>(io());
    viewer->quiet = sink != nullptr;
    viewer->record = std::make_shared<rpc::SessionRecord>(v1::Session());
    ViewerOptions options{stream,
                          "test",
                          {video_only ? "video" : "all",
                           [video_only] { return std::make_unique<TextMuxer>(video_only); }},
                          Settings()};
    options.start_ms = start_ms;
    options.sink = sink;
    if (wait_timeout_ms > 0) options.settings.set_wait_timeout(wait_timeout_ms);
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

  // What the viewer has received by now.
  std::string Now(TestViewer& viewer) {
    io().restart();
    io().poll();
    char buffer[1 << 18];
    boost::system::error_code error;
    viewer.received.append(buffer, viewer.client.read_some(asio::buffer(buffer), error));
    return viewer.received;
  }
  // A GOP of 40 ms frames whose first is "K<from>"; what a viewer whose time begins at `base` gets.
  std::string SendGop(bus::SubscriptionObserver& bus, int from, int to, int base) {
    std::string text;
    for (int dts = from; dts < to; dts += 40) {
      const std::string body = (dts == from ? "K" : "P") + std::to_string(dts);
      Send(bus, dts == from, {MakeFrame(dts, body)});
      char stamp[16];
      snprintf(stamp, sizeof stamp, "%05d:", dts - base);
      text += stamp + body + ";";
    }
    return text;
  }
  uint64_t Metric(const std::string& row) {
    const std::string text = registry_.Expose();
    const size_t at = text.find(row + " ");
    return at == std::string::npos ? 0 : std::stoull(text.substr(at + row.size() + 1));
  }

  uint32_t slow_viewer_timeout_ms_ = 600;
  v1::AppSettings over_;
  FakeBus bus_;
  loop::Shards shards_{1};
  metrics::Registry registry_;
  FeedHub hub_{bus_, shards_, registry_};
};

}  // namespace millrace::stream
