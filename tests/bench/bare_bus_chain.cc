// What the bus costs when nothing but ZeroMQ does it: a DEALER, a ROUTER and a DEALER, each in a
// process of its own, that carry one stream of 2 Mbit/s. Prints the CPU time of all three, a
// second.
//   bare_bus_chain --messages_per_second=25 --seconds=10

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"

ABSL_FLAG(int, messages_per_second, 25, "how often a message is sent");
ABSL_FLAG(int, bits_per_second, 2'000'000, "how much is sent");
ABSL_FLAG(double, seconds, 10, "how long to measure, after one second to warm up");

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::duration;
using std::chrono::duration_cast;

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// The CPU time of this process between two points in time, told by whoever comes by.
class Window {
 public:
  Window(Clock::time_point begin, Clock::time_point end) : begin_(begin), end_(end) {}
  void Look() {
    const Clock::time_point now = Clock::now();
    if (now >= begin_ && !first_.has_value()) first_ = CpuSeconds();
    if (now >= end_ && !last_.has_value()) last_ = CpuSeconds();
  }
  bool over() const { return last_.has_value(); }
  double cpu() const { return last_.value_or(0) - first_.value_or(0); }

 private:
  const Clock::time_point begin_;
  const Clock::time_point end_;
  std::optional<double> first_;
  std::optional<double> last_;
};

zmq::socket_t MakeSocket(zmq::context_t& context, zmq::socket_type type) {
  zmq::socket_t socket(context, type);
  socket.set(zmq::sockopt::linger, 200);
  socket.set(zmq::sockopt::sndhwm, 0);
  socket.set(zmq::sockopt::rcvhwm, 0);
  return socket;
}

void Source(const std::string& endpoint, Window& window) {
  zmq::context_t context(1);
  zmq::socket_t socket = MakeSocket(context, zmq::socket_type::dealer);
  socket.connect(endpoint);
  const int rate = absl::GetFlag(FLAGS_messages_per_second);
  const std::vector<uint8_t> body(
      static_cast<size_t>(absl::GetFlag(FLAGS_bits_per_second) / 8 / rate), 0xa5);
  Clock::time_point next = Clock::now();
  while (!window.over()) {
    std::this_thread::sleep_until(next);
    next += duration_cast<Clock::duration>(duration<double>(1.0 / rate));
    socket.send(zmq::buffer(body), zmq::send_flags::dontwait);
    window.Look();
  }
  socket.send(zmq::str_buffer("end"), zmq::send_flags::dontwait);
}

void Router(zmq::socket_t& socket, Window& window) {
  zmq::message_t sink;
  while (true) {
    zmq::message_t from;
    zmq::message_t body;
    if (!socket.recv(from).has_value() || !socket.recv(body).has_value()) continue;
    if (body.size() == 2) {
      sink.copy(from);
      continue;
    }
    const bool last = body.size() == 3;
    zmq::message_t to;
    to.copy(sink);
    socket.send(to, zmq::send_flags::sndmore);
    socket.send(body, zmq::send_flags::none);
    window.Look();
    if (last) return;
  }
}

void Sink(const std::string& endpoint, Window& window) {
  zmq::context_t context(1);
  zmq::socket_t socket = MakeSocket(context, zmq::socket_type::dealer);
  socket.connect(endpoint);
  socket.send(zmq::str_buffer("hi"), zmq::send_flags::none);
  for (zmq::message_t body; body.size() != 3;) {
    if (!socket.recv(body).has_value()) continue;
    window.Look();
  }
}

// Runs `act` in a process of its own, which writes its CPU time to `pipe`.
void Fork(Window window, int pipe, const std::function<void(Window&)>& act) {
  if (fork() != 0) return;
  act(window);
  const double cpu = window.cpu();
  _exit(write(pipe, &cpu, sizeof(cpu)) == sizeof(cpu) ? 0 : 1);
}

int Run() {
  int pipe_ends[2];
  int ready_ends[2];
  if (pipe(pipe_ends) != 0 || pipe(ready_ends) != 0) return 1;
  const Clock::time_point begin = Clock::now() + std::chrono::seconds(1);
  const Clock::time_point end =
      begin + duration_cast<Clock::duration>(duration<double>(absl::GetFlag(FLAGS_seconds)));
  const Window window(begin, end);
  Fork(window, pipe_ends[1], [&](Window& own) {
    zmq::context_t context(1);
    zmq::socket_t socket = MakeSocket(context, zmq::socket_type::router);
    socket.bind("tcp://127.0.0.1:*");
    std::string endpoint = socket.get(zmq::sockopt::last_endpoint);
    endpoint.resize(64, '\0');
    if (write(ready_ends[1], endpoint.data(), endpoint.size()) != 64) _exit(1);
    Router(socket, own);
  });
  std::array<char, 64> name{};
  if (read(ready_ends[0], name.data(), name.size()) != static_cast<ssize_t>(name.size())) return 1;
  const std::string endpoint(name.data());
  Fork(window, pipe_ends[1], [&](Window& own) { Sink(endpoint, own); });
  Fork(window, pipe_ends[1], [&](Window& own) {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));  // the sink is known by then
    Source(endpoint, own);
  });
  double total = 0;
  for (int i = 0; i < 3; ++i) {
    double cpu = 0;
    if (read(pipe_ends[0], &cpu, sizeof(cpu)) != sizeof(cpu)) return 1;
    total += cpu;
  }
  while (wait(nullptr) > 0) {
  }
  std::printf("bare bus chain: messages_per_second=%d cpu_ms_per_s=%.2f\n",
              absl::GetFlag(FLAGS_messages_per_second),
              1000 * total / absl::GetFlag(FLAGS_seconds));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  return Run();
}
