#include "media/rtp/packetizer.h"

#include <utility>

#include "media/base/ticks.h"

namespace millrace::media::rtp {

PacketSetBuilder::PacketSetBuilder(uint8_t payload_type, int64_t timestamp) {
  set_.payload_type_ = payload_type;
  set_.timestamp_ = static_cast<uint32_t>(timestamp);
}

void PacketSetBuilder::Begin(bool marker, uint32_t timestamp_offset) {
  PacketSet::Entry entry;
  entry.first_piece = static_cast<uint32_t>(set_.pieces_.size());
  entry.timestamp_offset = timestamp_offset;
  entry.marker = marker;
  set_.packets_.push_back(entry);
}

void PacketSetBuilder::Piece(Bytes bytes) {
  PacketSet::Entry& entry = set_.packets_.back();
  set_.pieces_.push_back(bytes);
  ++entry.piece_count;
  entry.size += static_cast<uint32_t>(bytes.size());
}

void PacketSetBuilder::Header(std::span<const uint8_t> bytes) {
  headers_.emplace_back(set_.pieces_.size(), set_.header_bytes_.size());
  set_.header_bytes_.insert(set_.header_bytes_.end(), bytes.begin(), bytes.end());
  Piece(bytes);  // only its size is right until Finish
}

PacketSet PacketSetBuilder::Finish() {
  for (const auto& [piece, offset] : headers_) {
    Bytes& bytes = set_.pieces_[piece];
    bytes = Bytes(set_.header_bytes_).subspan(offset, bytes.size());
  }
  for (const PacketSet::Entry& entry : set_.packets_) set_.payload_bytes_ += entry.size;
  return std::move(set_);
}

namespace {

// Rounds down, also below zero.
int64_t FloorDivide(__int128 value, int64_t divisor) {
  __int128 quotient = value / divisor;
  if (value % divisor < 0) --quotient;
  return static_cast<int64_t>(quotient);
}

}  // namespace

int64_t TicksFromNs(int64_t ns, uint32_t clock_rate) {
  return FloorDivide(static_cast<__int128>(ns) * clock_rate + kNsPerSecond / 2, kNsPerSecond);
}

int64_t NsFromTicks(int64_t ticks, uint32_t clock_rate) {
  return FloorDivide(static_cast<__int128>(ticks) * kNsPerSecond, clock_rate);
}

}  // namespace millrace::media::rtp
