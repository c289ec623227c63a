#include "control-plane/loop.h"

#include <atomic>
#include <future>
#include <memory>
#include <utility>

namespace millrace::control {

Loop::~Loop() { Stop(); }

void Loop::Start(std::chrono::milliseconds interval, std::function<void()> tick) {
  thread_ = std::thread([this, interval, tick = std::move(tick)] { Run(interval, tick); });
}

void Loop::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Loop::Post(Task task) {
  std::lock_guard lock(mutex_);
  if (stopping_) return;
  tasks_.push_back(std::move(task));
  changed_.notify_all();
}

bool Loop::Call(std::chrono::milliseconds timeout, Task task) {
  // A task that is dropped breaks its promise, which also makes the future ready.
  auto done = std::make_shared<std::promise<void>>();
  std::future<void> finished = done->get_future();
  auto ran = std::make_shared<std::atomic<bool>>(false);
  Post([done = std::move(done), ran, task = std::move(task)]() mutable {
    task();
    ran->store(true);
    done->set_value();
  });
  return finished.wait_for(timeout) == std::future_status::ready && ran->load();
}

void Loop::Run(std::chrono::milliseconds interval, const std::function<void()>& tick) {
  auto next_tick = std::chrono::steady_clock::now() + interval;
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait_until(lock, next_tick, [this] { return stopping_ || !tasks_.empty(); });
    std::deque<Task> tasks;
    tasks.swap(tasks_);
    const bool last = stopping_;
    lock.unlock();
    for (Task& task : tasks) task();
    tasks.clear();
    const auto now = std::chrono::steady_clock::now();
    if (!last && now >= next_tick) {
      tick();
      next_tick = now + interval;
    }
    lock.lock();
    if (last && tasks_.empty()) return;
  }
}

}  // namespace millrace::control
