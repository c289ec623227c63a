// Publishes synthetic streams over RTMP in real time, steered by lines on standard input, telling
// what happens in JSON lines on standard output:
// With --files it publishes those once and ends.
//   in:  snapshot | stop | cut | pause | quit
//   out: {"event": "publishing"|"status"|"closed", "stream": i, …}, {"event": "snapshot"|"end",
//   "streams": […]}

#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "tests/support/live/elementary.h"
#include "tests/support/live/loop.h"
#include "tests/support/live/publisher.h"
#include "tests/support/live/tag_record.h"

ABSL_FLAG(std::string, url, "",
          "rtmp://host:port/app/name; with --streams above 1 a number is appended");
ABSL_FLAG(int, streams, 1, "how many streams");
ABSL_FLAG(std::string, profile, "light", "bench, small, light, heavy, audio or video");
ABSL_FLAG(
    std::vector<std::string>, files, {},
    "elementary streams in place of a profile (elementary.h), the first of a kind as main track");
ABSL_FLAG(bool, codec_id_12, false, "HEVC of --files as CodecID 12");
ABSL_FLAG(bool, hdr, false, "with --files: colour information of HDR");
ABSL_FLAG(std::string, record, "", "with --files: writes what is published there, a line a tag");
ABSL_FLAG(uint32_t, run, 1, "number of the first stream's run; each stream has the next");
ABSL_FLAG(uint32_t, timestamp_offset_ms, 0, "timestamp of the first frame");
ABSL_FLAG(bool, silent, false, "headers and one key frame, then nothing");
ABSL_FLAG(std::string, bind, "", "local address to connect from");

namespace millrace::live {
namespace {

void Print(const nlohmann::json& line) { std::cout << line.dump() << std::endl; }

void WriteRecord(const ElementaryStream& files, const std::string& path) {
  std::ofstream record(path);
  for (const auto* tags : {&files.headers(), &files.frames()}) {
    for (const auto& tag : *tags) {
      nlohmann::json line = DescribeTag(tag.type, tag.body);
      line["ms"] = tag.timestamp_ms;
      record << line.dump() << "\n";
    }
  }
}

int Main() {
  const auto url = ParseUrl(absl::GetFlag(FLAGS_url));
  const auto profile = FindProfile(absl::GetFlag(FLAGS_profile));
  if (!url || !profile) {
    std::cerr << "stream-source: --url or --profile is wrong\n";
    return 2;
  }
  std::optional<ElementaryStream> files;
  if (!absl::GetFlag(FLAGS_files).empty()) {
    std::string error;
    files = ElementaryStream::Open(
        absl::GetFlag(FLAGS_files),
        {.codec_id_12 = absl::GetFlag(FLAGS_codec_id_12), .hdr = absl::GetFlag(FLAGS_hdr)}, error);
    if (!files) {
      std::cerr << "stream-source: " << error << "\n";
      return 2;
    }
    WriteRecord(*files, absl::GetFlag(FLAGS_record));
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
    Publisher::Options options{.url = *url, .profile = *profile, .files = files};
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
