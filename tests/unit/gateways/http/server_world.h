#pragma once
// A whole http-gateway on a loopback port, whose cluster is the test.

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gateways/http/server.h"
#include "tests/unit/gateways/http/client.h"
#include "tests/unit/gateways/http/fake_node.h"

namespace millrace::http {

inline constexpr int64_t kMs = 1'000'000;

inline std::string Get(const std::string& path, const std::string& more = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: test\r\n" + more + "\r\n";
}

inline media::TrackSet VideoAndAudio() {
  media::TrackSet set;
  set.version = 1;
  set.tracks.resize(2);
  set.tracks[0].id = 1;
  set.tracks[0].kind = media::TrackKind::kVideo;
  set.tracks[0].codec = media::Codec::kH264;
  set.tracks[0].config = {1, 0x64, 0, 0x1f, 0xff};
  set.tracks[1].id = 2;
  set.tracks[1].kind = media::TrackKind::kAudio;
  set.tracks[1].codec = media::Codec::kAac;
  set.tracks[1].config = {0x12, 0x10};
  return set;
}

class HttpServerTest : public testing::Test {
 protected:
  void Start() {
    server_ = std::make_unique<Server>(node_);
    const absl::Status started = server_->Start();
    ASSERT_TRUE(started.ok()) << started;
    node_.Run();
  }
  void TearDown() override { node_.Stop(); }

  // Runs `call` on the home shard and waits for it.
  void Home(const std::function<void()>& call) {
    std::promise<void> done;
    boost::asio::post(node_.shards().home(), [&] {
      call();
      done.set_value();
    });
    done.get_future().wait();
  }
  // Polls a condition that other threads bring about.
  bool Until(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }
  // Whether the metrics come to say so: some things are counted just after the client saw them.
  bool Counted(const std::string& text) {
    return Until([&] { return Scrape().find(text) != std::string::npos; });
  }
  bool Subscribed(const std::string& stream) {
    return Until([&] {
      size_t count = 0;
      Home([&] { count = node_.bus().subscriptions(stream); });
      return count > 0;
    });
  }
  void Tracks(const std::string& stream, media::TrackSet tracks = VideoAndAudio()) {
    Home([&] {
      node_.bus().ForEach(stream, [&](bus::SubscriptionObserver& o) { o.OnTracks(1, tracks); });
    });
  }
  void Frame(const std::string& stream, uint8_t track, int64_t dts_ms, bool key,
             const std::string& payload) {
    media::Frame frame;
    frame.track = track;
    frame.flags = key ? media::kClosedRandomAccess : 0;
    frame.dts_ns = frame.pts_ns = dts_ms * kMs;
    frame.sequence = ++sequence_;
    frame.payload = media::Payload::Copy(media::AsBytes(payload));
    Home([&] {
      node_.bus().ForEach(stream,
                          [&](bus::SubscriptionObserver& o) { o.OnFrames(1, key, {frame}); });
    });
  }
  // As an operator's command line would show the sessions.
  std::vector<std::string> Addresses() {
    const v1::SessionUpdate update = node_.sessions().TakeUpdate(true);
    std::vector<std::string> addresses;
    for (const v1::Session& session : update.opened_or_changed())
      addresses.push_back(session.address());
    return addresses;
  }
  std::string Exchange(const std::string& request) {
    tests::Client client(server_->port());
    client.Send(request);
    return client.ReadAll();
  }
  std::string Scrape() { return node_.metrics().Expose(); }

  tests::FakeNode node_;
  std::unique_ptr<Server> server_;
  uint64_t sequence_ = 0;
};

}  // namespace millrace::http
