// The least that any server can spend: writes a ready buffer to every socket that connects, at a
// fixed rate, and does nothing else. Prints its port first. Ends at the end of its input.
//   floor --bytes=10700 --rate=25

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "tests/support/live/loop.h"

ABSL_FLAG(int, bytes, 10700, "size of one send");
ABSL_FLAG(int, rate, 25, "sends a second and socket");

namespace millrace::live {
namespace {

class Floor final : Loop::Handler {
 public:
  Floor()
      : buffer_(static_cast<size_t>(absl::GetFlag(FLAGS_bytes)), 0xA5),
        period_ns_(1'000'000'000 / absl::GetFlag(FLAGS_rate)) {}

  int Run() {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        listen(listener_, 4096) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      return 1;
    }
    std::cout << ntohs(address.sin_port) << std::endl;
    loop_.Add(listener_, EPOLLIN, *this);
    const CommandInput input(loop_, [this](const std::string&) { loop_.Stop(); });
    next_ns_ = NowNs();
    Send();
    loop_.Run();
    std::cout << "blocked " << blocked_ << std::endl;
    return 0;
  }

 private:
  void OnEvents(uint32_t /*events*/) override {
    for (int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK); fd >= 0;
         fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK)) {
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      sockets_.push_back(fd);
    }
  }

  void Send() {
    for (int& fd : sockets_) {
      const ssize_t sent = send(fd, buffer_.data(), buffer_.size(), MSG_NOSIGNAL);
      if (sent == static_cast<ssize_t>(buffer_.size())) continue;
      if (sent < 0 && errno != EAGAIN) {
        close(fd);
        fd = -1;
      } else {
        ++blocked_;
      }
    }
    std::erase(sockets_, -1);
    next_ns_ += period_ns_;
    loop_.At(next_ns_, [this] { Send(); });
  }

  Loop loop_;
  const std::vector<uint8_t> buffer_;
  const int64_t period_ns_;
  int64_t next_ns_ = 0;
  int listener_ = -1;
  std::vector<int> sockets_;
  uint64_t blocked_ = 0;
};

}  // namespace
}  // namespace millrace::live

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  millrace::live::RaiseFileLimit();
  return millrace::live::Floor().Run();
}
