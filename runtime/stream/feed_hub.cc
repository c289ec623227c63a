#include "runtime/stream/feed_hub.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/stream/shard_feed.h"
#include "runtime/stream/stream_feed.h"

namespace millrace::stream {
namespace {

namespace asio = boost::asio;

constexpr auto kTick = std::chrono::milliseconds(250);
// A stream that lost its last viewer stays subscribed for a moment: the next viewer starts at once.
constexpr int64_t kLingerNs = 5'000'000'000;
// What the kernel may hold of a viewer that does not read, beside what is in flight.
constexpr int kUnsentLimit = 256 * 1024;

// Lanes of all streams in one map: stream and key cannot contain a NUL.
std::string LaneName(const std::string& stream, const std::string& key) {
  std::string name = stream;
  name.push_back('\0');
  name += key;
  return name;
}

}  // namespace

class FeedHub::Impl {
 public:
  Impl(bus::Client& bus, loop::Shards& shards, metrics::Registry& registry)
      : bus_(bus), shards_(shards), metrics_(registry) {
    for (size_t i = 0; i < shards.size(); ++i)
      per_shard_.push_back(std::make_unique<PerShard>(*this, i));
  }

  void Add(size_t shard, std::shared_ptr<ViewerState> viewer, ViewerOptions options) {
    PerShard& local = *per_shard_[shard];
    // What its session looked up may have been replaced while it was on its way here.
    if (local.settings) {
      const v1::StartSetting start = options.settings.start();  // the viewer's own wish, it may be
      options.settings = local.settings(options.stream);
      options.settings.set_start(start);
      viewer->SetSettings(options.settings);
    }
    const std::string name = LaneName(options.stream, options.lane.key);
    auto [found, is_new] = local.feeds.try_emplace(name);
    if (is_new) {
      found->second = std::make_unique<LocalFeed>(options.stream, options.lane.key, metrics_,
                                                  options.settings.gop_limit());
      local.StartTicking();
      asio::dispatch(shards_.home(), [this, shard, options] { AddShard(shard, options); });
    }
    found->second->feed.AddViewer(std::move(viewer), MonotonicNs());
  }

  void Reconfigure(const Settings& settings) {
    for (size_t i = 0; i < per_shard_.size(); ++i) {
      asio::dispatch(shards_.at(i), [local = per_shard_[i].get(), settings] {
        local->settings = settings;
        for (const auto& [name, entry] : local->feeds) {
          entry->feed.SetSettings(settings(entry->stream));
        }
      });
    }
  }

  void SetSubscriptionCredit(uint64_t bytes) {
    if (bytes > 0) subscription_credit_ = bytes;
  }

 private:
  struct LocalFeed {
    LocalFeed(std::string stream_name, std::string lane_key, FeedMetrics& metrics, uint64_t limit)
        : stream(std::move(stream_name)), key(std::move(lane_key)), feed(metrics, limit) {}
    const std::string stream;
    const std::string key;
    ShardFeed feed;
  };

  // Touched by its own shard only.
  struct PerShard {
    PerShard(Impl& owner, size_t shard_index)
        : impl(owner), index(shard_index), timer(owner.shards_.at(shard_index)) {}

    void StartTicking() {
      if (ticking) return;
      ticking = true;
      timer.expires_after(kTick);
      timer.async_wait([this](const boost::system::error_code& error) {
        ticking = false;
        if (!error) Tick();
      });
    }
    void Tick() {
      const int64_t now = MonotonicNs();
      for (auto entry = feeds.begin(); entry != feeds.end();) {
        LocalFeed& local = *entry->second;
        local.feed.Tick(now);
        if (local.feed.empty() && now - local.feed.empty_since_ns() > kLingerNs) {
          asio::dispatch(impl.shards_.home(),
                         [owner = &impl, shard = index, stream = local.stream, key = local.key] {
                           owner->RemoveShard(shard, stream, key);
                         });
          entry = feeds.erase(entry);
        } else {
          ++entry;
        }
      }
      impl.PublishGauges(*this);
      if (!feeds.empty()) StartTicking();
    }
    ShardFeed* Find(const std::string& name) {
      const auto found = feeds.find(name);
      return found == feeds.end() ? nullptr : &found->second->feed;
    }

    Impl& impl;
    const size_t index;
    asio::steady_timer timer;
    bool ticking = false;
    Settings settings;  // empty: viewers keep what their sessions gave them
    std::unordered_map<std::string, std::unique_ptr<LocalFeed>> feeds;
    double shown_backlog = 0, shown_window = 0;
  };

  // Carries a stream's items from the home shard to the others.
  class Sink : public LaneSink {
   public:
    Sink(Impl& impl, std::string stream) : impl_(impl), stream_(std::move(stream)) {}
    void Tracks(size_t shard, const std::string& key,
                std::shared_ptr<const LaneTracks> tracks) override {
      On(shard, key,
         [tracks = std::move(tracks)](ShardFeed& feed) { feed.SetTracks(tracks, MonotonicNs()); });
    }
    void Waiting(size_t shard, const std::string& key) override {
      On(shard, key, [](ShardFeed& feed) { feed.SetWaiting(); });
    }
    void Item(size_t shard, const std::string& key, LaneItem item) override {
      On(shard, key, [item = std::move(item)](ShardFeed& feed) mutable {
        feed.Append(std::move(item), MonotonicNs());
      });
    }
    void Ended(size_t shard, const std::string& key, const std::string& text) override {
      On(shard, key, [text](ShardFeed& feed) { feed.End(text, MonotonicNs()); });
    }

   private:
    template <typename Action>
    void On(size_t shard, const std::string& key, Action action) {
      PerShard* local = impl_.per_shard_[shard].get();
      asio::dispatch(impl_.shards_.at(shard),
                     [local, name = LaneName(stream_, key), action = std::move(action)]() mutable {
                       if (ShardFeed* feed = local->Find(name)) action(*feed);
                     });
    }
    Impl& impl_;
    const std::string stream_;
  };

  struct HomeStream {
    HomeStream(Impl& impl, const std::string& stream, uint64_t gop_limit)
        : sink(impl, stream),
          feed(impl.bus_, stream, sink, impl.metrics_, gop_limit, impl.subscription_credit_) {}
    Sink sink;
    StreamFeed feed;
  };

  void AddShard(size_t shard, const ViewerOptions& options) {
    auto& home = streams_[options.stream];
    if (home == nullptr) {
      home = std::make_unique<HomeStream>(*this, options.stream, options.settings.gop_limit());
      metrics_.subscriptions.Increment();
    }
    home->feed.AddShard(options.lane, shard);
  }

  void RemoveShard(size_t shard, const std::string& stream, const std::string& key) {
    const auto found = streams_.find(stream);
    if (found == streams_.end()) return;
    found->second->feed.RemoveShard(key, shard);
    if (!found->second->feed.unused()) return;
    streams_.erase(found);
    metrics_.subscriptions.Decrement();
  }

  void PublishGauges(PerShard& local) {
    double backlog = 0, window = 0;
    for (const auto& [name, entry] : local.feeds) {
      backlog += static_cast<double>(entry->feed.backlog_bytes());
      window += static_cast<double>(entry->feed.window_bytes());
    }
    metrics_.viewer_backlog.Increment(backlog - std::exchange(local.shown_backlog, backlog));
    metrics_.window.Increment(window - std::exchange(local.shown_window, window));
  }

  bus::Client& bus_;
  loop::Shards& shards_;
  FeedMetrics metrics_;
  std::atomic<uint64_t> subscription_credit_ = bus::SubscribeOptions{}.credit_bytes;
  std::unordered_map<std::string, std::unique_ptr<HomeStream>> streams_;  // home shard only
  std::vector<std::unique_ptr<PerShard>> per_shard_;
};

namespace {

class ViewerHandle : public Viewer {
 public:
  explicit ViewerHandle(std::shared_ptr<ViewerState> state) : state_(std::move(state)) {}
  ~ViewerHandle() override { state_->Detach(); }
  void SendControl(std::vector<uint8_t> bytes) override { state_->SendControl(std::move(bytes)); }
  void Finish(std::vector<uint8_t> bytes, const std::string& text) override {
    state_->Finish(std::move(bytes), text);
  }

 private:
  const std::shared_ptr<ViewerState> state_;
};

}  // namespace

FeedHub::FeedHub(bus::Client& bus, loop::Shards& shards, metrics::Registry& metrics)
    : impl_(std::make_unique<Impl>(bus, shards, metrics)) {}
FeedHub::~FeedHub() = default;

void FeedHub::Reconfigure(const Settings& settings) { impl_->Reconfigure(settings); }

void FeedHub::SetSubscriptionCredit(uint64_t bytes) { impl_->SetSubscriptionCredit(bytes); }

std::unique_ptr<Viewer> FeedHub::View(size_t shard, transport::Transport& transport,
                                      ViewerOptions options,
                                      std::shared_ptr<rpc::SessionRecord> record,
                                      ViewerObserver& observer) {
  ::setsockopt(transport.socket().native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentLimit,
               sizeof kUnsentLimit);
  auto state =
      std::make_shared<ViewerState>(transport, options, std::move(record), observer, MonotonicNs());
  // Posted, so that the observer is never called before the caller has its handle.
  asio::post(transport.socket().get_executor(),
             [impl = impl_.get(), shard, state, options = std::move(options)] {
               impl->Add(shard, state, options);
             });
  return std::make_unique<ViewerHandle>(std::move(state));
}

}  // namespace millrace::stream
