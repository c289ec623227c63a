// The chain of bare_bus_chain through Millrace's own bus: a client that publishes, the router, a
// client that subscribes, each in a process of its own. Prints the CPU time of all three, a second.
//   bus_chain --messages_per_second=25 --seconds=10

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "router/server.h"
#include "runtime/bus/zmq_client.h"
#include "runtime/metrics/registry.h"

ABSL_FLAG(int, messages_per_second, 25, "how often a batch is sent");
ABSL_FLAG(int, bits_per_second, 2'000'000, "how much is sent");
ABSL_FLAG(double, seconds, 10, "how long to measure, after three seconds to settle and warm up");

namespace {

using namespace millrace;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
constexpr char kStream[] = "live/bench";

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Source : public bus::PublicationObserver {
 public:
  Source(boost::asio::io_context& loop, bus::Client& client)
      : timer_(loop), publication_(client.Publish(kStream, {}, *this)) {}
  void OnGranted(const bus::Grant&) override {
    media::TrackSet tracks{.version = 1, .tracks = {}};
    tracks.tracks.push_back({.id = 1, .kind = media::TrackKind::kVideo});
    publication_->SetTracks(tracks);
    next_ = Clock::now();
    Tick();
  }
  void OnRefused(v1::RefusalReason, const std::string& text) override {
    std::fprintf(stderr, "refused: %s\n", text.c_str());
  }

 private:
  void Tick() {
    const int rate = absl::GetFlag(FLAGS_messages_per_second);
    media::Frame frame;
    frame.track = 1;
    frame.sequence = ++sequence_;
    frame.flags = sequence_ % static_cast<uint64_t>(2 * rate) == 1 ? media::kClosedRandomAccess : 0;
    frame.dts_ns = static_cast<int64_t>(sequence_) * 1'000'000'000 / rate;
    frame.payload = payload_;
    publication_->Send({&frame, 1});
    next_ += std::chrono::nanoseconds(1'000'000'000 / rate);
    timer_.expires_at(next_);
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) Tick();
    });
  }

  boost::asio::steady_timer timer_;
  std::unique_ptr<bus::Publication> publication_;
  media::Payload payload_ = media::Payload::FromVector(
      std::vector<uint8_t>(static_cast<size_t>(absl::GetFlag(FLAGS_bits_per_second) / 8 /
                                               absl::GetFlag(FLAGS_messages_per_second)),
                           0xa5));
  uint64_t sequence_ = 0;
  Clock::time_point next_;
};

struct Sink : bus::SubscriptionObserver {
  void OnTracks(uint64_t, const media::TrackSet&) override {}
  void OnFrames(uint64_t, bool, std::vector<media::Frame> frames) override {
    received += frames.size();
  }
  void OnSkipped(const bus::Skip&) override {}
  void OnEnded(v1::EndReason, const std::string&) override {}
  uint64_t received = 0;
};

struct Result {
  double cpu = 0;
  uint64_t frames = 0;
};

// Measures this process while `run` keeps it busy until a point in time.
Result Measure(const std::function<void(Clock::time_point)>& run,
               const uint64_t* frames = nullptr) {
  const Clock::time_point begin = Clock::now() + 3s;
  run(begin);
  const double before = CpuSeconds();
  const uint64_t frames_before = frames != nullptr ? *frames : 0;
  run(begin + std::chrono::duration_cast<Clock::duration>(
                  std::chrono::duration<double>(absl::GetFlag(FLAGS_seconds))));
  return {CpuSeconds() - before, frames != nullptr ? *frames - frames_before : 0};
}

void Client(const char* node, const std::string& endpoint, bool publish, int pipe) {
  boost::asio::io_context loop(1);
  metrics::Registry metrics;
  const auto client = bus::MakeZmqClient(
      loop, {.node = node, .incarnation = publish ? 1u : 2u, .endpoints = {endpoint}}, metrics);
  std::unique_ptr<Source> source;
  Sink sink;
  std::unique_ptr<bus::Subscription> subscription;
  if (publish) {
    source = std::make_unique<Source>(loop, *client);
  } else {
    subscription = client->Subscribe(kStream, {}, sink);
  }
  const Result result =
      Measure([&](Clock::time_point until) { loop.run_until(until); }, &sink.received);
  _exit(write(pipe, &result, sizeof(result)) == sizeof(result) ? 0 : 1);
}

void Router(int ready, int pipe) {
  router::ServerOptions options;
  options.listen = "tcp://127.0.0.1:0";
  const auto server = router::Server::Start(options, log::Logger());
  if (!server.ok()) _exit(1);
  const uint16_t port = (*server)->port();
  if (write(ready, &port, sizeof(port)) != sizeof(port)) _exit(1);
  const Result result =
      Measure([](Clock::time_point until) { std::this_thread::sleep_until(until); });
  _exit(write(pipe, &result, sizeof(result)) == sizeof(result) ? 0 : 1);
}

int Run() {
  int pipe_ends[2];
  int ready_ends[2];
  if (pipe(pipe_ends) != 0 || pipe(ready_ends) != 0) return 1;
  if (fork() == 0) Router(ready_ends[1], pipe_ends[1]);
  uint16_t port = 0;
  if (read(ready_ends[0], &port, sizeof(port)) != sizeof(port)) return 1;
  const std::string endpoint = "tcp://127.0.0.1:" + std::to_string(port);
  if (fork() == 0) Client("source", endpoint, true, pipe_ends[1]);
  if (fork() == 0) Client("sink", endpoint, false, pipe_ends[1]);
  double cpu = 0;
  uint64_t frames = 0;
  for (int i = 0; i < 3; ++i) {
    Result result;
    if (read(pipe_ends[0], &result, sizeof(result)) != sizeof(result)) return 1;
    cpu += result.cpu;
    frames += result.frames;
  }
  while (wait(nullptr) > 0) {
  }
  std::printf("bus chain: messages_per_second=%d cpu_ms_per_s=%.2f frames=%llu\n",
              absl::GetFlag(FLAGS_messages_per_second), 1000 * cpu / absl::GetFlag(FLAGS_seconds),
              static_cast<unsigned long long>(frames));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  return Run();
}
