#include "router/bus_socket.h"

#include <fmt/format.h>
#include <poll.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "media/frame/batch.h"
#include "runtime/bus/control.h"
#include "runtime/bus/handover.h"

namespace millrace::router {
namespace {

// ZeroMQ numbers connections with a zero byte and four more. Peers that name themselves are not
// ours.
constexpr size_t kRoutingIdSize = 5;
constexpr uint64_t kIsConnection = uint64_t{1} << 32;  // no number is kNoConnection

using RoutingId = std::array<uint8_t, kRoutingIdSize>;

RoutingId ToRoutingId(ConnectionId connection) {
  const auto number = static_cast<uint32_t>(connection);
  RoutingId id{};
  std::memcpy(id.data() + 1, &number, sizeof(number));
  return id;
}

ConnectionId FromRoutingId(const uint8_t* bytes, size_t size) {
  if (size != kRoutingIdSize || bytes[0] != 0) return kNoConnection;
  uint32_t number = 0;
  std::memcpy(&number, bytes + 1, sizeof(number));
  return kIsConnection | number;
}

// A received part; owner of the bytes that a SharedBatch refers to.
struct ReceivedPart {
  ReceivedPart() { zmq_msg_init(&message); }
  ~ReceivedPart() { zmq_msg_close(&message); }
  ReceivedPart(const ReceivedPart&) = delete;
  ReceivedPart& operator=(const ReceivedPart&) = delete;

  media::Bytes bytes() {
    return {static_cast<const uint8_t*>(zmq_msg_data(&message)), zmq_msg_size(&message)};
  }
  // ZeroMQ counts references in the message itself, so sharing one changes it.
  mutable zmq_msg_t message;
};

void DropPayload(void*, void* payload) {
  bus::TakeBack(payload);
  delete static_cast<media::Payload*>(payload);
}

}  // namespace

class BusSocket::Impl {
 public:
  ~Impl() {
    if (socket != nullptr) zmq_close(socket);
    if (context != nullptr) zmq_ctx_term(context);
  }

  void Set(int option, int value) { zmq_setsockopt(socket, option, &value, sizeof(value)); }

  // The routing id in front of a message; false where the connection is gone.
  bool Address(ConnectionId connection) {
    drained = false;
    const RoutingId id = ToRoutingId(connection);
    if (zmq_send(socket, id.data(), id.size(), ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0) return true;
    if (std::find(unreachable.begin(), unreachable.end(), connection) == unreachable.end()) {
      unreachable.push_back(connection);
    }
    return false;
  }

  // One message of as many parts as it has: false where there was none.
  bool ReceiveOne(Handler& handler) {
    ReceivedPart id;
    if (zmq_msg_recv(&id.message, socket, ZMQ_DONTWAIT) < 0) return false;
    if (zmq_msg_more(&id.message) == 0) {
      handler.OnGarbage();
      return true;
    }
    // The owner of the bytes: the one allocation that a batch costs.
    const auto part = std::make_shared<ReceivedPart>();
    if (zmq_msg_recv(&part->message, socket, ZMQ_DONTWAIT) < 0) return false;
    bool single = true;
    for (bool more = zmq_msg_more(&part->message) != 0; more; single = false) {
      ReceivedPart rest;
      if (zmq_msg_recv(&rest.message, socket, ZMQ_DONTWAIT) < 0) break;
      more = zmq_msg_more(&rest.message) != 0;
    }
    const media::Bytes name = id.bytes();
    const ConnectionId from = FromRoutingId(name.data(), name.size());
    if (!single || from == kNoConnection) {
      handler.OnGarbage();
      return true;
    }
    switch (bus::KindOfMessage(part->bytes())) {
      case bus::MessageKind::kMedia:
        handler.OnMedia(from, {media::Payload(part, part->bytes()), true});
        break;
      case bus::MessageKind::kControl:
        if (const auto envelope = bus::DecodeControl(part->bytes())) {
          handler.OnControl(from, *envelope);
        } else {
          handler.OnGarbage();
        }
        break;
      case bus::MessageKind::kUnknown:
        handler.OnGarbage();
        break;
    }
    return true;
  }

  void* context = nullptr;
  void* socket = nullptr;
  int signal = -1;  // readable when something may have come
  bool drained = false;
  int port = 0;
  std::vector<ConnectionId> unreachable;
};

BusSocket::BusSocket(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
BusSocket::~BusSocket() = default;

absl::StatusOr<std::unique_ptr<BusSocket>> BusSocket::Bind(const std::string& endpoint) {
  auto impl = std::make_unique<Impl>();
  impl->context = zmq_ctx_new();
  impl->socket = zmq_socket(impl->context, ZMQ_ROUTER);
  // A send to nobody is an error rather than silence: that is how a lost connection is noticed.
  impl->Set(ZMQ_ROUTER_MANDATORY, 1);
  // Credit bounds what is queued; a high-water mark would only drop without saying so.
  impl->Set(ZMQ_SNDHWM, 0);
  impl->Set(ZMQ_RCVHWM, 0);
  impl->Set(ZMQ_LINGER, 0);
  impl->Set(ZMQ_IPV6, 1);
  impl->Set(ZMQ_BACKLOG, 1024);
  impl->Set(ZMQ_HANDSHAKE_IVL, 5'000);
  // A node that has stopped gives back what is queued for it when these run out.
  impl->Set(ZMQ_HEARTBEAT_IVL, 2'000);
  impl->Set(ZMQ_HEARTBEAT_TIMEOUT, 6'000);
  const int64_t largest = static_cast<int64_t>(media::kMaxBatchBytes) + 4096;
  zmq_setsockopt(impl->socket, ZMQ_MAXMSGSIZE, &largest, sizeof(largest));
  if (zmq_bind(impl->socket, endpoint.c_str()) != 0) {
    const int error = zmq_errno();
    const std::string text = fmt::format("cannot bind {}: {}", endpoint, zmq_strerror(error));
    if (error == EADDRINUSE) return absl::UnavailableError(text);
    return absl::InvalidArgumentError(text);
  }
  size_t signal_size = sizeof(impl->signal);
  zmq_getsockopt(impl->socket, ZMQ_FD, &impl->signal, &signal_size);
  std::array<char, 256> bound{};
  size_t size = bound.size();
  if (zmq_getsockopt(impl->socket, ZMQ_LAST_ENDPOINT, bound.data(), &size) == 0) {
    const std::string_view name(bound.data());
    const size_t colon = name.rfind(':');
    if (colon != std::string_view::npos) impl->port = std::atoi(name.data() + colon + 1);
  }
  return std::unique_ptr<BusSocket>(new BusSocket(std::move(impl)));
}

int BusSocket::port() const { return impl_->port; }

void BusSocket::Wait(int wake, int64_t timeout_ms) {
  // The descriptor signals edges, and only a receive that finds nothing arms it. Sending looks at
  // the same signal: after that there may be a message of which nothing is told any more.
  if (!impl_->drained) return;
  std::array<pollfd, 2> files{};
  files[0] = {.fd = impl_->signal, .events = POLLIN, .revents = 0};
  files[1] = {.fd = wake, .events = POLLIN, .revents = 0};
  poll(files.data(), files.size(), static_cast<int>(timeout_ms));
}

size_t BusSocket::Receive(size_t limit, Handler& handler) {
  size_t count = 0;
  while (count < limit) {
    impl_->drained = true;
    if (!impl_->ReceiveOne(handler)) break;
    impl_->drained = false;
    ++count;
  }
  return count;
}

std::vector<ConnectionId> BusSocket::TakeUnreachable() {
  return std::exchange(impl_->unreachable, {});
}

void BusSocket::SendControl(ConnectionId connection, const v1::Envelope& envelope) {
  if (!impl_->Address(connection)) return;
  const std::string message = bus::EncodeControl(envelope);
  zmq_send(impl_->socket, message.data(), message.size(), ZMQ_DONTWAIT);
}

void BusSocket::SendMedia(ConnectionId connection, const SharedBatch& batch) {
  if (!impl_->Address(connection)) return;
  zmq_msg_t message;
  if (batch.original) {
    // The received message itself, shared: no byte is copied and nothing is allocated.
    zmq_msg_init(&message);
    zmq_msg_copy(&message, &static_cast<const ReceivedPart*>(batch.bytes.owner().get())->message);
  } else {
    // ZeroMQ's thread gives back the share in the cache block.
    auto share = std::make_unique<media::Payload>(batch.bytes);
    auto* data = const_cast<uint8_t*>(share->data());  // NOLINT: ZeroMQ only reads what it sends
    bus::HandOver(share.get());
    zmq_msg_init_data(&message, data, share->size(), DropPayload, share.get());
    static_cast<void>(share.release());
  }
  if (zmq_msg_send(&message, impl_->socket, ZMQ_DONTWAIT) < 0) zmq_msg_close(&message);
}

}  // namespace millrace::router
