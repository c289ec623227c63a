#include "media/rtp/reorder.h"

#include <algorithm>
#include <utility>

namespace millrace::media::rtp {
namespace {

// RFC 3550 A.1, MAX_DROPOUT and MAX_MISORDER: beyond these the sender began anew.
constexpr int kMaxDropout = 3000;
constexpr int kMaxMisorder = 100;

}  // namespace

void ReorderBuffer::Push(Packet packet, int64_t now_ns, std::vector<OrderedPacket>& out) {
  Held held{std::move(packet), now_ns};
  if (!started_) return Start(std::move(held), out);
  if (held.packet.ssrc != ssrc_) return Challenge(std::move(held), out);
  const auto distance = static_cast<int16_t>(
      static_cast<uint16_t>(held.packet.sequence - static_cast<uint16_t>(next_)));
  if (distance > kMaxDropout || distance < -kMaxMisorder) return Challenge(std::move(held), out);
  if (candidate_.has_value()) ++counters_.strays;
  candidate_.reset();
  if (distance < 0) return TakeLate(next_ + distance);
  if (distance == 0) {
    ++counters_.received;
    if (!held_.empty()) ++counters_.reordered;
    Deliver(std::move(held), out);
    Drain(out);
    return;
  }
  const int64_t sequence = next_ + distance;
  if (held_.contains(sequence)) {
    ++counters_.duplicate;
    return;
  }
  ++counters_.received;
  if (!held_.empty() && sequence < held_.rbegin()->first) ++counters_.reordered;
  held_.emplace(sequence, std::move(held));
  while (held_.size() > options_.max_packets) SkipGap(out);
}

void ReorderBuffer::Start(Held first, std::vector<OrderedPacket>& out) {
  if (started_) {
    ++counters_.restarts;
    restart_ = true;
  }
  started_ = true;
  candidate_.reset();
  seen_.fill(false);
  lost_ = 0;
  unwrap_ = Unwrap32();
  ssrc_ = first.packet.ssrc;
  next_ = first.packet.sequence;
  ++counters_.received;
  Deliver(std::move(first), out);
}

bool ReorderBuffer::Confirms(const Packet& packet) const {
  return candidate_.has_value() && candidate_->packet.ssrc == packet.ssrc &&
         static_cast<uint16_t>(candidate_->packet.sequence + 1) == packet.sequence;
}

void ReorderBuffer::Challenge(Held held, std::vector<OrderedPacket>& out) {
  if (Confirms(held.packet)) {
    Flush(out);
    Held first = *std::move(candidate_);
    Start(std::move(first), out);
    ++counters_.received;
    return Deliver(std::move(held), out);
  }
  if (options_.max_packets == 0 && held.packet.ssrc != ssrc_) return Start(std::move(held), out);
  if (candidate_.has_value()) ++counters_.strays;
  candidate_ = std::move(held);
}

void ReorderBuffer::TakeLate(int64_t sequence) {
  bool& seen = seen_[static_cast<size_t>(sequence) % kHistory];
  ++(seen ? counters_.duplicate : counters_.late);
  seen = true;
}

void ReorderBuffer::Deliver(Held held, std::vector<OrderedPacket>& out) {
  seen_[static_cast<size_t>(next_) % kHistory] = true;
  ++next_;
  OrderedPacket ordered;
  ordered.timestamp = unwrap_(held.packet.timestamp);
  ordered.packet = std::move(held.packet);
  ordered.arrival_ns = held.arrival_ns;
  ordered.lost = std::exchange(lost_, 0);
  ordered.restart = std::exchange(restart_, false);
  out.push_back(std::move(ordered));
}

void ReorderBuffer::Drain(std::vector<OrderedPacket>& out) {
  while (!held_.empty() && held_.begin()->first == next_) {
    Held held = std::move(held_.begin()->second);
    held_.erase(held_.begin());
    Deliver(std::move(held), out);
  }
}

void ReorderBuffer::SkipGap(std::vector<OrderedPacket>& out) {
  while (next_ < held_.begin()->first) {
    seen_[static_cast<size_t>(next_) % kHistory] = false;
    ++next_;
    ++lost_;
    ++counters_.lost;
  }
  Drain(out);
}

std::optional<int64_t> ReorderBuffer::NextDeadline() const {
  if (held_.empty()) return std::nullopt;
  int64_t oldest = held_.begin()->second.arrival_ns;
  for (const auto& [sequence, held] : held_) oldest = std::min(oldest, held.arrival_ns);
  const bool many = held_.size() >= options_.many_packets;
  return oldest + (many ? options_.short_wait_ns : options_.max_wait_ns);
}

void ReorderBuffer::OnTimer(int64_t now_ns, std::vector<OrderedPacket>& out) {
  for (auto deadline = NextDeadline(); deadline.has_value() && *deadline <= now_ns;
       deadline = NextDeadline()) {
    SkipGap(out);
  }
}

void ReorderBuffer::Flush(std::vector<OrderedPacket>& out) {
  while (!held_.empty()) SkipGap(out);
}

}  // namespace millrace::media::rtp
