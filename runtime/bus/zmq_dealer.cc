#include "runtime/bus/zmq_dealer.h"

#include <unistd.h>

#include <boost/asio/post.hpp>
#include <utility>

#include "media/frame/batch.h"
#include "runtime/bus/handover.h"

namespace millrace::bus {
namespace {

// Messages taken from one socket before others of the loop get their turn.
constexpr int kMessagesAtOnce = 256;
constexpr int kMaxMessageBytes = static_cast<int>(media::kMaxBatchBytes) + 4096;

}  // namespace

ZmqDealer::ZmqDealer(boost::asio::io_context& loop, zmq::context_t& context, Handlers handlers)
    : loop_(loop),
      handlers_(std::move(handlers)),
      socket_(context, zmq::socket_type::dealer),
      signal_(loop) {
  // Without `immediate` a DEALER would queue for a router that is not there, and hand the queue to
  // whichever instance comes next. Credit bounds what is queued, so high-water marks would only
  // drop silently.
  socket_.set(zmq::sockopt::immediate, true);
  socket_.set(zmq::sockopt::sndhwm, 0);
  socket_.set(zmq::sockopt::rcvhwm, 0);
  socket_.set(zmq::sockopt::linger, 0);
  socket_.set(zmq::sockopt::reconnect_ivl, 20);
  socket_.set(zmq::sockopt::reconnect_ivl_max, 500);
  socket_.set(zmq::sockopt::connect_timeout, 2'000);
  socket_.set(zmq::sockopt::handshake_ivl, 5'000);
  // A peer whose host vanished is noticed by these rather than by TCP, which takes minutes.
  socket_.set(zmq::sockopt::heartbeat_ivl, 2'000);
  socket_.set(zmq::sockopt::heartbeat_timeout, 6'000);
  socket_.set(zmq::sockopt::maxmsgsize, int64_t{kMaxMessageBytes});
}

bool ZmqDealer::Connect(const std::string& endpoint) {
  try {
    socket_.connect(endpoint);
    // ZeroMQ owns its descriptor: asio gets one of its own that refers to the same event.
    signal_.assign(::dup(socket_.get(zmq::sockopt::fd)));
  } catch (const zmq::error_t&) {
    return false;
  } catch (const boost::system::system_error&) {
    return false;
  }
  Wait();
  DrainSoon();
  return true;
}

bool ZmqDealer::Send(std::string_view message) {
  if (closed_) return false;
  return Sent(zmq_send(socket_.handle(), message.data(), message.size(), ZMQ_DONTWAIT) >= 0);
}

bool ZmqDealer::Send(const BatchRef& batch) {
  if (closed_) return false;
  // ZeroMQ shares the buffer of the replay window: one copy of the payload in the process.
  zmq_msg_t message;
  const auto drop = [](void*, void* share) {
    TakeBack(share);
    BatchRef::DropShare(share);
  };
  void* share = batch.NewShare();
  HandOver(share);
  if (zmq_msg_init_data(&message, batch.data(), batch.size(), drop, share) != 0) {
    BatchRef::DropShare(share);
    return false;
  }
  if (zmq_msg_send(&message, socket_.handle(), ZMQ_DONTWAIT) >= 0) return Sent(true);
  zmq_msg_close(&message);
  return Sent(false);
}

bool ZmqDealer::Sent(bool sent) {
  // Sending may have swallowed the signal of a message that has arrived.
  if ((Events() & ZMQ_POLLIN) != 0 || sent != connected_) DrainSoon();
  return sent;
}

int ZmqDealer::Events() {
  int events = 0;
  size_t size = sizeof(events);
  if (zmq_getsockopt(socket_.handle(), ZMQ_EVENTS, &events, &size) != 0) return 0;
  return events;
}

void ZmqDealer::Wait() {
  signal_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       if (error || self->closed_) return;
                       self->Drain();
                       if (!self->closed_) self->Wait();
                     });
}

void ZmqDealer::DrainSoon() {
  if (drain_posted_) return;
  drain_posted_ = true;
  boost::asio::post(loop_, [self = shared_from_this()] {
    self->drain_posted_ = false;
    self->Drain();
  });
}

void ZmqDealer::Drain() {
  int count = 0;
  while (!closed_) {
    if (count == kMessagesAtOnce) {
      DrainSoon();
      return;
    }
    zmq::message_t message;
    // The signal is an edge: only a receive that found nothing (and has thereby seen all that
    // ZeroMQ's own thread had to say) makes sure that the next message raises it again.
    if (zmq_msg_recv(message.handle(), socket_.handle(), ZMQ_DONTWAIT) < 0) break;
    ++count;
    if (!message.more()) {
      handlers_.on_message(std::move(message));
      continue;
    }
    // The bus has no messages of several parts.
    while (zmq_msg_recv(message.handle(), socket_.handle(), ZMQ_DONTWAIT) >= 0 && message.more()) {
    }
  }
  // A signal without a message is often a connection made or lost.
  if (count == 0) Check();
}

void ZmqDealer::Check() {
  if (closed_) return;
  const int events = Events();
  const bool connected = (events & ZMQ_POLLOUT) != 0;
  if ((events & ZMQ_POLLIN) != 0) DrainSoon();
  if (std::exchange(connected_, connected) != connected) handlers_.on_connection(connected);
}

void ZmqDealer::Close(int linger_ms) {
  if (closed_) return;
  closed_ = true;
  boost::system::error_code ignored;
  signal_.close(ignored);
  socket_.set(zmq::sockopt::linger, linger_ms);
  socket_.close();
}

}  // namespace millrace::bus
