#pragma once
// A DEALER that says what it is told to: a node as raw as another language would write it.

#include <zmq.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "media/base/bytes.h"
#include "runtime/bus/control.h"

namespace millrace::router {

class ZmqPeer {
 public:
  ZmqPeer(void* context, const std::string& endpoint) : socket_(zmq_socket(context, ZMQ_DEALER)) {
    for (const int option : {ZMQ_LINGER, ZMQ_SNDHWM, ZMQ_RCVHWM}) {
      const int none = 0;
      zmq_setsockopt(socket_, option, &none, sizeof(none));
    }
    zmq_connect(socket_, endpoint.c_str());
  }
  ~ZmqPeer() { zmq_close(socket_); }
  ZmqPeer(const ZmqPeer&) = delete;
  ZmqPeer& operator=(const ZmqPeer&) = delete;

  void Send(media::Bytes message, int flags = 0) {
    zmq_send(socket_, message.data(), message.size(), flags);
  }
  void Send(const v1::Envelope& envelope) { Send(media::AsBytes(bus::EncodeControl(envelope))); }

  // The next message; nothing where none comes within `timeout`.
  std::optional<std::vector<uint8_t>> Receive(
      std::chrono::milliseconds timeout = std::chrono::seconds(10)) {
    const int wait = static_cast<int>(timeout.count());
    zmq_setsockopt(socket_, ZMQ_RCVTIMEO, &wait, sizeof(wait));
    zmq_msg_t message;
    zmq_msg_init(&message);
    std::optional<std::vector<uint8_t>> bytes;
    if (zmq_msg_recv(&message, socket_, 0) >= 0) {
      const auto* data = static_cast<const uint8_t*>(zmq_msg_data(&message));
      bytes.emplace(data, data + zmq_msg_size(&message));
    }
    zmq_msg_close(&message);
    return bytes;
  }
  // The next control message; empty where there is none, or a batch.
  v1::Envelope ReceiveControl(std::chrono::milliseconds timeout = std::chrono::seconds(10)) {
    const auto message = Receive(timeout);
    if (!message.has_value()) return {};
    return bus::DecodeControl(*message).value_or(v1::Envelope());
  }
  // How many messages of more than `size` bytes have come; takes all there are.
  int Drain(size_t size) {
    int count = 0;
    zmq_msg_t message;
    zmq_msg_init(&message);
    while (zmq_msg_recv(&message, socket_, ZMQ_DONTWAIT) >= 0) {
      count += zmq_msg_size(&message) > size ? 1 : 0;
    }
    zmq_msg_close(&message);
    return count;
  }

 private:
  void* socket_;
};

}  // namespace millrace::router
