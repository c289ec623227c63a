#include "runtime/lifecycle/signals.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <utility>

namespace millrace::lifecycle {

Signals::Signals(std::function<void(int)> on_drain, std::function<void(int)> on_second) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  stop_ = eventfd(0, EFD_CLOEXEC);
  if (!on_second) on_second = [](int) { _exit(130); };
  thread_ = std::thread([this, drain = std::move(on_drain), second = std::move(on_second)] {
    pthread_setname_np(pthread_self(), "signals");
    Run(drain, second);
  });
}

Signals::~Signals() {
  const uint64_t one = 1;
  if (write(stop_, &one, sizeof(one)) == sizeof(one)) thread_.join();
  close(signals_);
  close(stop_);
}

void Signals::Run(const std::function<void(int)>& on_drain,
                  const std::function<void(int)>& on_second) const {
  bool draining = false;
  while (true) {
    std::array<pollfd, 2> polled = {pollfd{signals_, POLLIN, 0}, pollfd{stop_, POLLIN, 0}};
    if (poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) return;
    if (polled[1].revents != 0) return;
    signalfd_siginfo info{};
    while (read(signals_, &info, sizeof(info)) == sizeof(info)) {
      (draining ? on_second : on_drain)(static_cast<int>(info.ssi_signo));
      draining = true;
    }
  }
}

}  // namespace millrace::lifecycle
