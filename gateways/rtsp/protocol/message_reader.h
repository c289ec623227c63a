#pragma once
// A byte stream to messages. Lines end with CR LF or LF; headers may be folded; blank lines and
// zeros between messages are passed over (clients keep alive with them).
//
// Once interleaved frames were seen, what is neither a frame nor begins with a method that we know
// is skipped up to the next thing that is: cameras lose bytes of their own stream. Before that it
// is an error, since the peer speaks something else.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "gateways/rtsp/protocol/message.h"
#include "media/base/byte_queue.h"

namespace millrace::rtsp {

struct MessageLimits {
  size_t max_line = 8u << 10;
  size_t max_headers = 64;
  size_t max_body = 128u << 10;
  size_t max_skipped = 256u << 10;  // between two messages, while looking for the next
};

class MessageReader {
 public:
  explicit MessageReader(const MessageLimits& limits = {}) : limits_(limits) {}

  void Append(media::Bytes bytes) { queue_.Append(bytes); }
  // The next message, "not yet", or the final error.
  absl::StatusOr<std::optional<Message>> Next();

  // Channels below `count` are in use: while looking for the next frame others are no frames.
  void ExpectChannels(unsigned count) { channels_ = count; }
  // Bytes that wait to be read.
  size_t pending() const { return queue_.size(); }
  // Bytes that were skipped to find the next message, ever.
  uint64_t skipped() const { return skipped_; }

 private:
  enum class State { kStart, kHeaders, kBody };
  enum class Front { kNeedMore, kInterleaved, kText, kNeither };

  // What the bytes at `at` begin. `known_only`: text must begin with a known method.
  Front Look(media::Bytes bytes, bool known_only) const;
  absl::StatusOr<bool> FindStart();
  absl::Status Resynchronise();
  std::optional<Message> ReadInterleaved();
  // A whole line without its end; nothing where it is not there yet.
  absl::StatusOr<std::optional<std::string_view>> ReadLine();
  absl::Status OnStartLine(std::string_view line);
  absl::Status OnHeaderLine(std::string_view line);
  absl::Status OnHeadersEnd();
  std::optional<Message> ReadBody();
  Headers& headers();

  MessageLimits limits_;
  media::ByteQueue queue_;
  absl::Status status_;
  State state_ = State::kStart;
  bool interleaving_ = false;  // a frame was seen
  bool lost_ = false;          // looking for the next message
  unsigned channels_ = 256;
  size_t skipped_now_ = 0;
  uint64_t skipped_ = 0;
  size_t line_size_ = 0;  // of the line that was read last, with its end: consumed by the next read
  size_t scanned_ = 0;    // bytes at the front that hold no line end
  Message message_;
  size_t body_size_ = 0;
};

}  // namespace millrace::rtsp
