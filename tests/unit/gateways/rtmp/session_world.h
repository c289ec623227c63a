#pragma once
// An rtmp-gateway in the test's own thread: a real server on a loopback port, a bus whose router is
// the test, and peers that speak RTMP byte by byte.

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gateways/rtmp/server.h"
#include "runtime/config/app_settings.h"
#include "tests/support/live/synthetic.h"
#include "tests/unit/gateways/rtmp/protocol/handshake_peer.h"
#include "tests/unit/gateways/rtmp/protocol/test_client.h"
#include "tests/unit/runtime/stream/fake_bus.h"

namespace millrace::rtmp {

class FakeNode : public node::Node {
 public:
  FakeNode()
      : shards_(1),
        sessions_("test", "rtmp-1", metrics_),
        feeds_(std::make_unique<stream::FeedHub>(bus_, shards_, metrics_)) {
    config = config::DefaultConfiguration();
  }

  loop::Shards& shards() override { return shards_; }
  stream::FakeBus& bus() override { return bus_; }
  stream::FeedHub& feeds() override { return *feeds_; }
  metrics::Registry& metrics() override { return metrics_; }
  rpc::SessionRegistry& sessions() override { return sessions_; }
  const rpc::BanList& bans() const override { return ban_list; }
  log::Logger& logger() override { return logger_; }
  const std::string& name() const override { return name_; }
  const std::string& listen() const override { return listen_; }
  std::shared_ptr<const v1::Configuration> configuration() const override {
    return std::make_shared<const v1::Configuration>(config);
  }
  v1::AppSettings settings(std::string_view stream) const override {
    return config::StreamSettings(config).For(stream);
  }

  v1::Configuration config;
  rpc::BanList ban_list;

 private:
  const std::string name_ = "test";
  const std::string listen_ = "127.0.0.1:0";
  log::Logger logger_;
  metrics::Registry metrics_;
  loop::Shards shards_;
  stream::FakeBus bus_;
  rpc::SessionRegistry sessions_;
  std::unique_ptr<stream::FeedHub> feeds_;
};

// A client on its own socket. Everything it heard stays in `heard`.
class Peer {
 public:
  explicit Peer(uint16_t port) : socket_(context_) {
    socket_.connect({boost::asio::ip::address_v4::loopback(), port});
    socket_.non_blocking(true);
  }

  void Send(media::Bytes bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  void Send(const ClientBytes& client) { Send(client.bytes()); }
  void Handshake() { Send(WholeHandshake()); }
  void Close() { socket_.close(); }

  // Moves bytes both ways without waiting.
  void Pump() {
    if (!socket_.is_open()) return;
    boost::system::error_code error;
    if (!out_.empty()) {
      const size_t sent = socket_.write_some(boost::asio::buffer(out_), error);
      out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(sent));
    }
    uint8_t buffer[16384];
    while (!closed) {
      const size_t size = socket_.read_some(boost::asio::buffer(buffer), error);
      if (error == boost::asio::error::would_block) return;
      if (error) {
        closed = true;
        reset = error != boost::asio::error::eof;
        return;
      }
      media::Bytes bytes(buffer, size);
      const size_t skipped = std::min(handshake_left_, size);
      handshake_left_ -= skipped;
      for (std::string& one : server_.Read(bytes.subspan(skipped))) heard.push_back(std::move(one));
    }
  }

  bool Heard(std::string_view text) const {
    for (const std::string& one : heard) {
      if (one == text) return true;
    }
    return false;
  }
  // What the last onStatus said to people.
  std::string description() const {
    const Values values = server_.last();
    const media::amf::Value* text = values.size() > 3 ? values[3].Find("description") : nullptr;
    return text == nullptr ? std::string() : std::string(text->AsString());
  }

  std::vector<std::string> heard;
  bool closed = false;
  bool reset = false;

 private:
  boost::asio::io_context context_;
  boost::asio::ip::tcp::socket socket_;
  std::vector<uint8_t> out_;
  size_t handshake_left_ = 1 + 2 * kHandshakeSize;
  ServerBytes server_;
};

class SessionWorld {
 public:
  using Milliseconds = std::chrono::milliseconds;

  ~SessionWorld() {
    peers_.clear();
    node.shards().Stop();
  }

  void StartServer() {
    server = std::make_unique<Server>(node);
    if (!server->Start().ok()) std::abort();
  }
  Peer& Connect() { return *peers_.emplace_back(std::make_unique<Peer>(server->port())); }
  // Connected, with the handshake and connect on their way.
  Peer& Greet(const ClientBytes& more) {
    Peer& peer = Connect();
    peer.Handshake();
    peer.Send(ClientBytes().Connect());
    peer.Send(more);
    return peer;
  }

  // Runs everything until `done`; false where that takes too long.
  bool Until(const std::function<bool()>& done, Milliseconds limit = Milliseconds(5000)) {
    const auto end = Clock::now() + limit;
    while (!done()) {
      if (Clock::now() >= end) return false;
      if (node.shards().home().poll() == 0) {
        node.shards().home().run_one_for(Milliseconds(2));
      }
      for (const auto& peer : peers_) peer->Pump();
    }
    return true;
  }

  // Media as a synthetic encoder sends it: headers, then `frames`.
  static ClientBytes Media(int frames) {
    live::SyntheticStream source(*live::FindProfile("small"), 1);
    ClientBytes bytes;
    for (const auto& tag : source.Headers()) {
      bytes.Raw(static_cast<MessageType>(tag.type), tag.body, tag.timestamp_ms, 1);
    }
    live::SyntheticStream::Tag tag;
    for (int i = 0; i < frames; ++i) {
      source.Next(0, tag);
      bytes.Raw(static_cast<MessageType>(tag.type), tag.body, tag.timestamp_ms, 1);
    }
    return bytes;
  }

  uint64_t Metric(const std::string& line) {
    const std::string text = node.metrics().Expose();
    const size_t at = text.find(line + " ");
    return at == std::string::npos ? 0 : std::stoull(text.substr(at + line.size() + 1));
  }
  uint64_t Ends(const std::string& role, const std::string& reason) {
    return Metric("millrace_session_ends_total{protocol=\"rtmp\",reason=\"" + reason +
                  "\",role=\"" + role + "\"}");
  }

  FakeNode node;
  std::unique_ptr<Server> server;

 private:
  std::vector<std::unique_ptr<Peer>> peers_;
};

}  // namespace millrace::rtmp
