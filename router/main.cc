// millrace-router: the stream table of its shard, one GOP cache a stream, fan-out to nodes.

#include <unistd.h>

#include <atomic>
#include <iostream>
#include <optional>

#include "router/flags.h"
#include "router/server.h"
#include "runtime/lifecycle/command_line.h"
#include "runtime/lifecycle/process.h"
#include "runtime/lifecycle/signals.h"

int main(int argc, char** argv) {
  using namespace millrace;
  lifecycle::ParseCommandLine(argc, argv,
                              "Routes media from publishing to subscribing Millrace nodes.");
  const auto flags = router::ReadFlags();
  if (!flags.ok()) {
    std::cerr << "millrace-router: " << flags.status().message() << "\nTry --help.\n";
    return 2;
  }
  lifecycle::IgnoreBrokenPipes();
  lifecycle::RaiseOpenFileLimit();
  // Made before any thread; a signal that comes while there is no server has nothing to wait for.
  std::atomic<router::Server*> running = nullptr;
  std::optional<lifecycle::Signals> signals(std::in_place, [&running](int) {
    if (router::Server* server = running) return server->Drain();
    _exit(0);
  });
  const auto server = router::Server::Start(flags->server, log::Logger::Create(flags->log));
  if (!server.ok()) {
    std::cerr << "millrace-router: " << server.status().message() << "\n";
    return 1;
  }
  running = server->get();
  (*server)->Join();
  signals.reset();  // before what it calls
  return 0;
}
