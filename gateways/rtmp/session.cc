#include "gateways/rtmp/session.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <utility>

#include "gateways/rtmp/crypto.h"
#include "media/base/fault.h"

namespace millrace::rtmp {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// Reads before another session gets its turn.
constexpr int kMaxReads = 8;
// Answers that a client leaves unread before it is taken for dead or hostile.
constexpr size_t kMaxUnsent = 256 * 1024;
constexpr auto kHangUpTime = std::chrono::seconds(1);
// Of a publisher that is ahead of its time, so that little media comes at once between pauses.
constexpr size_t kPacedRead = 16 * 1024;
constexpr milliseconds kMinPause{20};

// Shares of the connection where there is room for it, else why not in `refusal`.
node::ClientLimits::Shares Enter(node::Node& node, node::ClientLimits* limits,
                                 const std::string& address, std::string& refusal) {
  if (limits == nullptr || !refusal.empty()) return {};
  const auto configuration = node.configuration();
  auto shares = limits->Connect(address, configuration->limits());
  if (shares) return *std::move(shares);
  node::CountRefusal(node.metrics(), "rtmp", "connections_per_address");
  refusal = "your address has as many connections as it may have (" +
            std::to_string(configuration->limits().connections_per_address()) +
            "): close one, or ask the operator";
  return {};
}

int64_t MillisecondsOf(Clock::time_point time) {
  return std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count();
}

ConversationOptions OptionsFrom(const v1::RtmpSettings& settings, const Login* login,
                                const std::string& refusal) {
  ConversationOptions options;
  options.login = login;
  options.refusal = refusal;
  options.limits.max_message = settings.max_message();
  options.limits.max_partial = settings.max_partial();
  options.chunk_size = settings.chunk_size();
  return options;
}

}  // namespace

Session::Session(SessionShard& shard, std::unique_ptr<transport::Transport> transport,
                 Options options)
    : shard_(shard),
      node_(shard.node()),
      transport_(std::move(transport)),
      options_(std::move(options)),
      address_(options_.client.address.ToString()),
      peer_(options_.client.ToString()),
      refusal_(options_.refusal),
      connection_shares_(Enter(node_, options_.limits, address_, refusal_)),
      conversation_(OptionsFrom(options_.settings, options_.login, refusal_), OpenSslHmacSha256,
                    OpenSslRandom),
      since_(Clock::now()) {}

Session::~Session() = default;

void Session::Start() {
  shard_.Watch(*this);
  asio::co_spawn(transport_->socket().get_executor(), Run(shared_from_this()), asio::detached);
}

// The argument lives in the coroutine's frame, and with it the session.
asio::awaitable<void> Session::Run(std::shared_ptr<Session> self) { co_await self->Serve(); }

asio::awaitable<void> Session::Serve() {
  while (phase_ != Phase::kDone) {
    const boost::system::error_code error = co_await transport_->WaitReadable();
    if (error || phase_ == Phase::kDone || !ReadAvailable()) break;
    while (pause_.count() > 0) {
      if (!pace_timer_) pace_timer_.emplace(transport_->socket().get_executor());
      pace_timer_->expires_after(std::max<nanoseconds>(pause_, kMinPause));
      (void)co_await pace_timer_->async_wait(asio::as_tuple(asio::use_awaitable));
      last_media_ = Clock::now();  // that nothing came was our doing
      TooFast();
    }
  }
  Abort(ingest_ != nullptr ? "connection_lost" : "client_closed");
}

// False where the connection is over.
bool Session::ReadAvailable() {
  const std::span<uint8_t> buffer = shard_.buffer();
  for (int i = 0; i < kMaxReads && phase_ != Phase::kDone; ++i) {
    boost::system::error_code error;
    const size_t most = paced_ ? kPacedRead : buffer.size();
    const size_t size = transport_->ReadSome(buffer.first(most), error);
    // TLS yields record by record, however much there is.
    const bool drained = error || (size < most && !transport_->secure());
    // It is not us any more whom the publisher waits for.
    if (drained && std::exchange(paced_, false)) Flush();
    if (error == asio::error::would_block) return true;
    if (error) return false;
    const bool counted = CountRead(size);
    // What comes after the last word is read only so that closing does not reset the connection
    // before the client has read that word.
    if (phase_ == Phase::kOpen) Process(buffer.first(size));
    if (!counted) CountRead(size);  // it held the request that opened the record
    if (TooFast() || drained) return true;
  }
  return true;
}

bool Session::TooFast() {
  pause_ = ingest_ != nullptr && phase_ == Phase::kOpen ? ingest_->Wait() : nanoseconds(0);
  if (pause_.count() == 0) return false;
  paced_ = true;
  if (!std::exchange(pace_told_, true)) {
    node_.logger().Info("a publisher is ahead of real time and is read no faster than allowed",
                        {{"session", record_->id()},
                         {"stream", stream_},
                         {"speed_percent", app_.ingest_speed_limit()}});
  }
  return true;
}

bool Session::CountRead(size_t size) {
  if (record_ == nullptr) return false;
  record_->bytes_in.fetch_add(size, std::memory_order_relaxed);
  return true;
}

void Session::Process(media::Bytes bytes) {
  const bool was_handshaken = conversation_.handshaken();
  conversation_.Append(bytes, MillisecondsOf(Clock::now()));
  while (phase_ == Phase::kOpen) {
    auto event = conversation_.Next();
    if (!event.ok()) {
      const std::string name = media::FaultName(event.status());
      if (shard_.CountError(name)) {
        node_.logger().Warning("protocol error", {{"address", peer_},
                                                  {"error", name},
                                                  {"detail", event.status().message()},
                                                  {"user_agent", user_agent_}});
      }
      // Whoever has not even shaken hands speaks something else and would not understand.
      if (conversation_.handshaken()) conversation_.Kick("protocol error: " + name);
      CloseGently("protocol_error");
      return;
    }
    if (!event->has_value()) break;
    std::visit([this](auto& one) { On(one); }, **event);
  }
  if (phase_ != Phase::kOpen) return;
  if (!was_handshaken && conversation_.handshaken()) since_ = Clock::now();
  Flush();
  BeginPlay();
}

// Publishers take over what has changed; players are looked after by their feed.
void Session::TakeSettings() {
  auto configuration = node_.configuration();
  if (configuration == configuration_) return;
  configuration_ = std::move(configuration);
  app_ = node_.settings(stream_);
  ingest_->SetSettings(app_);
}

// What a peer that never got as far as a session did wrong: counted by name, now and then logged.
void Session::Reproach(const std::string& name) {
  if (shard_.CountError(name)) {
    node_.logger().Info("connection timed out", {{"address", peer_}, {"error", name}});
  }
}

void Session::Tick(Clock::time_point now) {
  const auto past = [&](Clock::time_point from, uint32_t ms) {
    return now - from >= milliseconds(ms);
  };
  if (phase_ == Phase::kClosing) {
    if (now - since_ >= kHangUpTime) Abort("client_closed");
  } else if (phase_ == Phase::kDone) {
    return;
  } else if (!refusal_.empty() && past(since_, options_.settings.handshake_timeout())) {
    Abort("refused");
  } else if (!conversation_.handshaken()) {
    if (past(since_, options_.settings.handshake_timeout())) {
      Reproach("rtmp_handshake_timeout");
      Abort("handshake_timeout");
    }
  } else if (ingest_ != nullptr) {
    TakeSettings();
    if (!accepted_ && past(since_, app_.wait_timeout())) {
      conversation_.RejectPublish(Refusal::kFailed, "no router took the stream in time: try again");
      CloseGently("not_granted");
    } else if (pause_.count() == 0 && past(last_media_, app_.publish_idle_timeout())) {
      conversation_.RejectPublish(
          Refusal::kFailed,
          "closed: no media came for " + std::to_string(app_.publish_idle_timeout() / 1000) + " s");
      CloseGently("publish_idle");
    }
  } else if (viewer_ == nullptr && past(since_, options_.settings.idle_timeout())) {
    Reproach("rtmp_idle_timeout");
    conversation_.Kick("closed: the connection neither publishes nor plays");
    CloseGently("idle");
  }
}

void Session::Flush() {
  if (viewer_ending_ || !conversation_.has_output()) return;
  // A client that has sent all it had and is gone answers with a reset to whatever it is sent, and
  // what of its media is still on its way would be lost: acknowledgements wait.
  if (paced_ && ingest_ != nullptr) return;
  std::vector<uint8_t> bytes = conversation_.TakeOutput();
  if (viewer_ != nullptr) {
    viewer_->SendControl(std::move(bytes));
  } else {
    Write(std::move(bytes));
  }
}

void Session::Write(std::vector<uint8_t> bytes) {
  size_t sent = 0;
  if (!is_writing_) {
    boost::system::error_code error;
    sent = transport_->WriteSome(bytes, error);  // 0 where it would block or is broken
    if (record_ != nullptr) record_->bytes_out.fetch_add(sent, std::memory_order_relaxed);
  }
  if (sent == bytes.size()) return;
  waiting_.insert(waiting_.end(), bytes.begin() + static_cast<std::ptrdiff_t>(sent), bytes.end());
  if (waiting_.size() > kMaxUnsent) {
    Abort("too_slow");
  } else if (!is_writing_) {
    WriteMore();
  }
}

void Session::WriteMore() {
  is_writing_ = true;
  transport_->WaitWritable([self = shared_from_this()](const boost::system::error_code& error) {
    self->is_writing_ = false;
    if (self->phase_ != Phase::kDone) self->Writable(error);
  });
}

void Session::Writable(const boost::system::error_code& waited) {
  boost::system::error_code error = waited;
  size_t sent = 0;
  if (!error) sent = transport_->WriteSome(waiting_, error);
  if (error && error != asio::error::would_block) {
    Abort(ingest_ != nullptr ? "connection_lost" : "client_closed");
    return;
  }
  if (record_ != nullptr) record_->bytes_out.fetch_add(sent, std::memory_order_relaxed);
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(sent));
  if (waiting_.empty()) {
    std::vector<uint8_t>().swap(waiting_);
    Drained();
  } else {
    WriteMore();
  }
}

void Session::Drained() {
  if (phase_ == Phase::kClosing) {
    transport_->ShutdownSend();
  } else {
    BeginPlay();
  }
}

void Session::CloseGently(const char* reason, bool lost) {
  if (phase_ != Phase::kOpen) return;
  EndRole(reason, lost);
  phase_ = Phase::kClosing;
  if (pace_timer_) pace_timer_->cancel();
  since_ = Clock::now();
  shard_.Watch(*this);
  Flush();
  if (phase_ == Phase::kClosing && !is_writing_) Drained();
}

void Session::Abort(const char* reason) {
  if (phase_ == Phase::kDone) return;
  EndRole(reason, true);
  phase_ = Phase::kDone;
  if (pace_timer_) pace_timer_->cancel();
  shard_.Unwatch(*this);
  boost::system::error_code ignored;
  transport_->socket().close(ignored);
  if (options_.on_end) options_.on_end();
}

void Session::EndRole(const char* reason, bool lost) {
  if (ingest_ != nullptr) {
    ingest_->Close(lost);
    ingest_.reset();
    intake_.reset();
    publisher_shares_.clear();
    paced_ = false;
  }
  viewer_.reset();
  viewer_ending_ = false;
  pending_play_.reset();
  CloseRecord(reason);
}

}  // namespace millrace::rtmp
