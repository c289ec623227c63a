#pragma once
// Reads datagrams, many in one system call. One a shard, whose sessions share its memory.

#include <sys/socket.h>

#include <array>
#include <boost/asio/ip/udp.hpp>
#include <cstdint>
#include <functional>
#include <memory>

#include "media/base/bytes.h"

namespace millrace::rtsp {

class DatagramReader {
 public:
  using Handler =
      std::function<void(const boost::asio::ip::udp::endpoint& from, media::Bytes datagram)>;

  // What `socket` has ready, a few rounds of it at most, so that others get their turn. Datagrams
  // that are empty are left out. `handler` may not close the socket.
  void Drain(boost::asio::ip::udp::socket& socket, const Handler& handler);

 private:
  static constexpr size_t kBatch = 16;
  static constexpr size_t kSize = 65'536;  // no datagram is larger

  std::unique_ptr<uint8_t[]> memory_;  // made when it is first needed; pages cost when used
  std::array<boost::asio::ip::udp::endpoint, kBatch> from_;
  std::array<iovec, kBatch> pieces_;
  std::array<mmsghdr, kBatch> messages_;
};

}  // namespace millrace::rtsp
