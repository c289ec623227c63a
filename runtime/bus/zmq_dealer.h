#pragma once
// One DEALER socket in an asio loop. Private to the ZeroMQ client: includes asio and zmq.

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <zmq.hpp>

#include "runtime/bus/batch_buffer.h"

namespace millrace::bus {

// Tells of each whole message and of the connection's coming and going, always from the loop and
// never from within a call. After destruction nothing is called any more.
class ZmqDealer : public std::enable_shared_from_this<ZmqDealer> {
 public:
  struct Handlers {
    std::function<void(zmq::message_t message)> on_message;
    std::function<void(bool connected)> on_connection;
  };

  ZmqDealer(boost::asio::io_context& loop, zmq::context_t& context, Handlers handlers);

  // False: not an endpoint that ZeroMQ understands.
  bool Connect(const std::string& endpoint);
  // False: no connection now, or the queue is full; the message is dropped.
  bool Send(std::string_view message);
  bool Send(const BatchRef& batch);
  // Looks whether the connection came or went unnoticed. Cheap; call it now and then.
  void Check();
  // `linger_ms`: for how long messages that are already queued may still leave.
  void Close(int linger_ms);

 private:
  void Wait();
  void Drain();
  void DrainSoon();
  bool Sent(bool sent);
  int Events();

  boost::asio::io_context& loop_;
  Handlers handlers_;
  zmq::socket_t socket_;
  boost::asio::posix::stream_descriptor signal_;
  bool connected_ = false;
  bool drain_posted_ = false;
  bool closed_ = false;
};

}  // namespace millrace::bus
