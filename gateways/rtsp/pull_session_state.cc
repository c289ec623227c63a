// What becomes of a pull: its publication, its timers, what it sends, and how it ends.

#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "gateways/rtsp/crypto.h"
#include "gateways/rtsp/pull_reason.h"
#include "gateways/rtsp/pull_session.h"
#include "media/base/bytes.h"
#include "media/base/fault.h"

namespace millrace::rtsp {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

// What a server leaves unread before it is taken for dead.
constexpr size_t kMaxUnsent = 64 * 1024;
constexpr milliseconds kTick{250};
// Over UDP, where gaps are given up.
constexpr milliseconds kUdpTick{50};
constexpr auto kReportEvery = std::chrono::seconds(5);

int64_t NanosecondsOf(std::chrono::steady_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

const char* SessionEnd(relay::End end) {
  return end == relay::End::kLost ? "connection_lost" : relay::EndName(end);
}

}  // namespace

void PullSession::Publish() {
  v1::Session row;
  row.set_protocol("rtsp-pull");
  row.set_role(v1::ROLE_PUBLISHER);
  row.set_stream(options_.pull.stream());
  row.set_address(server_.ToString());
  const auto kick = [weak = weak_from_this(),
                     &context = shard_.context()](const rpc::KickOrder& order) {
    asio::post(context, [weak, order] {
      if (const auto self = weak.lock()) self->End(relay::End::kKicked, order.reason);
    });
  };
  record_ = node_.sessions().Open(std::move(row), kick);
  std::array<uint8_t, 4> random{};
  OpenSslRandom(random);
  published_at_ = std::chrono::steady_clock::now();
  PublicationOptions options{options_.pull.stream(), record_->id(), sources_};
  options.datagrams = !inputs_.empty();
  options.ssrc = media::ByteReader(random).U32();
  stream::IngestObserver& observer = *this;
  publication_ =
      std::make_unique<Publication>(node_, shard_.context(), std::move(options), observer);
}

void PullSession::OnAccepted() {
  granted_ = true;
  if (!over_) options_.events.on_running(record_->id());
}

void PullSession::OnClosed(v1::RefusalReason reason, const std::string& text) {
  if (reason == v1::REFUSAL_KICKED) {
    End(relay::End::kKicked, text);
  } else if (reason == v1::REFUSAL_REPLACED || reason == v1::REFUSAL_FENCED) {
    End(relay::End::kReplaced, text.empty() ? "another publisher has taken the stream" : text);
  } else {
    End(relay::End::kRefused, text.empty() ? "somebody else publishes this stream" : text);
  }
}

void PullSession::ArmTimer() {
  if (over_) return;
  timer_.expires_after(inputs_.empty() ? kTick : kUdpTick);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    if (error) return;
    if (const auto self = weak.lock()) self->Tick();
  });
}

void PullSession::Tick() {
  if (over_) return;
  const TimePoint now = std::chrono::steady_clock::now();
  if (transport_ != nullptr) {
    const absl::Status alive = conversation_.OnTimer(NanosecondsOf(now));
    if (!alive.ok()) return Fail(alive);
    Work();  // where UDP brought nothing, it begins again over TCP
  }
  if (!over_ && publication_ != nullptr) TickPublication(now);
  ArmTimer();
}

void PullSession::TickPublication(TimePoint now) {
  publication_->OnTimer(now);
  const bool idle = publication_->IdleAt(now);
  if (!granted_) {
    if (now - published_at_ >= milliseconds(settings_.wait_timeout())) {
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
      WriteInterleavedHeader(channel, static_cast<uint16_t>(report.size()), waiting_);
      waiting_.insert(waiting_.end(), report.begin(), report.end());
      continue;
    }
    const auto input = inputs_.find(setup.media);
    if (input != inputs_.end()) input->second->SendReport(report);
  }
  Flush();
}

void PullSession::Flush() {
  const std::vector<uint8_t> more = conversation_.TakeOutput();
  waiting_.insert(waiting_.end(), more.begin(), more.end());
  if (is_writing_ || waiting_.empty() || transport_ == nullptr) return;
  boost::system::error_code error;
  const size_t sent = transport_->WriteSome(waiting_, error);
  // A connection that is broken says so to the one who reads, too.
  if (error && error != asio::error::would_block) return waiting_.clear();
  if (record_ != nullptr) record_->bytes_out.fetch_add(sent, std::memory_order_relaxed);
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(sent));
  if (waiting_.empty()) return;
  if (waiting_.size() > kMaxUnsent) {
    End(relay::End::kLost, "the server does not read what it is sent");
    return;
  }
  is_writing_ = true;
  transport_->WaitWritable([weak = weak_from_this()](const boost::system::error_code&) {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->is_writing_ = false;
    if (!self->over_) self->Flush();
  });
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

void PullSession::End(relay::End end, const std::string& reason, bool goodbye) {
  if (std::exchange(over_, true)) return;
  timer_.cancel();
  if (transport_ != nullptr) {
    conversation_.Teardown();
    const std::vector<uint8_t> last = conversation_.TakeOutput();
    boost::system::error_code ignored;
    if (!is_writing_) (void)transport_->WriteSome(last, ignored);
    transport_->ShutdownSend();
    transport_->socket().close(ignored);
  }
  CloseUdp();
  if (publication_ != nullptr) {
    publication_->Close(!goodbye);
    publication_.reset();
  }
  if (record_ != nullptr) node_.sessions().Close(*record_, SessionEnd(end));
  record_.reset();
  options_.events.on_ended(end, reason);
}

}  // namespace millrace::rtsp
