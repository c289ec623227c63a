// Opens many viewers on one stream. A few are parsed and measure latency, the others throw their
// bytes away in the kernel, so that this program is not what is measured. One thread, epoll.
//   load --viewers=300 --parsed=3 URL      URL: rtmp://…, http://….flv, tcp://host:port (raw bytes)
//   in:  mark | stop
//   out: {"event": "ready", …} once every viewer receives, or after a minute; {"event": "mark",
//   "ns", "bytes", "reads", "open",
//        "video_latency", …} since the last mark
// With --probes=N: connects N times, one after the other, and prints the times to the first whole
// key frame.

#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "tests/support/live/loop.h"
#include "tests/support/live/percentiles.h"
#include "tests/support/live/viewer.h"

ABSL_FLAG(int, viewers, 1, "how many viewers");
ABSL_FLAG(int, parsed, 1, "how many of them are parsed in full");
ABSL_FLAG(int, probes, 0, "measure the first key frame so many times instead");

namespace millrace::live {
namespace {

constexpr size_t kConnectingAtOnce = 64;
constexpr int64_t kTickNs = 10'000'000;
constexpr int64_t kPatienceNs = 60'000'000'000;

void Print(const nlohmann::json& line) { std::cout << line.dump() << std::endl; }

class Load {
 public:
  explicit Load(Url url) : url_(std::move(url)) {}

  void Run() {
    const CommandInput input(loop_, [this](const std::string& line) {
      if (line == "mark") Mark("mark");
      if (line == "stop") loop_.Stop();
    });
    Grow();
    loop_.Run();
  }

 private:
  // Keeps a bounded number of connections on their way until all are there.
  void Grow() {
    const auto target = static_cast<size_t>(absl::GetFlag(FLAGS_viewers));
    playing_ = static_cast<size_t>(std::count_if(viewers_.begin(), viewers_.end(),
                                                 [](const auto& v) { return v->playing(); }));
    while (viewers_.size() < target && viewers_.size() - playing_ - closed_ < kConnectingAtOnce) {
      Viewer::Options options{.url = url_};
      const bool parsed = viewers_.size() < static_cast<size_t>(absl::GetFlag(FLAGS_parsed));
      options.drain = !parsed;
      if (parsed) options.video_latencies_us = &latencies_;
      options.on_event = [this](Viewer&, const std::string& event, const nlohmann::json& details) {
        if (event != "closed") return;
        ++closed_;
        Print({{"event", "closed"}, {"how", details.value("how", "")}});
      };
      viewers_.push_back(std::make_unique<Viewer>(loop_, std::move(options)));
      viewers_.back()->Start();
    }
    if (playing_ + closed_ >= target || NowNs() > begun_ns_ + kPatienceNs) {
      Mark("ready");
      return;
    }
    loop_.At(NowNs() + kTickNs, [this] { Grow(); });
  }

  void Mark(const char* event) {
    uint64_t bytes = 0, reads = 0;
    size_t open = 0, playing = 0;
    nlohmann::json parsed = nlohmann::json::array();
    for (size_t i = 0; i < viewers_.size(); ++i) {
      bytes += viewers_[i]->bytes();
      reads += viewers_[i]->reads();
      open += viewers_[i]->open() ? 1 : 0;
      playing += viewers_[i]->playing() ? 1 : 0;
      if (i < static_cast<size_t>(absl::GetFlag(FLAGS_parsed))) {
        parsed.push_back(viewers_[i]->Report());
      }
    }
    nlohmann::json line = {{"event", event},  {"ns", NowNs()}, {"bytes", bytes},
                           {"reads", reads},  {"open", open},  {"playing", playing},
                           {"parsed", parsed}};
    line["video_latency"] = Percentiles(latencies_);
    latencies_.clear();
    Print(line);
  }

  const Url url_;
  Loop loop_;
  std::vector<int32_t> latencies_;
  std::vector<std::unique_ptr<Viewer>> viewers_;
  const int64_t begun_ns_ = NowNs();
  size_t playing_ = 0;
  size_t closed_ = 0;
};

// One viewer after the other, each until its first key frame.
void Probe(const Url& url, int probes) {
  std::vector<int32_t> times_us;
  for (int i = 0; i < probes; ++i) {
    Loop loop;
    Viewer::Options options{.url = url};
    options.on_event = [&loop](Viewer&, const std::string& event, const nlohmann::json&) {
      if (event == "key" || event == "closed") loop.Stop();
    };
    Viewer viewer(loop, std::move(options));
    loop.At(NowNs() + 20'000'000'000, [&loop] { loop.Stop(); });
    viewer.Start();
    loop.Run();
    if (viewer.first_key_ms() >= 0) {
      constexpr double kUsPerMs = 1000;
      times_us.push_back(static_cast<int32_t>(viewer.first_key_ms() * kUsPerMs));
    }
  }
  Print({{"event", "probes"}, {"first_key", Percentiles(times_us)}});
}

}  // namespace
}  // namespace millrace::live

int main(int argc, char** argv) {
  using namespace millrace::live;  // NOLINT(google-build-using-namespace)
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  const auto url = rest.size() == 2 ? ParseUrl(rest[1]) : std::nullopt;
  if (!url) {
    std::cerr << "load: needs one URL\n";
    return 2;
  }
  RaiseFileLimit();
  if (absl::GetFlag(FLAGS_probes) > 0) {
    Probe(*url, absl::GetFlag(FLAGS_probes));
  } else {
    Load(*url).Run();
  }
  return 0;
}
