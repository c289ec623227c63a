#include "gateways/rtmp/session.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <utility>

#include "gateways/rtmp/crypto.h"
#include "media/base/fault.h"

namespace millrace::rtmp {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::milliseconds;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
// Reads before another session gets its turn.
constexpr int kMaxReads = 8;
// Answers that a client leaves unread before it is taken for dead or hostile.
constexpr size_t kMaxUnsent = 256 * 1024;
constexpr auto kHangUpTime = std::chrono::seconds(1);

// Of the client; an IPv4 client of a dual-stack socket is shown as one.
asio::ip::address AddressOf(const tcp::socket& socket) {
  boost::system::error_code error;
  asio::ip::address address = socket.remote_endpoint(error).address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  return address;
}

std::string PeerOf(const tcp::socket& socket) {
  boost::system::error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  const asio::ip::address address = AddressOf(socket);
  const std::string host = address.to_string();
  const std::string port = std::to_string(endpoint.port());
  return address.is_v6() ? "[" + host + "]:" + port : host + ":" + port;
}

int64_t MillisecondsOf(Clock::time_point time) {
  return std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count();
}

ConversationOptions OptionsFrom(const v1::RtmpSettings& settings, const Login* login) {
  ConversationOptions options;
  options.login = login;
  options.limits.max_message = settings.max_message();
  options.limits.max_partial = settings.max_partial();
  options.chunk_size = settings.chunk_size();
  return options;
}

}  // namespace

Session::Session(SessionShard& shard, tcp::socket socket, Options options)
    : shard_(shard),
      node_(shard.node()),
      socket_(std::move(socket)),
      options_(std::move(options)),
      address_(AddressOf(socket_).to_string()),
      peer_(PeerOf(socket_)),
      conversation_(OptionsFrom(options_.settings, options_.login), OpenSslHmacSha256,
                    OpenSslRandom),
      since_(Clock::now()) {}

Session::~Session() = default;

void Session::Start() {
  shard_.Watch(*this);
  asio::co_spawn(socket_.get_executor(), Run(shared_from_this()), asio::detached);
}

// The argument lives in the coroutine's frame, and with it the session.
asio::awaitable<void> Session::Run(std::shared_ptr<Session> self) { co_await self->Serve(); }

asio::awaitable<void> Session::Serve() {
  boost::system::error_code ignored;
  socket_.non_blocking(true, ignored);
  while (phase_ != Phase::kDone) {
    const auto [error] = co_await socket_.async_wait(tcp::socket::wait_read, kAwait);
    if (error || phase_ == Phase::kDone || !ReadAvailable()) break;
  }
  Abort(ingest_ != nullptr ? "connection_lost" : "client_closed");
}

// False where the connection is over.
bool Session::ReadAvailable() {
  const std::span<uint8_t> buffer = shard_.buffer();
  for (int i = 0; i < kMaxReads && phase_ != Phase::kDone; ++i) {
    boost::system::error_code error;
    const size_t size = socket_.read_some(asio::buffer(buffer.data(), buffer.size()), error);
    if (error == asio::error::would_block || error == asio::error::try_again) return true;
    if (error) return false;
    const bool counted = CountRead(size);
    // What comes after the last word is read only so that closing does not reset the connection
    // before the client has read that word.
    if (phase_ == Phase::kOpen) Process(buffer.first(size));
    if (!counted) CountRead(size);  // it held the request that opened the record
    if (size < buffer.size()) return true;
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

void Session::Tick(Clock::time_point now) {
  const auto past = [&](Clock::time_point from, uint32_t ms) {
    return now - from >= milliseconds(ms);
  };
  if (phase_ == Phase::kClosing) {
    if (now - since_ >= kHangUpTime) Abort("client_closed");
  } else if (phase_ == Phase::kDone) {
    return;
  } else if (!conversation_.handshaken()) {
    if (past(since_, options_.settings.handshake_timeout())) Abort("handshake_timeout");
  } else if (ingest_ != nullptr) {
    if (!accepted_ && past(since_, app_.wait_timeout())) {
      conversation_.RejectPublish(Refusal::kFailed, "no router took the stream in time: try again");
      CloseGently("not_granted");
    } else if (past(last_media_, app_.publish_idle_timeout())) {
      conversation_.RejectPublish(Refusal::kFailed,
                                  "closed: no H.264 or AAC media came for " +
                                      std::to_string(app_.publish_idle_timeout() / 1000) + " s");
      CloseGently("publish_idle");
    }
  } else if (viewer_ == nullptr && past(since_, options_.settings.idle_timeout())) {
    conversation_.Kick("closed: the connection neither publishes nor plays");
    CloseGently("idle");
  }
}

void Session::Flush() {
  if (viewer_ending_ || !conversation_.has_output()) return;
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
    sent = socket_.write_some(asio::buffer(bytes), error);  // 0 where it would block or is broken
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
  writing_ = std::exchange(waiting_, {});
  asio::async_write(
      socket_, asio::buffer(writing_),
      [self = shared_from_this()](const boost::system::error_code& error, size_t size) {
        self->is_writing_ = false;
        if (self->record_ != nullptr) {
          self->record_->bytes_out.fetch_add(size, std::memory_order_relaxed);
        }
        if (self->phase_ == Phase::kDone) return;
        if (error) {
          self->Abort(self->ingest_ != nullptr ? "connection_lost" : "client_closed");
        } else if (!self->waiting_.empty()) {
          self->WriteMore();
        } else {
          self->Drained();
        }
      });
}

void Session::Drained() {
  if (phase_ == Phase::kClosing) {
    boost::system::error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
  } else {
    BeginPlay();
  }
}

void Session::CloseGently(const char* reason, bool lost) {
  if (phase_ != Phase::kOpen) return;
  EndRole(reason, lost);
  phase_ = Phase::kClosing;
  since_ = Clock::now();
  shard_.Watch(*this);
  Flush();
  if (phase_ == Phase::kClosing && !is_writing_) Drained();
}

void Session::Abort(const char* reason) {
  if (phase_ == Phase::kDone) return;
  EndRole(reason, true);
  phase_ = Phase::kDone;
  shard_.Unwatch(*this);
  boost::system::error_code ignored;
  socket_.close(ignored);
  if (options_.on_end) options_.on_end();
}

void Session::EndRole(const char* reason, bool lost) {
  if (ingest_ != nullptr) {
    ingest_->Close(lost);
    ingest_.reset();
    frames_.reset();
  }
  viewer_.reset();
  viewer_ending_ = false;
  pending_play_.reset();
  CloseRecord(reason);
}

}  // namespace millrace::rtmp
