#include "gateways/rtmp/relay_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "gateways/rtmp/crypto.h"
#include "gateways/rtmp/relay_target.h"
#include "media/base/fault.h"
#include "runtime/transport/certificate.h"
#include "runtime/transport/dial.h"

namespace millrace::rtmp {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

// From the first look-up of the host to its word that we may.
constexpr auto kAcceptTime = std::chrono::seconds(10);
constexpr auto kTick = milliseconds(250);
constexpr int kMaxReads = 8;
constexpr size_t kMaxUnsent = 256 * 1024;
// Of a source that is ahead of its time, so that little media comes at once between pauses.
constexpr size_t kPacedRead = 16 * 1024;
constexpr milliseconds kMinPause{20};

ClientOptions OptionsFor(const RelaySession::Options& relay, const v1::RtmpSettings& settings,
                         ClientOptions::Purpose purpose) {
  const RelayTarget target = TargetOf(relay.url);
  ClientOptions options;
  options.purpose = purpose;
  options.tc_url = target.tc_url;
  options.app = target.app;
  options.key = target.key;
  // Some servers take nobody for an encoder who does not say to be one.
  options.agent = purpose == ClientOptions::Purpose::kPublish
                      ? "FMLE/3.0 (compatible; Millrace " MILLRACE_VERSION ")"
                      : "LNX 9,0,124,2 (Millrace " MILLRACE_VERSION ")";
  options.limits.max_message = settings.max_message();
  options.limits.max_partial = settings.max_partial();
  options.chunk_size = settings.chunk_size();
  return options;
}

std::string Told(const std::string& code, const std::string& text) {
  if (text.empty()) return "the server says " + code;
  return code.empty() ? "the server says: " + text : "the server says " + code + ": " + text;
}

}  // namespace

RelaySession::RelaySession(node::SessionShard& shard, Options options,
                           ClientOptions::Purpose purpose)
    : shard_(shard),
      options_(std::move(options)),
      settings_(shard.node().configuration()->rtmp()),
      conversation_(OptionsFor(options_, settings_, purpose), OpenSslRandom),
      ticker_(shard.context()),
      pace_(shard.context()),
      since_(node::Clock::now()) {}

void RelaySession::Start() {
  asio::co_spawn(shard_.context(), Run(shared_from_this()), asio::detached);
}

// The argument lives in the coroutine's frame, and with it the session.
asio::awaitable<void> RelaySession::Run(std::shared_ptr<RelaySession> self) {
  co_await self->Serve();
}

asio::awaitable<void> RelaySession::Serve() {
  if (over_) co_return;  // stopped before it began
  transport::DialOptions dial;
  dial.host = options_.url.host;
  dial.port = options_.url.port;
  dial.timeout = std::chrono::duration_cast<milliseconds>(kAcceptTime);
  if (options_.url.secure()) {
    auto context = transport::ClientContext(options_.insecure_tls);
    if (!context.ok()) {
      End(relay::End::kLost, std::string(context.status().message()));
      co_return;
    }
    dial.tls = *std::move(context);
  }
  auto connected = co_await transport::Dial(std::move(dial));
  if (over_) co_return;  // stopped meanwhile
  if (!connected.ok()) {
    End(relay::End::kLost, std::string(connected.status().message()));
    co_return;
  }
  transport_ = std::move(connected->transport);
  server_ = connected->server;
  boost::system::error_code ignored;
  transport_->socket().set_option(asio::ip::tcp::no_delay(true), ignored);
  Tick();
  conversation_.Begin();
  Flush();
  while (!over_) {
    const boost::system::error_code error = co_await transport_->WaitReadable();
    if (over_) break;
    if (error || !ReadAvailable()) {
      End(relay::End::kLost, "the connection broke");
      break;
    }
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
  for (int i = 0; i < kMaxReads && !over_; ++i) {
    boost::system::error_code error;
    const size_t size = transport_->ReadSome(buffer, error);
    if (error == asio::error::would_block) return true;
    if (error) return false;
    if (record_ != nullptr) record_->bytes_in.fetch_add(size, std::memory_order_relaxed);
    Process(buffer.first(size));
    // TLS yields record by record, however much there is.
    if (over_ || Pause().count() > 0 || (size < buffer.size() && !transport_->secure()))
      return true;
  }
  return true;
}

void RelaySession::Process(media::Bytes bytes) {
  const auto now = std::chrono::duration_cast<milliseconds>(node::Clock::now().time_since_epoch());
  conversation_.Append(bytes, now.count());
  while (!over_) {
    auto event = conversation_.Next();
    if (!event.ok()) {
      const std::string name = media::FaultName(event.status());
      shard_.CountError(name);
      End(relay::End::kLost, "the server breaks the protocol: " + name);
      return;
    }
    if (!event->has_value()) break;
    Act(**event);
  }
  if (!over_) Flush();
}

void RelaySession::Act(ClientEvent& event) {
  if (auto* video = std::get_if<VideoData>(&event)) {
    OnMedia(media::flv::TagType::kVideo, video->timestamp_ms, video->body);
  } else if (auto* audio = std::get_if<AudioData>(&event)) {
    OnMedia(media::flv::TagType::kAudio, audio->timestamp_ms, audio->body);
  } else if (auto* script = std::get_if<ScriptData>(&event)) {
    OnMedia(media::flv::TagType::kScript, script->timestamp_ms, script->body);
  } else if (const auto* accepted = std::get_if<ServerAccepts>(&event)) {
    accepted_ = true;
    OnAccepted(*accepted);
  } else if (const auto* refused = std::get_if<ServerRefuses>(&event)) {
    End(relay::End::kRefused, Told(refused->code, refused->text));
  } else if (const auto* ended = std::get_if<ServerEnds>(&event)) {
    End(relay::End::kOver, Told(ended->code, ended->text));
  }
}

void RelaySession::Tick() {
  ticker_.expires_after(kTick);
  ticker_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (error || self == nullptr || self->over_) return;
    const node::Clock::time_point now = node::Clock::now();
    if (!self->accepted_ && now - self->since_ >= kAcceptTime) {
      self->End(relay::End::kLost, fmt::format("{}:{} did not answer within 10 s",
                                               self->options_.url.host, self->options_.url.port));
      return;
    }
    if (self->accepted_) self->OnTick(now);
    if (!self->over_) self->Tick();
  });
}

bool RelaySession::OpenRecord(v1::Role role, const char* protocol) {
  const std::string address = server_.address.ToString();
  if (const auto ban = node().bans().RefusalNow(stream(), address, "")) {
    End(relay::End::kRefused, *ban);
    return false;
  }
  app_ = node().settings(stream());
  app_.clear_publishers();
  v1::Session row;
  row.set_protocol(protocol);
  row.set_role(role);
  row.set_stream(stream());
  row.set_address(server_.ToString());
  const auto kick = [weak = weak_from_this(),
                     &context = shard_.context()](const rpc::KickOrder& order) {
    asio::post(context, [weak, order] {
      if (const auto self = weak.lock()) self->Kick(order);
    });
  };
  record_ = node().sessions().Open(std::move(row), kick);
  return true;
}

void RelaySession::Kick(const rpc::KickOrder& order) {
  // A kick of the stream is the router's to tell; a process that ends leaves its streams to others.
  End(relay::End::kKicked, order.reason, order.whole_stream || options_.draining());
}

void RelaySession::Running() { options_.events.on_running(record_->id()); }

void RelaySession::Stop(relay::StopKind kind) {
  if (over_) return;
  if (kind == relay::StopKind::kGoodbye && Farewell()) return;
  if (transport_ != nullptr && record_ != nullptr) {
    conversation_.Leave();
    Flush();
  }
  End(relay::End::kStopped, "", kind == relay::StopKind::kHandOver);
}

void RelaySession::End(relay::End end, const std::string& reason, bool lost) {
  if (std::exchange(over_, true)) return;
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

void RelaySession::Flush() {
  if (conversation_.has_output()) Write(conversation_.TakeOutput());
}

void RelaySession::Write(std::vector<uint8_t> bytes) {
  if (waiting_.size() + bytes.size() > kMaxUnsent) {
    End(relay::End::kLost, "the server does not read what it is sent");
    return;
  }
  waiting_.insert(waiting_.end(), bytes.begin(), bytes.end());
  WriteMore();
}

void RelaySession::WriteMore() {
  if (is_writing_ || transport_ == nullptr) return;
  boost::system::error_code error;
  const size_t sent = transport_->WriteSome(waiting_, error);
  if (error && error != asio::error::would_block) return;  // reading finds out
  if (record_ != nullptr) record_->bytes_out.fetch_add(sent, std::memory_order_relaxed);
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(sent));
  if (waiting_.empty()) return;
  is_writing_ = true;
  transport_->WaitWritable([self = shared_from_this()](const boost::system::error_code& waited) {
    self->is_writing_ = false;
    if (!waited && !self->over_) self->WriteMore();
  });
}

}  // namespace millrace::rtmp
