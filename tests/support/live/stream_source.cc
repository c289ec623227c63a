// Publishes synthetic streams over RTMP in real time, steered by lines on standard input, telling
// what happens in JSON lines on standard output:
// With --files it publishes those once and ends.
//   in:  snapshot | stop [I] | cut [I] | pause [I] | quit
//   out: {"event": "publishing"|"status"|"closed", "stream": i, …}, {"event": "snapshot"|"end",
//   "streams": […]}
// Without I a command is for all; after "cut" for all it ends. With --steered publishers come and
// go while it runs, until "quit": "publish URL [PROFILE]" adds the next one, with the next run
// number; whoever is closed, by the server or by a command, is forgotten.

#include <charconv>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
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
ABSL_FLAG(std::string, profile, "light", "bench, small, light, thrifty, heavy, audio or video");
ABSL_FLAG(
    std::vector<std::string>, files, {},
    "elementary streams in place of a profile (elementary.h), the first of a kind as main track");
ABSL_FLAG(bool, codec_id_12, false, "HEVC of --files as CodecID 12");
ABSL_FLAG(bool, hdr, false, "with --files: colour information of HDR");
ABSL_FLAG(std::string, record, "", "with --files: writes what is published there, a line a tag");
ABSL_FLAG(uint32_t, run, 1, "number of the first stream's run; each stream has the next");
ABSL_FLAG(uint32_t, timestamp_offset_ms, 0, "timestamp of the first frame");
ABSL_FLAG(bool, silent, false, "headers and one key frame, then nothing");
ABSL_FLAG(bool, steered, false,
          "publishers are added by commands, in place of --url; ends with \"quit\" only");
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

class Program {
 public:
  int Run() {
    std::string error;
    if (!absl::GetFlag(FLAGS_files).empty() && !OpenFiles(error)) return Fail(error);
    if (!steered_ && !AddAll()) return Fail("--url or --profile is wrong");
    open_ = publishers_.size();
    const CommandInput input(loop_, [this](const std::string& line) { Obey(line); });
    for (const auto& publisher : publishers_) publisher->Start();
    if (open_ > 0 || steered_) loop_.Run();
    Report("end");
    return 0;
  }

 private:
  static int Fail(const std::string& error) {
    std::cerr << "stream-source: " << error << "\n";
    return 2;
  }

  bool OpenFiles(std::string& error) {
    files_ = ElementaryStream::Open(
        absl::GetFlag(FLAGS_files),
        {.codec_id_12 = absl::GetFlag(FLAGS_codec_id_12), .hdr = absl::GetFlag(FLAGS_hdr)}, error);
    if (files_) WriteRecord(*files_, absl::GetFlag(FLAGS_record));
    return files_.has_value();
  }

  bool AddAll() {
    const int count = absl::GetFlag(FLAGS_streams);
    for (int i = 0; i < count; ++i) {
      std::string url = absl::GetFlag(FLAGS_url);
      if (count > 1) url += std::to_string(i);
      if (!Add(url, absl::GetFlag(FLAGS_profile))) return false;
    }
    return true;
  }

  bool Add(const std::string& text, const std::string& profile_name) {
    const auto url = ParseUrl(text);
    const auto profile = FindProfile(profile_name);
    if (!url || !profile) return false;
    Publisher::Options options{.url = *url, .profile = *profile, .files = files_};
    const size_t index = publishers_.size();
    options.run = absl::GetFlag(FLAGS_run) + static_cast<uint32_t>(index);
    options.timestamp_offset_ms = absl::GetFlag(FLAGS_timestamp_offset_ms);
    options.silent = absl::GetFlag(FLAGS_silent);
    options.bind_address = absl::GetFlag(FLAGS_bind);
    options.on_event = [this, index](const std::string& event, const nlohmann::json& details) {
      nlohmann::json line = {{"event", event}, {"stream", index}};
      line.update(details);
      Print(line);
      if (event == "closed") OnClosed(index);
    };
    publishers_.push_back(std::make_unique<Publisher>(loop_, std::move(options)));
    return true;
  }

  void OnClosed(size_t index) {
    if (!steered_) {
      if (--open_ == 0) loop_.Stop();
      return;
    }
    // Once its own functions, of which one is the caller, have returned.
    loop_.At(NowNs(), [this, index] { publishers_[index].reset(); });
  }

  void Obey(const std::string& line) {
    std::istringstream words(line);
    std::string command, object, profile = absl::GetFlag(FLAGS_profile);
    words >> command >> object >> profile;
    if (command == "snapshot") {
      Report("snapshot");
    } else if (command == "publish" && steered_) {
      if (Add(object, profile)) publishers_.back()->Start();
    } else if (command == "quit" || (command == "cut" && object.empty())) {
      loop_.Stop();
    } else if (object.empty()) {
      for (size_t i = 0; i < publishers_.size(); ++i) Tell(i, command);
    } else {
      size_t index = 0;
      std::from_chars(object.data(), object.data() + object.size(), index);
      if (index < publishers_.size()) Tell(index, command);
    }
  }

  void Tell(size_t index, const std::string& command) {
    Publisher* const publisher = publishers_[index].get();
    if (publisher == nullptr) return;
    if (command == "stop") publisher->Stop();
    if (command == "pause") publisher->Pause();
    if (command != "cut") return;
    publisher->Cut();
    if (!steered_) return;
    Print({{"event", "closed"}, {"stream", index}, {"how", "cut"}});
    OnClosed(index);
  }

  void Report(const char* event) {
    nlohmann::json line = {{"event", event}, {"streams", nlohmann::json::array()}};
    for (const auto& publisher : publishers_) {
      if (publisher) line["streams"].push_back(publisher->Report());
    }
    Print(line);
  }

  const bool steered_ = absl::GetFlag(FLAGS_steered);
  Loop loop_;
  std::optional<ElementaryStream> files_;
  std::vector<std::unique_ptr<Publisher>> publishers_;
  size_t open_ = 0;
};

}  // namespace
}  // namespace millrace::live

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  millrace::live::RaiseFileLimit();
  return millrace::live::Program().Run();
}
