#include "control-plane/stream_watch.h"

#include <functional>
#include <mutex>
#include <utility>

#include "control-plane/grpc_status.h"
#include "control-plane/watch_queue.h"

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
    const WatchQueue::Result result = queue_.Push(event);
    if (result == WatchQueue::Result::kFirst) StartWrite(&queue_.front());
    lock.unlock();
    if (result == WatchQueue::Result::kOverflow) {
      FinishOnce({grpc::StatusCode::RESOURCE_EXHAUSTED,
                  "the watcher does not keep up with the changes; watch again"});
    }
  }

  void Close(const absl::Status& why) override { FinishOnce(ToGrpc(why)); }

  bool alive() const override {
    std::lock_guard lock(mutex_);
    return !finished_;
  }

 private:
  void OnWriteDone(bool ok) override {
    {
      std::lock_guard lock(mutex_);
      const bool more = queue_.Pop();
      if (ok && !finished_ && more) StartWrite(&queue_.front());
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
  WatchQueue queue_;  // the front is being written
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
