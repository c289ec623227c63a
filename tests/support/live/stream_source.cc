// Publishes synthetic streams over RTMP in real time, steered by lines on standard input, telling
// what happens in JSON lines on standard output:
//   in:  snapshot | stop | cut | pause | quit
//   out: {"event": "publishing"|"status"|"closed", "stream": i, …}, {"event": "snapshot"|"end",
//   "streams": […]}

#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "tests/support/live/loop.h"
#include "tests/support/live/publisher.h"

ABSL_FLAG(std::string, url, "",
          "rtmp://host:port/app/name; with --streams above 1 a number is appended");
ABSL_FLAG(int, streams, 1, "how many streams");
ABSL_FLAG(std::string, profile, "light", "bench, small, light, heavy, audio or video");
ABSL_FLAG(uint32_t, run, 1, "number of the first stream's run; each stream has the next");
ABSL_FLAG(uint32_t, timestamp_offset_ms, 0, "timestamp of the first frame");
ABSL_FLAG(bool, silent, false, "headers and one key frame, then nothing");
ABSL_FLAG(std::string, bind, "", "local address to connect from");

namespace millrace::live {
namespace {

void Print(const nlohmann::json& line) { std::cout << line.dump() << std::endl; }

int Main() {
  const auto url = ParseUrl(absl::GetFlag(FLAGS_url));
  const auto profile = FindProfile(absl::GetFlag(FLAGS_profile));
  if (!url || !profile) {
    std::cerr << "stream-source: --url or --profile is wrong\n";
    return 2;
  }
  RaiseFileLimit();
  Loop loop;
  std::vector<std::unique_ptr<Publisher>> publishers;
  const int count = absl::GetFlag(FLAGS_streams);
  int open = count;
  const auto report = [&](const char* event) {
    nlohmann::json line = {{"event", event}, {"streams", nlohmann::json::array()}};
    for (const auto& publisher : publishers) line["streams"].push_back(publisher->Report());
    Print(line);
  };
  for (int i = 0; i < count; ++i) {
    Publisher::Options options{.url = *url, .profile = *profile};
    if (count > 1) options.url.path += std::to_string(i);
    options.run = absl::GetFlag(FLAGS_run) + static_cast<uint32_t>(i);
    options.timestamp_offset_ms = absl::GetFlag(FLAGS_timestamp_offset_ms);
    options.silent = absl::GetFlag(FLAGS_silent);
    options.bind_address = absl::GetFlag(FLAGS_bind);
    options.on_event = [&, i](const std::string& event, const nlohmann::json& details) {
      nlohmann::json line = {{"event", event}, {"stream", i}};
      line.update(details);
      Print(line);
      if (event == "closed" && --open == 0) loop.Stop();
    };
    publishers.push_back(std::make_unique<Publisher>(loop, std::move(options)));
  }
  const CommandInput input(loop, [&](const std::string& command) {
    if (command == "snapshot") {
      report("snapshot");
      return;
    }
    if (command == "quit" || command == "cut") loop.Stop();
    for (const auto& publisher : publishers) {
      if (command == "stop") publisher->Stop();
      if (command == "cut") publisher->Cut();
      if (command == "pause") publisher->Pause();
    }
  });
  for (const auto& publisher : publishers) publisher->Start();
  if (open > 0) loop.Run();
  report("end");
  return 0;
}

}  // namespace
}  // namespace millrace::live

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  return millrace::live::Main();
}
