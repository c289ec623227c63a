#pragma once
// SIGTERM and SIGINT as calls: the first drains, the second ends at once.

#include <functional>
#include <thread>

namespace millrace::lifecycle {

// Construct it in main before any other thread starts: it blocks the two signals in its thread, and
// threads inherit that. Callbacks come on a thread of its own; post to yours.
class Signals {
 public:
  // `on_drain` at the first signal; `on_second` at each later one (default: _exit(130)).
  explicit Signals(std::function<void(int signal)> on_drain,
                   std::function<void(int signal)> on_second = nullptr);
  ~Signals();  // joins; the signals stay blocked
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  void Run(const std::function<void(int)>& on_drain,
           const std::function<void(int)>& on_second) const;

  int signals_ = -1;  // signalfd
  int stop_ = -1;     // eventfd
  std::thread thread_;
};

}  // namespace millrace::lifecycle
