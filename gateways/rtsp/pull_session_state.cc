// What becomes of a pull: its publication, its timers, what it sends, and how it ends.

#include <array>
#include <utility>

#include "gateways/rtsp/crypto.h"
#include "gateways/rtsp/pull_session.h"
#include "gateways/rtsp/relay_attempt.h"
#include "media/base/bytes.h"
#include "media/base/fault.h"

namespace millrace::rtsp {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTick{250};
// Over UDP, where gaps are given up.
constexpr milliseconds kUdpTick{50};
constexpr auto kReportEvery = std::chrono::seconds(5);

}  // namespace

void PullSession::Publish() {
  OpenRecord(v1::ROLE_PUBLISHER, "rtsp-pull");
  std::array<uint8_t, 4> random{};
  OpenSslRandom(random);
  published_at_ = node::Clock::now();
  PublicationOptions options{stream(), record_->id(), sources_};
  options.datagrams = !inputs_.empty();
  options.ssrc = media::ByteReader(random).U32();
  stream::IngestObserver& observer = *this;
  publication_ =
      std::make_unique<Publication>(node(), shard_.context(), std::move(options), observer);
}

void PullSession::OnAccepted() {
  granted_ = true;
  Running();
}

void PullSession::OnClosed(v1::RefusalReason reason, const std::string& text) {
  EndByRouter(reason, text);
}

void PullSession::OnExcess(const char* name, const std::string& text) { EndByExcess(name, text); }

milliseconds PullSession::tick() const { return inputs_.empty() ? kTick : kUdpTick; }

std::chrono::nanoseconds PullSession::Pause() {
  return publication_ == nullptr ? std::chrono::nanoseconds(0) : publication_->Wait();
}

void PullSession::OnTick(TimePoint now) {
  if (Pause().count() > 0) {  // is not read, and so not heard
    publication_->Excuse(now);
  } else if (const absl::Status alive = conversation_.OnTimer(node::NanosecondsOf(now));
             !alive.ok()) {
    return Fail(alive);
  }
  Work();  // where UDP brought nothing, it begins again over TCP
  if (!over() && publication_ != nullptr) TickPublication(now);
}

void PullSession::TickPublication(TimePoint now) {
  publication_->OnTimer(now);
  const bool idle = publication_->IdleAt(now);
  if (!granted_) {
    if (now - published_at_ >= milliseconds(app_.wait_timeout())) {
      End(relay::End::kLost, "no router took the stream in time");
    }
  } else if (publication_->ended()) {
    End(relay::End::kOver, "the server ended the stream (RTCP BYE)");
  } else if (idle) {
    End(relay::End::kLost, "packets come, but no whole frame");
  } else if (now >= next_report_) {
    next_report_ = now + kReportEvery;
    Report(now);
  }
}

// Cameras take them for a sign of life.
void PullSession::Report(TimePoint now) {
  for (const Setup& setup : setups_) {
    const std::vector<uint8_t> report = publication_->Report(setup.media, now);
    if (report.empty()) continue;
    if (setup.transport.tcp) {
      if (!setup.transport.interleaved.has_value()) continue;
      const auto channel = static_cast<uint8_t>(setup.transport.interleaved->rtcp);
      std::vector<uint8_t> frame;
      WriteInterleavedHeader(channel, static_cast<uint16_t>(report.size()), frame);
      frame.insert(frame.end(), report.begin(), report.end());
      Write(frame);
      if (over()) return;
      continue;
    }
    const auto input = inputs_.find(setup.media);
    if (input != inputs_.end()) input->second->SendReport(report);
  }
}

void PullSession::Flush() {
  if (conversation_.has_output()) Write(conversation_.TakeOutput());
}

void PullSession::CloseUdp() {
  for (const auto& [media, input] : inputs_) input->Close();
  inputs_.clear();
  offered_.clear();
}

void PullSession::Fail(const absl::Status& status) {
  const std::string name = media::FaultName(status);
  if (name != "other") (void)shard_.CountError(name);  // the pull's own log line tells
  const Ending ending = EndingOf(status, conversation_.url());
  End(ending.end, ending.reason);
}

void PullSession::Leave() {
  conversation_.Teardown();
  Flush();
}

void PullSession::CloseRole(bool lost) {
  CloseUdp();
  if (publication_ == nullptr) return;
  publication_->Close(lost);
  publication_.reset();
}

}  // namespace millrace::rtsp
