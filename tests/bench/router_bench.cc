// What one batch costs the router, for each subscriber: the table alone, and the process beside a
// bare ZeroMQ forwarder under the same load. BM_Router must stay within 1.5 times BM_BareZeroMq.

#include <benchmark/benchmark.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include <chrono>
#include <cstring>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "router/server.h"
#include "tests/unit/router/table_world.h"
#include "tests/unit/router/zmq_peer.h"

namespace millrace::router {
namespace {

constexpr size_t kPayload = 4'000;
constexpr int kBatches = 2'000;
constexpr auto kPace = std::chrono::microseconds(500);

class NullOutbox : public Outbox {
 public:
  void SendControl(ConnectionId, const v1::Envelope& envelope) override {
    if (envelope.has_publish_grant()) grant = envelope.publish_grant();
  }
  void SendMedia(ConnectionId, const SharedBatch& batch) override {
    benchmark::DoNotOptimize(batch.bytes.data());
  }
  v1::PublishGrant grant;
};

v1::Envelope Hello(const std::string& node, v1::Channel channel = v1::CHANNEL_MEDIA) {
  v1::Envelope envelope;
  envelope.mutable_hello()->set_node(node);
  envelope.mutable_hello()->set_incarnation(1);
  envelope.mutable_hello()->set_channel(channel);
  return envelope;
}

v1::Envelope Subscribe() {
  v1::Envelope envelope;
  *envelope.mutable_subscribe() = TableWorld::SubscribeOf(1);
  envelope.mutable_subscribe()->set_credit_limit(uint64_t{1} << 50);
  return envelope;
}

// As a re-attachment, which is taken while the router settles.
v1::Envelope Publish() {
  v1::Envelope envelope;
  *envelope.mutable_publish() = TableWorld::PublishOf(1);
  envelope.mutable_publish()->mutable_held()->set_epoch(500);
  return envelope;
}

v1::Envelope Tracks(const v1::PublishGrant& grant) {
  v1::Envelope envelope;
  envelope.mutable_track_set()->set_stream_id(grant.stream_id());
  envelope.mutable_track_set()->set_epoch(grant.epoch());
  envelope.mutable_track_set()->set_version(1);
  envelope.mutable_track_set()->set_first_sequence(1);
  return envelope;
}

SharedBatch BatchOf(const v1::PublishGrant& grant, uint64_t sequence, size_t payload) {
  return MakeBatch({.stream_id = grant.stream_id(),
                    .epoch = grant.epoch(),
                    .first = sequence,
                    .random_access = sequence % 50 == 1,
                    .payload = payload,
                    .dts_ns = static_cast<int64_t>(sequence) * 40'000'000});
}

// Arguments: subscribers, bytes of payload.
void BM_TableFanOut(benchmark::State& state) {
  NullOutbox outbox;
  Time now{.mono_ns = 1, .wall_ns = 1'700'000'000'000'000'000};
  Table table({}, outbox, now);
  const auto subscribers = static_cast<uint64_t>(state.range(0));
  for (uint64_t i = 2; i < 2 + subscribers; ++i) {
    table.OnControl(i, Hello("sub" + std::to_string(i)), now);
    table.OnControl(i, Subscribe(), now);
  }
  table.OnControl(1, Hello("pub"), now);
  table.OnControl(1, Publish(), now);
  table.OnControl(1, Tracks(outbox.grant), now);
  uint64_t sequence = 1;
  std::vector<SharedBatch> batches;
  for (auto _ : state) {
    if (batches.empty()) {
      state.PauseTiming();
      for (int i = 0; i < 500; ++i) {
        batches.push_back(BatchOf(outbox.grant, sequence + 499 - static_cast<uint64_t>(i),
                                  static_cast<size_t>(state.range(1))));
      }
      sequence += 500;
      state.ResumeTiming();
    }
    table.OnMedia(1, batches.back(), now);
    batches.pop_back();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_TableFanOut)
    ->Args({1, 4'000})
    ->Args({1, 16'000})
    ->Args({10, 4'000})
    ->Args({100, 4'000})
    ->Args({1'000, 4'000})
    ->Iterations(20'000);

// Runs `serve` in a process of its own; it writes its port to the pipe that it is given.
struct Served {
  explicit Served(const std::function<void(int)>& serve) {
    int ends[2];
    if (pipe(ends) != 0) abort();
    pid = fork();
    if (pid == 0) {
      serve(ends[1]);
      _exit(0);
    }
    if (read(ends[0], &port, sizeof(port)) != sizeof(port)) abort();
    close(ends[0]);
    close(ends[1]);
  }
  // CPU seconds that it took in all.
  double End() const {
    rusage usage{};
    kill(pid, SIGKILL);
    wait4(pid, nullptr, 0, &usage);
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }
  std::string endpoint() const { return "tcp://127.0.0.1:" + std::to_string(port); }
  pid_t pid = 0;
  int port = 0;
};

// As little as a router can do with ZeroMQ: what comes goes by reference to whoever has said "S".
void ServeBare(int report) {
  void* context = zmq_ctx_new();
  void* socket = zmq_socket(context, ZMQ_ROUTER);
  for (const int option : {ZMQ_SNDHWM, ZMQ_RCVHWM}) {
    const int none = 0;
    zmq_setsockopt(socket, option, &none, sizeof(none));
  }
  zmq_bind(socket, "tcp://127.0.0.1:*");
  char endpoint[256];
  size_t size = sizeof(endpoint);
  zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size);
  const int port = std::atoi(std::strrchr(endpoint, ':') + 1);
  if (write(report, &port, sizeof(port)) < 0) return;
  std::set<std::string> subscribers;
  while (true) {
    zmq_msg_t id, message;
    zmq_msg_init(&id);
    zmq_msg_init(&message);
    zmq_msg_recv(&id, socket, 0);
    zmq_msg_recv(&message, socket, 0);
    if (zmq_msg_size(&message) == 1) {
      subscribers.emplace(static_cast<const char*>(zmq_msg_data(&id)), zmq_msg_size(&id));
    } else {
      for (const std::string& to : subscribers) {
        zmq_msg_t copy;
        zmq_msg_init(&copy);
        zmq_msg_copy(&copy, &message);
        zmq_send(socket, to.data(), to.size(), ZMQ_SNDMORE);
        zmq_msg_send(&copy, socket, 0);
      }
    }
    zmq_msg_close(&id);
    zmq_msg_close(&message);
  }
}

void ServeRouter(int report) {
  const auto server = Server::Start({.listen = "tcp://127.0.0.1:*", .metrics = ""}, log::Logger());
  const int port = server.ok() ? (*server)->port() : 0;
  if (write(report, &port, sizeof(port)) < 0) return;
  (*server)->Join();
}

// Paced batches to `state.range(0)` subscribers; time is the server's CPU a batch.
void Measure(benchmark::State& state, bool bare) {
  for (auto _ : state) {
    const Served server(bare ? ServeBare : ServeRouter);
    void* context = zmq_ctx_new();
    v1::PublishGrant grant;
    int64_t delivered = 0;
    {
      std::vector<std::unique_ptr<ZmqPeer>> peers;
      for (int64_t i = 0; i <= state.range(0); ++i) {
        peers.push_back(std::make_unique<ZmqPeer>(context, server.endpoint()));
      }
      ZmqPeer& publisher = *peers.back();
      for (int64_t i = 0; i < state.range(0); ++i) {
        ZmqPeer& peer = *peers[static_cast<size_t>(i)];
        if (bare) {
          peer.Send(media::AsBytes("S"));
          continue;
        }
        peer.Send(Hello("sub" + std::to_string(i)));
        peer.Send(Subscribe());
        peer.ReceiveControl();  // Welcome
        peer.ReceiveControl();  // SubscribeGrant
      }
      grant.set_stream_id(1);
      grant.set_epoch(500);
      if (!bare) {
        publisher.Send(Hello("pub"));
        publisher.Send(Publish());
        publisher.ReceiveControl();
        grant = publisher.ReceiveControl().publish_grant();
        publisher.Send(Tracks(grant));
      } else {
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
      }
      const auto start = std::chrono::steady_clock::now();
      for (int i = 1; i <= kBatches; ++i) {
        publisher.Send(BatchOf(grant, static_cast<uint64_t>(i), kPayload).bytes.bytes());
        for (auto& peer : peers) delivered += peer->Drain(kPayload);
        std::this_thread::sleep_until(start + i * kPace);
      }
      const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(5);
      while (delivered < kBatches * state.range(0) && std::chrono::steady_clock::now() < give_up) {
        for (auto& peer : peers) delivered += peer->Drain(kPayload);
      }
    }
    zmq_ctx_term(context);
    const double seconds = server.End();
    if (delivered != kBatches * state.range(0)) state.SkipWithError("batches are missing");
    state.SetIterationTime(seconds / kBatches);
    state.counters["us_per_delivery"] =
        seconds * 1e6 / static_cast<double>(kBatches * state.range(0));
  }
}
void BM_BareZeroMq(benchmark::State& state) { Measure(state, true); }
void BM_Router(benchmark::State& state) { Measure(state, false); }
// Nodes lose their lease after 3 s, so each run is shorter.
BENCHMARK(BM_BareZeroMq)->Arg(1)->Arg(8)->Arg(32)->Iterations(1)->UseManualTime();
BENCHMARK(BM_Router)->Arg(1)->Arg(8)->Arg(32)->Iterations(1)->UseManualTime();

}  // namespace
}  // namespace millrace::router
