// Datagrams on real sockets of this machine.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "gateways/rtsp/datagrams.h"
#include "gateways/rtsp/player_ports.h"
#include "gateways/rtsp/udp_input.h"
#include "gateways/rtsp/udp_pair.h"
#include "gateways/rtsp/udp_sink.h"
#include "media/rtp/rtcp.h"

namespace millrace::rtsp {
namespace {

namespace asio = boost::asio;
using asio::ip::udp;
using testing::ElementsAre;

const asio::ip::address kHere = asio::ip::address_v4::loopback();

TEST(PortRange, Texts) {
  const struct {
    const char* text;
    std::optional<PortRange> range;
  } cases[] = {
      {"20000-20999", PortRange{20000, 20999}},
      {"20001-20003", PortRange{20002, 20003}},
      {"20001-20002", std::nullopt},
      {"20000-20001", PortRange{20000, 20001}},
      {"65534-65535", std::nullopt},
      {"off", std::nullopt},
      {"", std::nullopt},
      {"0-10", std::nullopt},
      {"20000", std::nullopt},
      {"20000-", std::nullopt},
      {"20000-99999", std::nullopt},
      {"-1-20", std::nullopt},
  };
  for (const auto& one : cases) EXPECT_EQ(ParsePortRange(one.text), one.range) << one.text;
}

// A range of a few pairs that nobody else has at the moment.
PortRange FreeRange(asio::io_context& io) {
  for (uint16_t first = 40'000; first < 60'000; first += 8) {
    UdpPorts ports;
    std::vector<std::shared_ptr<UdpPair>> held;
    const PortRange range{first, static_cast<uint16_t>(first + 7)};
    for (int i = 0; i < 4; ++i) held.push_back(ports.Open(io, kHere, range));
    if (std::find(held.begin(), held.end(), nullptr) == held.end()) return range;
  }
  ADD_FAILURE() << "no ports are free";
  return {};
}

TEST(UdpPorts, GivesOutEachPairOnceAndTakesItBack) {
  asio::io_context io;
  const PortRange range = FreeRange(io);
  UdpPorts ports;
  std::vector<std::shared_ptr<UdpPair>> held;
  for (int i = 0; i < 4; ++i) {
    held.push_back(ports.Open(io, kHere, range));
    ASSERT_NE(held.back(), nullptr);
    EXPECT_EQ(held.back()->port(), range.first + 2 * i);
    EXPECT_EQ(held.back()->rtp().local_endpoint().port(), held.back()->port());
    EXPECT_EQ(held.back()->rtcp().local_endpoint().port(), held.back()->port() + 1);
  }
  EXPECT_EQ(ports.Open(io, kHere, range), nullptr);
  held[2].reset();
  const auto again = ports.Open(io, kHere, range);
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(again->port(), range.first + 4);
}

TEST(UdpPorts, PassesOverWhatOthersHave) {
  asio::io_context io;
  const PortRange range = FreeRange(io);
  const udp::socket other(io, udp::endpoint(kHere, static_cast<uint16_t>(range.first + 1)));
  UdpPorts ports;
  const auto pair = ports.Open(io, kHere, range);
  ASSERT_NE(pair, nullptr);
  EXPECT_EQ(pair->port(), range.first + 2);
}

class UdpTest : public testing::Test {
 protected:
  UdpTest() : range_(FreeRange(io_)), pair_(ports_.Open(io_, kHere, range_)) {}

  udp::socket Socket() { return {io_, udp::endpoint(kHere, 0)}; }
  // What has come to a socket, in order.
  std::vector<std::string> Received(udp::socket& socket, size_t count) {
    std::vector<std::string> seen;
    while (seen.size() < count) {
      char buffer[2048];
      udp::endpoint from;
      const size_t size = socket.receive_from(asio::buffer(buffer), from);
      seen.emplace_back(buffer, size);
    }
    EXPECT_EQ(socket.available(), 0u);
    return seen;
  }
  template <typename Done>
  bool RunUntil(Done done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!done() && std::chrono::steady_clock::now() < deadline) {
      io_.restart();
      io_.run_for(std::chrono::milliseconds(5));
    }
    return done();
  }

  asio::io_context io_;
  UdpPorts ports_;
  PortRange range_;
  std::shared_ptr<UdpPair> pair_;
};

// A frame of `channel` in the pieces that units make of it: head, then payload.
class Pieces {
 public:
  void Add(uint8_t channel, const std::string& head, const std::string& payload = "") {
    const size_t size = head.size() + payload.size();
    texts_.push_back(std::string("$") + static_cast<char>(channel) + static_cast<char>(size >> 8) +
                     static_cast<char>(size) + head);
    if (!payload.empty()) texts_.push_back(payload);
  }
  std::vector<iovec> All() {
    std::vector<iovec> pieces;
    for (std::string& text : texts_) pieces.push_back({text.data(), text.size()});
    return pieces;
  }

 private:
  std::vector<std::string> texts_;
};

TEST_F(UdpTest, PacketsGoAloneEachToItsPort) {
  udp::socket video = Socket(), reports = Socket(), audio = Socket(), others = Socket();
  UdpSink sink(pair_, {{0, video.local_endpoint(), reports.local_endpoint()},
                       {2, audio.local_endpoint(), others.local_endpoint()}});
  Pieces pieces;
  pieces.Add(1, "report");
  pieces.Add(0, "head", "one");
  pieces.Add(0, "head", "two");
  pieces.Add(2, "sound");
  pieces.Add(8, "of no media");
  pieces.Add(0, "three");
  const auto all = pieces.All();
  size_t bytes = 0;
  for (const iovec& piece : all) bytes += piece.iov_len;
  boost::system::error_code error;
  EXPECT_EQ(sink.WriteSome(all, error), bytes);
  EXPECT_FALSE(error);
  EXPECT_THAT(Received(video, 3), ElementsAre("headone", "headtwo", "three"));
  EXPECT_THAT(Received(reports, 1), ElementsAre("report"));
  EXPECT_THAT(Received(audio, 1), ElementsAre("sound"));
}

TEST_F(UdpTest, WhatIsNotWholeIsNotTaken) {
  udp::socket video = Socket();
  UdpSink sink(pair_, {{0, video.local_endpoint(), video.local_endpoint()}});
  Pieces pieces;
  pieces.Add(0, "head", "one");
  pieces.Add(0, "head", "two");
  auto all = pieces.All();
  all.pop_back();
  boost::system::error_code error;
  EXPECT_EQ(sink.WriteSome(all, error), 4u + 7u);
  EXPECT_FALSE(error);
  EXPECT_THAT(Received(video, 1), ElementsAre("headone"));
  all.resize(1);
  EXPECT_EQ(sink.WriteSome(all, error), 0u);
  EXPECT_TRUE(error) << "it would never be sent";
}

TEST_F(UdpTest, WhatTheNetworkRefusesIsDropped) {
  udp::socket video = Socket();
  UdpSink sink(pair_, {{0, video.local_endpoint(), video.local_endpoint()}});
  Pieces pieces;
  pieces.Add(0, "head", std::string(65'530, 'x'));  // more than UDP carries
  pieces.Add(0, "head", "two");
  boost::system::error_code error;
  EXPECT_GT(sink.WriteSome(pieces.All(), error), 65'530u);
  EXPECT_FALSE(error);
  EXPECT_EQ(sink.dropped(), 1u);
  EXPECT_THAT(Received(video, 1), ElementsAre("headtwo"));
}

TEST_F(UdpTest, SaysGoodbyeOfWhatWasSent) {
  udp::socket reports = Socket();
  UdpSink sink(pair_, {{0, reports.local_endpoint(), reports.local_endpoint()},
                       {2, reports.local_endpoint(), reports.local_endpoint()}});
  sink.SetSsrc(2, 0x01020304);
  sink.SayBye();
  const auto seen = Received(reports, 1);
  const auto packets = media::rtp::ParseRtcp(media::AsBytes(seen[0]));
  ASSERT_TRUE(packets.ok());
  EXPECT_THAT(std::get<media::rtp::Bye>(packets->back()).ssrcs, ElementsAre(0x01020304));
}

TEST_F(UdpTest, APublisherIsHeardAndNobodyElse) {
  udp::socket publisher = Socket(), other_port = Socket();
  udp::socket stranger(io_, udp::endpoint(asio::ip::make_address("127.0.0.2"), 0));
  DatagramReader reader;
  std::vector<std::string> heard;
  int batches = 0;
  UdpInput::Options options;
  options.peer = kHere;
  options.client_port = {publisher.local_endpoint().port(), 9};
  options.on_datagram = [&](bool rtcp, media::Bytes datagram) {
    heard.push_back((rtcp ? "rtcp " : "rtp ") + std::string(media::AsText(datagram)));
  };
  options.on_batch = [&] { ++batches; };
  const auto input = std::make_shared<UdpInput>(pair_, reader, options);
  input->Start();
  const udp::endpoint rtp(kHere, pair_->port());
  const udp::endpoint rtcp(kHere, static_cast<uint16_t>(pair_->port() + 1));
  const auto send = [](udp::socket& from, const std::string& text, const udp::endpoint& to) {
    from.send_to(asio::buffer(text), to);
  };
  send(stranger, "no", rtp);
  send(publisher, "a", rtp);
  send(other_port, "no", rtp);
  send(publisher, "", rtp);
  send(publisher, "b", rtp);
  ASSERT_TRUE(RunUntil([&] { return heard.size() == 2; }));
  // Its reports come from a port that it did not tell: a NAT may do that.
  send(other_port, "r", rtcp);
  ASSERT_TRUE(RunUntil([&] { return heard.size() == 3; }));
  EXPECT_THAT(heard, ElementsAre("rtp a", "rtp b", "rtcp r"));
  EXPECT_EQ(input->strays(), 2u);
  EXPECT_GE(batches, 2);
  input->SendReport(media::AsBytes("report"));
  EXPECT_THAT(Received(other_port, 1), ElementsAre("report"));
  input->Close();
  send(publisher, "late", rtp);
  RunUntil([&] { return true; });
  EXPECT_EQ(heard.size(), 3u);
}

TEST_F(UdpTest, PlayersReportsAreHeard) {
  udp::socket player = Socket(), other = Socket();
  DatagramReader reader;
  const auto ports = std::make_shared<PlayerPorts>(pair_, reader);
  ports->Start();
  int heard = 0;
  ports->Listen(player.local_endpoint(), [&] { ++heard; });
  const udp::endpoint rtcp(kHere, static_cast<uint16_t>(pair_->port() + 1));
  other.send_to(asio::buffer("x", 1), rtcp);
  player.send_to(asio::buffer("x", 1), rtcp);
  ASSERT_TRUE(RunUntil([&] { return heard == 1; }));
  ports->Forget(player.local_endpoint());
  player.send_to(asio::buffer("x", 1), rtcp);
  player.send_to(asio::buffer("x", 1), rtcp);
  RunUntil([&] { return pair_->rtcp().available() == 0; });
  EXPECT_EQ(heard, 1);
  ports->Close();
}

}  // namespace
}  // namespace millrace::rtsp
