#include "runtime/node/relay_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "runtime/node/client_limits.h"
#include "runtime/node/logins.h"
#include "runtime/transport/certificate.h"
#include "runtime/transport/dial.h"

namespace millrace::node {
namespace {

namespace asio = boost::asio;

constexpr int kMaxReads = 8;
constexpr size_t kMaxUnsent = 256 * 1024;
// Of a source that is ahead of its time, so that little media comes at once between pauses.
constexpr size_t kPacedRead = 16 * 1024;
constexpr std::chrono::milliseconds kMinPause{20};

// An attempt as the home shard holds it.
class Handle final : public relay::Session {
 public:
  // Empty: the attempt could not even begin.
  Handle() = default;
  Handle(SessionShard& shard, std::weak_ptr<RelaySession> session)
      : shard_(&shard), session_(std::move(session)) {}

  void Stop(relay::StopKind kind) override {
    if (shard_ == nullptr) return;
    asio::post(shard_->context(), [session = session_, kind] {
      if (const auto alive = session.lock()) alive->Stop(kind);
    });
  }

 private:
  SessionShard* shard_ = nullptr;
  std::weak_ptr<RelaySession> session_;
};

}  // namespace

RelaySession::RelaySession(SessionShard& shard, Options options)
    : shard_(shard),
      options_(std::move(options)),
      since_(Clock::now()),
      ticker_(shard.context()),
      pace_(shard.context()) {
  (void)Reconfigured();
}

void RelaySession::Start() {
  asio::co_spawn(shard_.context(), Run(shared_from_this()), asio::detached);
}

// The argument lives in the coroutine's frame, and with it the session.
asio::awaitable<void> RelaySession::Run(std::shared_ptr<RelaySession> self) {
  co_await self->Serve();
}

asio::awaitable<void> RelaySession::Serve() {
  while (!over_) {
    const bool connected = co_await Connect();
    if (!connected) co_return;
    co_await Read();
    if (over_) co_return;
    if (!Reconnect()) {
      End(relay::End::kLost, "the connection broke");
      co_return;
    }
    transport_->Cancel();
    transport_.reset();
    waiting_.clear();
    is_writing_ = false;
    ++connection_;
  }
}

asio::awaitable<bool> RelaySession::Connect() {
  const Server server = this->server();
  transport::DialOptions dial;
  dial.host = server.host;
  dial.port = server.port;
  if (server.secure) {
    auto context = transport::ClientContext(options_.insecure_tls);
    if (!context.ok()) {
      OnDialFailed(context.status());
      co_return false;
    }
    dial.tls = *std::move(context);
  }
  auto dialed = co_await transport::Dial(std::move(dial));
  if (over_) co_return false;  // stopped meanwhile
  if (!dialed.ok()) {
    OnDialFailed(dialed.status());
    co_return false;
  }
  transport_ = std::move(dialed->transport);
  peer_ = dialed->server;
  if (Banned()) co_return false;
  boost::system::error_code ignored;
  transport_->socket().set_option(asio::ip::tcp::no_delay(true), ignored);
  OnConnected();
  if (!over_ && !std::exchange(ticking_, true)) Tick();
  co_return !over_;
}

void RelaySession::OnDialFailed(const absl::Status& status) {
  End(relay::End::kLost, std::string(status.message()));
}

asio::awaitable<void> RelaySession::Read() {
  while (!over_ && !hanging_up()) {
    const boost::system::error_code error = co_await transport_->WaitReadable();
    if (error || over_ || !ReadAvailable()) co_return;
    while (!over_ && Pause().count() > 0) {
      paced_ = true;
      pace_.expires_after(std::max<std::chrono::nanoseconds>(Pause(), kMinPause));
      (void)co_await pace_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
  }
}

bool RelaySession::ReadAvailable() {
  const std::span<uint8_t> whole = shard_.buffer();
  const std::span<uint8_t> buffer = paced_ ? whole.first(kPacedRead) : whole;
  for (int i = 0; i < kMaxReads && !over_ && !hanging_up(); ++i) {
    boost::system::error_code error;
    const size_t size = transport_->ReadSome(buffer, error);
    if (error == asio::error::would_block) return true;
    if (error) return false;
    if (record_ != nullptr) record_->bytes_in.fetch_add(size, std::memory_order_relaxed);
    Receive(buffer.first(size));
    // TLS yields record by record, however much there is.
    if (over_ || Pause().count() > 0 || (size < buffer.size() && !transport_->secure())) break;
  }
  return true;
}

void RelaySession::Tick() {
  ticker_.expires_after(tick());
  ticker_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (error || self == nullptr || self->over_) return;
    self->OnTick(Clock::now());
    if (!self->over_) self->Tick();
  });
}

bool RelaySession::Banned() {
  const auto ban = node().bans().RefusalNow(stream(), peer_.address.ToString(), "");
  if (ban) End(relay::End::kRefused, *ban);
  return ban.has_value();
}

void RelaySession::OpenRecord(v1::Role role, const char* protocol) {
  (void)Reconfigured();
  protocol_ = protocol;
  v1::Session row;
  row.set_protocol(protocol);
  row.set_role(role);
  row.set_stream(stream());
  row.set_address(peer_.ToString());
  const auto kick = [weak = weak_from_this(),
                     &context = shard_.context()](const rpc::KickOrder& order) {
    asio::post(context, [weak, order] {
      if (const auto self = weak.lock()) self->Kick(order);
    });
  };
  record_ = node().sessions().Open(std::move(row), kick);
}

void RelaySession::EndByRouter(v1::RefusalReason reason, const std::string& text) {
  const auto or_else = [&](const char* what) { return text.empty() ? std::string(what) : text; };
  switch (reason) {
    case v1::REFUSAL_KICKED:
      End(relay::End::kKicked, or_else("kicked"));
      break;
    case v1::REFUSAL_REPLACED:
    case v1::REFUSAL_FENCED:
      End(relay::End::kReplaced, or_else("another publisher took the stream over"));
      break;
    default:
      End(relay::End::kRefused, or_else("somebody else publishes this stream"));
      break;
  }
}

void RelaySession::EndByExcess(const char* name, const std::string& text) {
  CountRefusal(node().metrics(), protocol_, name);
  End(relay::End::kRefused, text);
}

void RelaySession::EndByViewer(stream::ViewerEnd end, const std::string& text) {
  switch (end) {
    case stream::ViewerEnd::kStreamEnded:
      End(relay::End::kOver, text.empty() ? "the stream ended" : text);
      break;
    case stream::ViewerEnd::kWaitTimeout:
      End(relay::End::kOver, "nobody publishes the stream");
      break;
    case stream::ViewerEnd::kNoTracks:
      End(relay::End::kRefused, "the server takes no codec of the stream");
      break;
    case stream::ViewerEnd::kTooSlow:
      End(relay::End::kLost, "the server takes the stream too slowly");
      break;
    case stream::ViewerEnd::kSocket:
      End(relay::End::kLost, "the connection broke");
      break;
    case stream::ViewerEnd::kRequested:
      End(relay::End::kStopped, "");
      break;
  }
}

bool RelaySession::Reconfigured() {
  auto configuration = node().configuration();
  if (configuration == configuration_) return false;
  configuration_ = std::move(configuration);
  app_ = node().settings(stream());
  ForgetLogins(app_);
  return true;
}

void RelaySession::Kick(const rpc::KickOrder& order) {
  // A kick of the stream is the router's to tell; a process that ends leaves its streams to others.
  End(relay::End::kKicked, order.reason, order.whole_stream || options_.draining());
}

void RelaySession::Stop(relay::StopKind kind) {
  if (over_) return;
  if (kind == relay::StopKind::kGoodbye && Farewell()) return;
  End(relay::End::kStopped, "", kind == relay::StopKind::kHandOver);
}

void RelaySession::End(relay::End end, const std::string& reason, bool lost) {
  if (std::exchange(over_, true)) return;
  if (transport_ != nullptr) Leave();
  CloseRole(lost);
  ticker_.cancel();
  pace_.cancel();
  if (transport_ != nullptr) {
    transport_->ShutdownSend();
    boost::system::error_code ignored;
    transport_->socket().close(ignored);
  }
  if (record_ != nullptr) {
    node().sessions().Close(*record_, relay::EndName(end));
    record_.reset();
  }
  options_.events.on_ended(end, reason);
}

void RelaySession::Write(media::Bytes bytes) {
  if (transport_ == nullptr) return;
  if (waiting_.size() + bytes.size() > kMaxUnsent) {
    End(relay::End::kLost, "the server does not read what it is sent");
    return;
  }
  waiting_.insert(waiting_.end(), bytes.begin(), bytes.end());
  WriteMore();
}

void RelaySession::WriteMore() {
  if (is_writing_ || transport_ == nullptr || waiting_.empty()) return;
  boost::system::error_code error;
  const size_t sent = transport_->WriteSome(waiting_, error);
  if (error && error != asio::error::would_block) return;  // reading finds out
  if (record_ != nullptr) record_->bytes_out.fetch_add(sent, std::memory_order_relaxed);
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(sent));
  if (waiting_.empty()) return;
  is_writing_ = true;
  transport_->WaitWritable([self = shared_from_this(),
                            connection = connection_](const boost::system::error_code& waited) {
    if (self->connection_ != connection) return;
    self->is_writing_ = false;
    if (!waited && !self->over_) self->WriteMore();
  });
}

std::unique_ptr<relay::Session> StartRelay(SessionShard& shard, const std::string& url,
                                           RelaySession::Options options,
                                           const MakeRelaySession& make) {
  auto parsed = relay::ParseRelayUrl(url);
  if (!parsed.ok()) {
    options.events.on_ended(relay::End::kRefused, std::string(parsed.status().message()));
    return std::make_unique<Handle>();
  }
  options.url = *std::move(parsed);
  auto session = make(std::move(options));
  auto handle = std::make_unique<Handle>(shard, session);
  asio::post(shard.context(), [session] { session->Start(); });
  return handle;
}

}  // namespace millrace::node
