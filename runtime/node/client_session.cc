#include "runtime/node/client_session.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace millrace::node {
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
ClientLimits::Shares Enter(SessionShard& shard, ClientLimits* limits, const std::string& address,
                           std::string& refusal) {
  if (limits == nullptr || !refusal.empty()) return {};
  const auto configuration = shard.node().configuration();
  auto shares = limits->Connect(address, configuration->limits());
  if (shares) return *std::move(shares);
  CountRefusal(shard.node().metrics(), shard.protocol(), "connections_per_address");
  refusal = "your address has as many connections as it may have (" +
            std::to_string(configuration->limits().connections_per_address()) +
            "): close one, or ask the operator";
  return {};
}

}  // namespace

ClientSession::ClientSession(SessionShard& shard, std::unique_ptr<transport::Transport> transport,
                             Options options)
    : shard_(shard),
      transport_(std::move(transport)),
      draining_(std::move(options.draining)),
      behind_balancer_(options.behind_balancer),
      address_(options.client.address.ToString()),
      peer_(options.client.ToString()),
      refusal_(std::move(options.refusal)),
      since_(Clock::now()),
      limits_(options.limits),
      on_end_(std::move(options.on_end)),
      connection_shares_(Enter(shard_, limits_, address_, refusal_)) {}

ClientSession::~ClientSession() = default;

// --- reading ---

void ClientSession::Start() {
  shard_.Watch(*this);
  asio::co_spawn(transport_->socket().get_executor(), Run(shared_from_this()), asio::detached);
}

// The argument lives in the coroutine's frame, and with it the session.
asio::awaitable<void> ClientSession::Run(std::shared_ptr<ClientSession> self) {
  co_await self->Serve();
}

asio::awaitable<void> ClientSession::Serve() {
  while (phase_ != Phase::kDone) {
    const boost::system::error_code error = co_await transport_->WaitReadable();
    if (error || phase_ == Phase::kDone || !ReadAvailable()) break;
    while (pause_.count() > 0) {
      if (!pace_timer_) pace_timer_.emplace(transport_->socket().get_executor());
      pace_timer_->expires_after(std::max<nanoseconds>(pause_, kMinPause));
      (void)co_await pace_timer_->async_wait(asio::as_tuple(asio::use_awaitable));
      if (publishing()) Excuse(Clock::now());
      TooFast();
    }
  }
  Abort(BreakName());
}

// False where the connection is over.
bool ClientSession::ReadAvailable() {
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
    if (phase_ == Phase::kOpen) Receive(buffer.first(size));
    if (!counted) CountRead(size);  // it held the request that opened the record
    if (TooFast() || drained) return true;
  }
  return true;
}

bool ClientSession::TooFast() {
  pause_ = publishing() && phase_ == Phase::kOpen ? HoldBack() : nanoseconds(0);
  if (pause_.count() == 0) return false;
  paced_ = true;
  if (!std::exchange(pace_told_, true)) {
    node().logger().Info(
        "a publisher is ahead of real time and is read no faster than allowed",
        {{"session", record_->id()}, {"stream", stream_}, {"speed_percent", SpeedLimit()}});
  }
  return true;
}

bool ClientSession::CountRead(size_t size) {
  if (record_ == nullptr) return false;
  record_->bytes_in.fetch_add(size, std::memory_order_relaxed);
  return true;
}

// --- writing ---

void ClientSession::Write(std::vector<uint8_t> bytes) {
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

void ClientSession::WriteMore() {
  is_writing_ = true;
  transport_->WaitWritable([self = shared_from_this()](const boost::system::error_code& error) {
    self->is_writing_ = false;
    if (self->phase_ != Phase::kDone) self->Writable(error);
  });
}

void ClientSession::Writable(const boost::system::error_code& waited) {
  boost::system::error_code error = waited;
  size_t sent = 0;
  if (!error) sent = transport_->WriteSome(waiting_, error);
  if (error && error != asio::error::would_block) {
    Abort(BreakName());
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

void ClientSession::Drained() {
  if (phase_ == Phase::kClosing) {
    transport_->ShutdownSend();
  } else {
    OnDrained();
  }
}

// --- ends ---

void ClientSession::CloseGently(const char* reason, bool lost) {
  if (phase_ != Phase::kOpen) return;
  EndRole(reason, lost);
  phase_ = Phase::kClosing;
  if (pace_timer_) pace_timer_->cancel();
  since_ = Clock::now();
  shard_.Watch(*this);
  Flush();
  if (phase_ == Phase::kClosing && !is_writing_) Drained();
}

void ClientSession::Abort(const char* reason) {
  if (phase_ == Phase::kDone) return;
  EndRole(reason, true);
  phase_ = Phase::kDone;
  if (pace_timer_) pace_timer_->cancel();
  shard_.Unwatch(*this);
  boost::system::error_code ignored;
  transport_->socket().close(ignored);
  if (on_end_) on_end_();
}

void ClientSession::EndRole(const char* reason, bool lost) {
  LeaveRole(lost);
  publisher_shares_.clear();
  paced_ = false;
  CloseRecord(reason);
}

void ClientSession::Tick(Clock::time_point now) {
  if (phase_ == Phase::kOpen) {
    OnTick(now);
  } else if (phase_ == Phase::kClosing && now - since_ >= kHangUpTime) {
    Abort("client_closed");
  }
}

void ClientSession::Reproach(const std::string& name) {
  if (shard_.CountError(name)) {
    node().logger().Info("connection timed out", {{"address", peer_}, {"error", name}});
  }
}

void ClientSession::TurnAway() {
  if (shard_.MayLog()) {
    node().logger().Info("connection refused", {{"address", peer_}, {"reason", refusal_}});
  }
  CloseGently("refused");
}

// --- the session ---

void ClientSession::OpenRecord(const std::string& stream, std::string_view user,
                               std::string_view user_agent, v1::Role role) {
  stream_ = stream;
  v1::Session row;
  row.set_protocol(shard_.protocol());
  row.set_role(role);
  row.set_stream(stream_);
  row.set_address(peer_);
  row.set_user(std::string(user));
  row.set_user_agent(std::string(user_agent));
  const auto kick = [weak = weak_from_this(),
                     &context = shard_.context()](const rpc::KickOrder& order) {
    asio::post(context, [weak, order] {
      const auto self = weak.lock();
      if (self != nullptr && self->phase_ == Phase::kOpen) self->Kick(order);
    });
  };
  record_ = node().sessions().Open(std::move(row), kick);
}

void ClientSession::CloseRecord(const char* reason) {
  if (record_ == nullptr) return;
  node().sessions().Close(*record_, reason);
  node().logger().Info("session ended", {{"session", record_->id()},
                                         {"stream", stream_},
                                         {"address", peer_},
                                         {"reason", reason},
                                         {"bytes_in", record_->bytes_in.load()},
                                         {"bytes_out", record_->bytes_out.load()},
                                         {"frames_dropped", record_->frames_dropped.load()}});
  record_.reset();
}

bool ClientSession::IsLostBy(const rpc::KickOrder& order) const {
  return order.whole_stream || (draining_ && draining_());
}

std::optional<std::string> ClientSession::TakePublisherShares(const std::string& stream) {
  if (limits_ == nullptr) return std::nullopt;
  const auto configuration = node().configuration();
  const v1::LimitSettings& limits = configuration->limits();
  auto [shares, full] = limits_->Publish(address_, limits);
  if (full == nullptr) {
    publisher_shares_ = std::move(shares);
    return std::nullopt;
  }
  CountRefusal(node().metrics(), shard_.protocol(), full);
  node().logger().Info("publish refused",
                       {{"stream", stream}, {"address", peer_}, {"reason", full}});
  if (std::string_view(full) == "streams_per_node") {
    return "this server takes no more than " + std::to_string(limits.streams_per_node()) +
           " streams: try another one, or again later";
  }
  return "your address publishes as many streams as it may (" +
         std::to_string(limits.publishers_per_address()) + "): end one first";
}

const char* ClientSession::LogClosed(v1::RefusalReason reason, const std::string& text) {
  const bool replaced = reason == v1::REFUSAL_REPLACED || reason == v1::REFUSAL_FENCED;
  const char* end = reason == v1::REFUSAL_KICKED ? "kicked" : replaced ? "replaced" : "refused";
  node().logger().Info("the router ends the publication",
                       {{"stream", stream_}, {"address", peer_}, {"end", end}, {"text", text}});
  return end;
}

void ClientSession::CountExcess(const char* name, const std::string& text) {
  CountRefusal(node().metrics(), shard_.protocol(), name);
  node().logger().Warning("a publisher is beyond its limit", {{"session", record_->id()},
                                                              {"stream", stream_},
                                                              {"address", peer_},
                                                              {"reason", name},
                                                              {"detail", text}});
}

void ClientSession::LogRole(const char* role, std::string_view user_agent) {
  node().logger().Info(role, {{"session", record_->id()},
                              {"stream", stream_},
                              {"address", peer_},
                              {"user_agent", user_agent}});
}

}  // namespace millrace::node
