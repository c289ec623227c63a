#include "runtime/stream/batcher.h"

#include <utility>

namespace millrace::stream {

void Batcher::Add(media::Frame frame, bool leading, bool reader_start, int64_t now_ns) {
  if (reader_start) Flush();
  if (pending_.empty()) oldest_ns_ = now_ns;
  pending_bytes_ += frame.payload.size();
  pending_.push_back(std::move(frame));
  const bool full = pending_.size() >= options_.max_frames || pending_bytes_ >= options_.max_bytes;
  const bool due = options_.flush_ns == 0 ? leading : now_ns - oldest_ns_ >= options_.flush_ns;
  if (full || due) Flush();
}

std::optional<int64_t> Batcher::NextDeadline() const {
  if (pending_.empty()) return std::nullopt;
  return oldest_ns_ + (options_.flush_ns == 0 ? options_.audio_hold_ns : options_.flush_ns);
}

void Batcher::OnTimer(int64_t now_ns) {
  const std::optional<int64_t> deadline = NextDeadline();
  if (deadline && now_ns >= *deadline) Flush();
}

void Batcher::Flush() {
  if (pending_.empty()) return;
  std::vector<media::Frame> batch = std::exchange(pending_, {});
  pending_bytes_ = 0;
  emit_(std::move(batch));
}

}  // namespace millrace::stream
