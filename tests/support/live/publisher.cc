#include "tests/support/live/publisher.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

namespace millrace::live {
namespace {
constexpr int64_t kNsPerMs = 1'000'000;
}

Publisher::Publisher(Loop& loop, Options options)
    : loop_(loop),
      options_(std::move(options)),
      client_(RtmpClient::Role::kPublish, options_.url, *this),
      stream_(options_.profile, options_.run),
      self_(std::make_shared<Publisher*>(this)) {}

Publisher::~Publisher() {
  *self_ = nullptr;
  Cut();
}

void Publisher::Start() {
  fd_ = Connect(options_.url, options_.bind_address);
  if (fd_ < 0) {
    End("cannot connect");
    return;
  }
  client_.Start();
  loop_.Add(fd_, EPOLLIN | EPOLLOUT, *this);
}

void Publisher::Cut() {
  if (fd_ < 0) return;
  loop_.Remove(fd_, *this);
  close(fd_);
  fd_ = -1;
}

void Publisher::Stop() {
  if (fd_ < 0 || stopping_) return;
  stopping_ = true;
  if (client_.ready()) client_.SendGoodbye();
  Write();
}

void Publisher::End(const std::string& how) {
  Cut();
  options_.on_event("closed", {{"how", how}});
}

void Publisher::OnEvents(uint32_t events) {
  static std::array<uint8_t, 65536> buffer;
  if ((events & EPOLLIN) != 0) {
    const ssize_t count = recv(fd_, buffer.data(), buffer.size(), 0);
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
      End(count == 0 ? "end" : "reset");
      return;
    }
    if (count > 0 && !client_.Feed(std::span(buffer.data(), static_cast<size_t>(count)))) {
      End("protocol: " + client_.error());
      return;
    }
  } else if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
    End("reset");
    return;
  }
  if (fd_ >= 0) Write();
}

void Publisher::Write() {
  auto& output = client_.output();
  if (!Flush(fd_, output)) {
    End("reset");
    return;
  }
  largest_backlog_ = std::max(largest_backlog_, output.size());
  if (stopping_ && output.empty()) shutdown(fd_, SHUT_WR);
  loop_.Change(fd_, EPOLLIN | (output.empty() ? 0U : uint32_t{EPOLLOUT}), *this);
}

void Publisher::OnReady() {
  options_.on_event("publishing", nlohmann::json::object());
  began_ns_ = NowNs();
  for (const auto& header : options_.files ? options_.files->headers() : stream_.Headers()) {
    client_.SendTag(header.type, options_.timestamp_offset_ms, header.body);
  }
  SendDueFrames();
}

int64_t Publisher::NextMs() const {
  if (!options_.files) return stream_.next_ms();
  const auto& frames = options_.files->frames();
  return next_file_frame_ < frames.size() ? int64_t{frames[next_file_frame_].timestamp_ms} : -1;
}

void Publisher::SendNext() {
  if (options_.files) {
    const auto& tag = options_.files->frames()[next_file_frame_++];
    client_.SendTag(tag.type, options_.timestamp_offset_ms + tag.timestamp_ms, tag.body);
    return;
  }
  stream_.Next(NowNs(), tag_);
  client_.SendTag(tag_.type, options_.timestamp_offset_ms + tag_.timestamp_ms, tag_.body);
}

void Publisher::SendDueFrames() {
  if (fd_ < 0 || stopping_) return;
  while (!paused_ && NextMs() >= 0 && began_ns_ + NextMs() * kNsPerMs <= NowNs()) {
    SendNext();
    Write();
    if (fd_ < 0) return;
    if (options_.silent) return;
  }
  if (paused_) return;
  if (NextMs() < 0) {
    Stop();
    return;
  }
  loop_.At(began_ns_ + NextMs() * kNsPerMs, [self = self_] {
    if (*self != nullptr) (*self)->SendDueFrames();
  });
}

void Publisher::OnStatus(const std::string& level, const std::string& code,
                         const std::string& description) {
  options_.on_event("status", {{"level", level}, {"code", code}, {"description", description}});
}

nlohmann::json Publisher::Report() const {
  return {{"run", options_.run},
          {"open", open()},
          {"video", stream_.video_frames()},
          {"audio", stream_.audio_frames()},
          {"largest_backlog", largest_backlog_}};
}

}  // namespace millrace::live
