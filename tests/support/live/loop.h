#pragma once
// A single-threaded epoll loop with deadlines, and the few socket calls the tools need.

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "tests/support/live/url.h"

namespace millrace::live {

int64_t NowNs();  // CLOCK_MONOTONIC

class Loop {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual void OnEvents(uint32_t events) = 0;  // EPOLLIN …
  };

  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void Add(int fd, uint32_t events, Handler& handler);
  void Change(int fd, uint32_t events, Handler& handler);
  void Remove(int fd, Handler& handler);
  void At(int64_t when_ns, std::function<void()> action);
  void Run();  // until Stop()
  void Stop() { stopped_ = true; }

 private:
  int epoll_;
  bool stopped_ = false;
  std::multimap<int64_t, std::function<void()>> timers_;
  std::vector<Handler*> removed_;  // in this round: their pending events are void
};

// Lines that arrive on standard input, so that a test can steer a tool. At the end of input:
// "stop".
class CommandInput final : Loop::Handler {
 public:
  CommandInput(Loop& loop, std::function<void(const std::string&)> on_line);

 private:
  void OnEvents(uint32_t events) override;
  Loop& loop_;
  std::function<void(const std::string&)> on_line_;
  std::string pending_;
};

// A non-blocking socket on its way to the host; -1 where that fails at once. `bind_address` chooses
// the loopback address to come from; `receive_buffer` sets SO_RCVBUF where it is above 0.
int Connect(const Url& url, const std::string& bind_address = "", int receive_buffer = 0);
// Writes what the socket takes and removes it from the front of `pending`; false where it is
// broken.
bool Flush(int fd, std::vector<uint8_t>& pending);
void RaiseFileLimit();

}  // namespace millrace::live
