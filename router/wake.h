#pragma once
// Calls from other threads into the poll loop.

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace millrace::router {

class Wake {
 public:
  Wake() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
  ~Wake() { close(fd_); }
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;

  // Readable while calls are waiting.
  int fd() const { return fd_; }

  // Any thread.
  void Post(std::function<void()> call) {
    std::lock_guard lock(mutex_);
    calls_.push_back(std::move(call));
    if (calls_.size() == 1) Signal();
  }

  // The loop's thread.
  void Run() {
    std::vector<std::function<void()>> calls;
    {
      std::lock_guard lock(mutex_);
      if (calls_.empty()) return;
      uint64_t count = 0;
      while (read(fd_, &count, sizeof(count)) > 0) {
      }
      calls.swap(calls_);
    }
    for (const auto& call : calls) call();
  }

 private:
  void Signal() const {
    const uint64_t one = 1;
    // It cannot be full: it is read before it is raised again.
    [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof(one));
  }

  const int fd_;
  std::mutex mutex_;
  std::vector<std::function<void()>> calls_;
};

}  // namespace millrace::router
