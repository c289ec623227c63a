#include "control-plane/stream_watch.h"

#include <deque>
#include <functional>
#include <mutex>
#include <utility>

#include "control-plane/grpc_status.h"

namespace millrace::control {
namespace {

class WatchReactor final : public StreamWatcher,
                           public grpc::ServerWriteReactor<v1::StreamEvent>,
                           public std::enable_shared_from_this<WatchReactor> {
 public:
  explicit WatchReactor(std::function<void(const grpc::Status&)> closed)
      : closed_(std::move(closed)) {}

  void Hold() { self_ = shared_from_this(); }

  void Push(const v1::StreamEvent& event) override {
    std::unique_lock lock(mutex_);
    if (finished_) return;
    if (Replaces(event)) return;
    if (event.type() == v1::StreamEvent::CURRENT) ++initial_;
    if (queue_.size() >= kMaxWatchBacklog + initial_) {
      lock.unlock();
      FinishOnce({grpc::StatusCode::RESOURCE_EXHAUSTED,
                  "the watcher does not keep up with the changes; watch again"});
      return;
    }
    queue_.push_back(event);
    if (queue_.size() == 1) StartWrite(&queue_.front());
  }

  void Close(const absl::Status& why) override { FinishOnce(ToGrpc(why)); }

  bool alive() const override {
    std::lock_guard lock(mutex_);
    return !finished_;
  }

 private:
  // A change that follows another change of the same stream, with nothing between, makes that one
  // old news.
  bool Replaces(const v1::StreamEvent& event) {
    if (event.type() != v1::StreamEvent::CHANGED || queue_.size() < 2) return false;
    v1::StreamEvent& last = queue_.back();
    if (last.type() != v1::StreamEvent::CHANGED || last.stream().name() != event.stream().name()) {
      return false;
    }
    last = event;
    return true;
  }

  void OnWriteDone(bool ok) override {
    {
      std::lock_guard lock(mutex_);
      queue_.pop_front();
      if (ok && !finished_ && !queue_.empty()) StartWrite(&queue_.front());
    }
    if (!ok) FinishOnce(grpc::Status::CANCELLED);
  }

  void OnCancel() override { FinishOnce(grpc::Status::CANCELLED); }
  void OnDone() override { self_.reset(); }

  void FinishOnce(const grpc::Status& status) {
    std::unique_lock lock(mutex_);
    if (std::exchange(finished_, true)) return;
    const auto closed = std::move(closed_);
    Finish(status);
    lock.unlock();
    closed(status);
  }

  mutable std::mutex mutex_;
  std::function<void(const grpc::Status&)> closed_;
  std::shared_ptr<WatchReactor> self_;
  std::deque<v1::StreamEvent> queue_;  // the first is being written
  size_t initial_ = 0;
  bool finished_ = false;
};

}  // namespace

grpc::ServerWriteReactor<v1::StreamEvent>* WatchStreams(
    Loop& loop, Cluster& cluster, const std::string& prefix,
    std::function<void(const grpc::Status&)> closed) {
  auto reactor = std::make_shared<WatchReactor>(std::move(closed));
  reactor->Hold();
  WatchReactor* const result = reactor.get();
  loop.Post([reactor = std::move(reactor), &cluster, prefix] { cluster.Watch(reactor, prefix); });
  return result;
}

}  // namespace millrace::control
