// Plays synthetic streams and accounts for every frame, steered by lines on standard input:
//   stream-check [flags] URL[*COUNT]...
//   in:  snapshot | latency | stop | stall I | resume I | close I
//   out: {"event": "playing"|"key"|"status"|"response"|"closed", "viewer": i, …},
//        {"event": "snapshot"|"end", "viewers": […]},
//        {"event": "latency", "latency": {…} since last asked}
// With --steered viewers come and go while it runs, until "stop": "open URL" adds the next one;
// whoever is closed, by the server or by a command, is reported once more ({"event": "gone",
// "viewer": i, "report": {…}}) and forgotten.

#include <charconv>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "tests/support/live/loop.h"
#include "tests/support/live/percentiles.h"
#include "tests/support/live/tag_record.h"
#include "tests/support/live/viewer.h"

ABSL_FLAG(std::string, bind, "", "local address to connect from");
ABSL_FLAG(int, receive_buffer, 0, "SO_RCVBUF of each viewer, 0: the system's");
ABSL_FLAG(std::string, record, "", "writes every tag there, a JSON line each (tag_record.h)");
ABSL_FLAG(std::vector<std::string>, fourccs, {}, "codecs that RTMP players announce, enhanced");
ABSL_FLAG(bool, steered, false, "viewers are opened by commands, too; ends with \"stop\" only");
ABSL_FLAG(bool, latency, false, "collect latencies of video frames");

namespace millrace::live {
namespace {

void Print(const nlohmann::json& line) { std::cout << line.dump() << std::endl; }

class Program {
 public:
  explicit Program(const std::vector<std::string>& targets) {
    if (const std::string path = absl::GetFlag(FLAGS_record); !path.empty()) record_.open(path);
    for (const std::string& target : targets) AddTarget(target);
  }

  int Run() {
    if (!error_.empty() || (viewers_.empty() && !steered_)) {
      std::cerr << "stream-check: " << (error_.empty() ? "no URL" : error_) << "\n";
      return 2;
    }
    open_ = viewers_.size();
    const CommandInput input(loop_, [this](const std::string& line) { Obey(line); });
    for (const auto& viewer : viewers_) viewer->Start();
    if (open_ > 0 || steered_) loop_.Run();
    Report("end");
    return 0;
  }

 private:
  void AddTarget(const std::string& target) {
    const size_t star = target.rfind('*');
    size_t count = 1;
    if (star != std::string::npos) {
      std::from_chars(target.data() + star + 1, target.data() + target.size(), count);
    }
    const auto url = ParseUrl(target.substr(0, star));
    if (!url) {
      error_ = "not a URL: " + target;
      return;
    }
    for (size_t i = 0; i < count; ++i) {
      Viewer::Options options{.url = *url};
      options.bind_address = absl::GetFlag(FLAGS_bind);
      options.receive_buffer = absl::GetFlag(FLAGS_receive_buffer);
      if (absl::GetFlag(FLAGS_latency)) options.video_latencies_us = &latencies_;
      options.fourccs = absl::GetFlag(FLAGS_fourccs);
      if (record_.is_open()) {
        options.on_tag = [this, index = viewers_.size()](uint8_t type, uint32_t timestamp_ms,
                                                         std::span<const uint8_t> body) {
          nlohmann::json tag = DescribeTag(type, body);
          tag["ms"] = timestamp_ms;
          tag["viewer"] = index;
          record_ << tag.dump() << std::endl;
        };
      }
      options.on_event = [this, index = viewers_.size()](Viewer&, const std::string& event,
                                                         const nlohmann::json& details) {
        nlohmann::json line = {{"event", event}, {"viewer", index}};
        line.update(details);
        Print(line);
        if (event != "closed") return;
        if (steered_) {
          Forget(index);
        } else if (--open_ == 0) {
          loop_.Stop();
        }
      };
      viewers_.push_back(std::make_unique<Viewer>(loop_, std::move(options)));
    }
  }

  void Obey(const std::string& line) {
    const size_t space = line.find(' ');
    const std::string command = line.substr(0, space);
    if (command == "snapshot") Report("snapshot");
    if (command == "latency") ReportLatency();
    if (command == "stop") loop_.Stop();
    if (space == std::string::npos) return;
    if (command == "open") {
      const size_t first = viewers_.size();
      AddTarget(line.substr(space + 1));
      for (size_t i = first; i < viewers_.size(); ++i) viewers_[i]->Start();
      return;
    }
    size_t index = 0;
    std::from_chars(line.data() + space + 1, line.data() + line.size(), index);
    if (index >= viewers_.size() || !viewers_[index]) return;
    if (command == "stall") viewers_[index]->Stall();
    if (command == "resume") viewers_[index]->Resume();
    if (command == "close") {
      viewers_[index]->Close();
      if (steered_) Forget(index);
    }
  }

  // Once its own functions, of which one may be the caller, have returned.
  void Forget(size_t index) {
    loop_.At(NowNs(), [this, index] {
      if (!viewers_[index]) return;
      Print({{"event", "gone"}, {"viewer", index}, {"report", viewers_[index]->Report()}});
      viewers_[index].reset();
    });
  }

  void Report(const char* event) {
    nlohmann::json line = {{"event", event}, {"viewers", nlohmann::json::array()}};
    for (const auto& viewer : viewers_) {
      if (viewer) line["viewers"].push_back(viewer->Report());
    }
    Print(line);
  }

  void ReportLatency() {
    Print({{"event", "latency"}, {"latency", Percentiles(latencies_)}});
    latencies_.clear();
  }

  const bool steered_ = absl::GetFlag(FLAGS_steered);
  Loop loop_;
  std::ofstream record_;
  std::vector<int32_t> latencies_;  // since the last one reported
  std::vector<std::unique_ptr<Viewer>> viewers_;
  size_t open_ = 0;
  std::string error_;
};

}  // namespace
}  // namespace millrace::live

int main(int argc, char** argv) {
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  millrace::live::RaiseFileLimit();
  return millrace::live::Program(std::vector<std::string>(rest.begin() + 1, rest.end())).Run();
}
