#include "tests/support/live/loop.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <utility>

namespace millrace::live {

int64_t NowNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

Loop::Loop() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {}
Loop::~Loop() { close(epoll_); }

void Loop::Add(int fd, uint32_t events, Handler& handler) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &handler;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
}

void Loop::Change(int fd, uint32_t events, Handler& handler) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &handler;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
}

void Loop::Remove(int fd, Handler& handler) {
  epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  removed_.push_back(&handler);
}

void Loop::At(int64_t when_ns, std::function<void()> action) {
  timers_.emplace(when_ns, std::move(action));
}

void Loop::Run() {
  constexpr int64_t kNsPerMs = 1'000'000;
  std::array<epoll_event, 512> events;
  while (!stopped_) {
    int timeout = -1;
    if (!timers_.empty()) {
      const int64_t left = timers_.begin()->first - NowNs();
      timeout = left <= 0 ? 0 : static_cast<int>((left + kNsPerMs - 1) / kNsPerMs);
    }
    const int count = epoll_wait(epoll_, events.data(), events.size(), timeout);
    removed_.clear();
    for (int i = 0; i < count && !stopped_; ++i) {
      auto* handler = static_cast<Handler*>(events[static_cast<size_t>(i)].data.ptr);
      if (std::find(removed_.begin(), removed_.end(), handler) != removed_.end()) continue;
      handler->OnEvents(events[static_cast<size_t>(i)].events);
    }
    const int64_t now = NowNs();
    while (!stopped_ && !timers_.empty() && timers_.begin()->first <= now) {
      auto action = std::move(timers_.begin()->second);
      timers_.erase(timers_.begin());
      action();
    }
  }
}

CommandInput::CommandInput(Loop& loop, std::function<void(const std::string&)> on_line)
    : loop_(loop), on_line_(std::move(on_line)) {
  fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
  loop_.Add(STDIN_FILENO, EPOLLIN, *this);
}

void CommandInput::OnEvents(uint32_t /*events*/) {
  std::array<char, 1024> buffer;
  const ssize_t count = read(STDIN_FILENO, buffer.data(), buffer.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) {
    loop_.Remove(STDIN_FILENO, *this);
    on_line_("stop");
    return;
  }
  pending_.append(buffer.data(), static_cast<size_t>(count));
  for (size_t end = pending_.find('\n'); end != std::string::npos; end = pending_.find('\n')) {
    const std::string line = pending_.substr(0, end);
    pending_.erase(0, end + 1);
    on_line_(line);
  }
}

int Connect(const Url& url, const std::string& bind_address, int receive_buffer) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(url.port);
  const std::string host = url.host == "localhost" ? "127.0.0.1" : url.host;
  if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) return -1;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (receive_buffer > 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
  }
  if (!bind_address.empty()) {
    sockaddr_in local{};
    local.sin_family = AF_INET;
    if (inet_pton(AF_INET, bind_address.c_str(), &local.sin_addr) != 1 ||
        bind(fd, reinterpret_cast<sockaddr*>(&local), sizeof(local)) != 0) {
      close(fd);
      return -1;
    }
  }
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 &&
      errno != EINPROGRESS) {
    close(fd);
    return -1;
  }
  return fd;
}

bool Flush(int fd, std::vector<uint8_t>& pending) {
  size_t sent = 0;
  bool good = true;
  while (sent < pending.size()) {
    const ssize_t count = send(fd, pending.data() + sent, pending.size() - sent, MSG_NOSIGNAL);
    if (count < 0) {
      good = errno == EAGAIN || errno == EINTR;
      break;
    }
    sent += static_cast<size_t>(count);
  }
  pending.erase(pending.begin(), pending.begin() + static_cast<ptrdiff_t>(sent));
  return good;
}

void RaiseFileLimit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace millrace::live
