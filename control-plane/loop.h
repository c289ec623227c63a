#pragma once
// The thread that owns the cluster's state. gRPC and HTTP threads post to it and touch nothing
// themselves.

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "absl/functional/any_invocable.h"

namespace millrace::control {

class Loop {
 public:
  using Task = absl::AnyInvocable<void()>;

  Loop() = default;
  ~Loop();  // as Stop()
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Starts the thread; `tick` runs on it every `interval`.
  void Start(std::chrono::milliseconds interval, std::function<void()> tick);
  // Runs what was posted so far, then joins. Tasks posted later are dropped.
  void Stop();

  // In order, from any thread.
  void Post(Task task);
  // Posts and waits until it has run; false where it had not within `timeout` (it may still run
  // later, so it must own what it touches) or the loop has stopped. Not from the loop's own thread.
  bool Call(std::chrono::milliseconds timeout, Task task);

 private:
  void Run(std::chrono::milliseconds interval, const std::function<void()>& tick);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace millrace::control
