#pragma once
// What the table says, and to whom. The process maps it to ZeroMQ, a simulation to its own wires.

#include <cstdint>

#include "media/base/payload.h"
#include "millrace/v1/bus.pb.h"

namespace millrace::router {

// One connection of a node, as whoever owns the socket numbers it. Never reused for another
// connection.
using ConnectionId = uint64_t;
inline constexpr ConnectionId kNoConnection = 0;

// Both clocks at one instant; every call into the table carries it.
struct Time {
  int64_t mono_ns = 0;  // never goes back; only differences mean something
  int64_t wall_ns = 0;  // Unix time
  int64_t unix_ms() const { return wall_ns / 1'000'000; }
};
inline constexpr int64_t kNever = INT64_MAX;

// One encoded batch (media/frame/batch.h), immutable and shared by all that it is sent to.
struct SharedBatch {
  media::Payload bytes;
  // bytes.owner() is the owner that was given to Table::OnMedia, so that the process may forward
  // its own ZeroMQ message. Otherwise the bytes lie in a block of the table's cache.
  bool original = true;
};

// Messages to one connection arrive in the order of the calls. None of these may call back into the
// table: a connection found broken is told by Table::OnConnectionUnreachable after the current call
// has returned.
class Outbox {
 public:
  virtual ~Outbox() = default;
  virtual void SendControl(ConnectionId connection, const v1::Envelope& envelope) = 0;
  virtual void SendMedia(ConnectionId connection, const SharedBatch& batch) = 0;
};

}  // namespace millrace::router
