#include "tests/support/live/viewer.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

namespace millrace::live {
namespace {
constexpr size_t kReadSize = 256 << 10;
constexpr double kNsPerMs = 1e6;
}  // namespace

Viewer::Viewer(Loop& loop, Options options)
    : loop_(loop), options_(std::move(options)), checker_(options_.video_latencies_us) {}

Viewer::~Viewer() { Close(); }

void Viewer::Start() {
  started_ns_ = NowNs();
  fd_ = Connect(options_.url, options_.bind_address, options_.receive_buffer);
  if (fd_ < 0) {
    End("cannot connect");
    return;
  }
  if (options_.url.scheme == "rtmp") {
    rtmp_ =
        std::make_unique<RtmpClient>(RtmpClient::Role::kPlay, options_.url,
                                     static_cast<RtmpClient::Observer&>(*this), options_.fourccs);
    rtmp_->Start();
  } else if (options_.url.scheme == "http" || options_.url.scheme == "ws") {
    http_ =
        std::make_unique<HttpFlvClient>(options_.url, static_cast<HttpFlvClient::Observer&>(*this));
    http_->Start();
  } else {
    draining_ = true;
  }
  loop_.Add(fd_, EPOLLIN | (draining_ ? 0U : uint32_t{EPOLLOUT}), *this);
}

void Viewer::Close() {
  if (fd_ < 0) return;
  loop_.Remove(fd_, *this);
  close(fd_);
  fd_ = -1;
}

void Viewer::Watch(bool stalled, bool writable) {
  stalled_ = stalled;
  if (fd_ < 0) return;
  loop_.Change(fd_, (stalled ? 0U : uint32_t{EPOLLIN}) | (writable ? uint32_t{EPOLLOUT} : 0U),
               *this);
}

std::vector<uint8_t>* Viewer::Output() {
  if (rtmp_) return &rtmp_->output();
  return http_ ? &http_->output() : nullptr;
}

void Viewer::OnEvents(uint32_t events) {
  if ((events & EPOLLIN) != 0 && !stalled_) Read();
  if (fd_ >= 0 && (events & (EPOLLERR | EPOLLHUP)) != 0) {
    int error = 0;
    socklen_t size = sizeof(error);
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    End(error == ECONNREFUSED ? "refused" : error == ECONNRESET ? "reset" : "hang-up");
    return;
  }
  std::vector<uint8_t>* output = fd_ >= 0 ? Output() : nullptr;
  if (output == nullptr || (output->empty() && (events & EPOLLOUT) == 0)) return;
  if (!Flush(fd_, *output)) {
    End("reset");
    return;
  }
  Watch(stalled_, !output->empty());
}

void Viewer::Read() {
  static std::array<uint8_t, kReadSize> buffer;
  while (fd_ >= 0 && !stalled_) {
    const ssize_t count = recv(fd_, buffer.data(), buffer.size(), draining_ ? MSG_TRUNC : 0);
    if (count < 0) {
      if (errno == EAGAIN || errno == EINTR) return;
      End("reset");
      return;
    }
    if (count == 0) {
      End("end");
      return;
    }
    ++reads_;
    bytes_ += static_cast<uint64_t>(count);
    if (draining_) {
      playing_ = true;
    } else if (!Consume(std::span(buffer.data(), static_cast<size_t>(count)))) {
      End("protocol: " + (rtmp_ ? rtmp_->error() : http_->error()));
      return;
    }
    if (static_cast<size_t>(count) < buffer.size()) return;
  }
}

bool Viewer::Consume(std::span<const uint8_t> bytes) {
  const bool good = rtmp_ ? rtmp_->Feed(bytes) : http_->Feed(bytes);
  draining_ = options_.drain && playing_;
  return good;
}

void Viewer::OnTag(uint8_t type, uint32_t timestamp_ms, std::span<const uint8_t> body) {
  const int64_t now = NowNs();
  if (options_.on_tag) options_.on_tag(type, timestamp_ms, body);
  checker_.OnTag(type, timestamp_ms, body, now);
  if (!playing_ && checker_.frames() > 0) {
    playing_ = true;
    first_frame_ms_ = static_cast<double>(now - started_ns_) / kNsPerMs;
    Event("playing", {{"ms", first_frame_ms_}});
  }
  if (first_key_ms_ < 0 && checker_.key_frame_seen()) {
    first_key_ms_ = static_cast<double>(now - started_ns_) / kNsPerMs;
    Event("key", {{"ms", first_key_ms_}});
  }
}

void Viewer::OnStatus(const std::string& level, const std::string& code,
                      const std::string& description) {
  statuses_.emplace_back(code, description);
  Event("status", {{"level", level}, {"code", code}, {"description", description}});
}

void Viewer::OnResponse(int status) { Event("response", {{"status", status}}); }

void Viewer::OnFlvHeader(bool audio, bool video) {
  flags_ = std::string(audio ? "audio" : "") + (audio && video ? "+" : "") + (video ? "video" : "");
}

void Viewer::End(const std::string& how) {
  ended_ = how == "end" && http_ && http_->complete() ? "complete" : how;
  Close();
  nlohmann::json details = {{"how", ended_}};
  if (http_ && !http_->error_body().empty()) details["body"] = http_->error_body();
  Event("closed", details);
}

void Viewer::Event(const std::string& event, const nlohmann::json& details) {
  if (options_.on_event) options_.on_event(*this, event, details);
}

nlohmann::json Viewer::Report() const {
  nlohmann::json report = checker_.Report();
  report["bytes"] = bytes_;
  report["open"] = open();
  report["ended"] = ended_;
  report["first_frame_ms"] = first_frame_ms_;
  report["first_key_ms"] = first_key_ms_;
  auto& statuses = report["statuses"] = nlohmann::json::array();
  for (const auto& [code, text] : statuses_) statuses.push_back({{"code", code}, {"text", text}});
  if (http_) {
    report["status"] = http_->status();
    report["headers"] = http_->headers();
    report["error_body"] = http_->error_body();
    report["flv_flags"] = flags_;
    report["close_code"] = http_->frames().close_code();
    report["close_reason"] = http_->frames().close_reason();
  }
  return report;
}

}  // namespace millrace::live
