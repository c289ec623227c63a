#pragma once
// From frames to RTP packets that are built once a stream and shared by all its viewers.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "media/base/payload.h"
#include "media/frame/frame.h"
#include "media/rtp/packet.h"

namespace millrace::media::rtp {

// The packets of one frame: pieces of the frame's payload, never copied, with small payload headers
// before and between them. Immutable once built, and then safe to share between threads. What
// differs from viewer to viewer is in the 12 bytes of WriteHeader alone.
//
//   wire packet: WriteHeader(i, …) | pieces(i) …
class PacketSet {
 public:
  PacketSet() = default;
  PacketSet(PacketSet&&) = default;
  PacketSet& operator=(PacketSet&&) = default;
  PacketSet(const PacketSet&) = delete;  // pieces point into header_bytes_
  PacketSet& operator=(const PacketSet&) = delete;

  size_t size() const { return packets_.size(); }  // packets
  bool empty() const { return packets_.empty(); }
  bool marker(size_t i) const { return packets_[i].marker; }
  // RTP ticks on the stream's timeline; a viewer adds its random base.
  uint32_t timestamp(size_t i) const { return timestamp_ + packets_[i].timestamp_offset; }
  uint8_t payload_type() const { return payload_type_; }
  // Payload bytes of packet `i`; with kHeaderSize more it is the packet on the wire.
  size_t payload_size(size_t i) const { return packets_[i].size; }
  // Of all packets, as RFC 3550 §6.4.1 counts octets.
  uint64_t payload_bytes() const { return payload_bytes_; }
  std::span<const Bytes> pieces(size_t i) const {
    return std::span(pieces_).subspan(packets_[i].first_piece, packets_[i].piece_count);
  }
  void WriteHeader(size_t i, uint16_t sequence, uint32_t timestamp_base, uint32_t ssrc,
                   std::span<uint8_t, kHeaderSize> out) const {
    rtp::WriteHeader(marker(i), payload_type_, sequence, timestamp_base + timestamp(i), ssrc, out);
  }

 private:
  friend class PacketSetBuilder;

  struct Entry {
    uint32_t first_piece = 0;
    uint32_t piece_count = 0;
    uint32_t size = 0;
    uint32_t timestamp_offset = 0;
    bool marker = false;
  };

  uint8_t payload_type_ = 0;
  uint32_t timestamp_ = 0;
  uint64_t payload_bytes_ = 0;
  std::vector<Entry> packets_;
  std::vector<Bytes> pieces_;
  std::vector<uint8_t> header_bytes_;
  std::vector<Payload> owners_;  // keep the pieces alive
};

// Writes one PacketSet.
class PacketSetBuilder {
 public:
  PacketSetBuilder(uint8_t payload_type, int64_t timestamp);

  // Keeps what pieces point into alive as long as the set.
  void Hold(Payload owner) { set_.owners_.push_back(std::move(owner)); }
  // A packet begins; pieces and header bytes go to it.
  void Begin(bool marker = false, uint32_t timestamp_offset = 0);
  void Piece(Bytes bytes);
  void Header(std::span<const uint8_t> bytes);
  void Header(std::initializer_list<uint8_t> bytes) {
    Header(std::span(bytes.begin(), bytes.size()));
  }
  // Of the packet that was begun last.
  void SetMarker() { set_.packets_.back().marker = true; }
  bool empty() const { return set_.packets_.empty(); }
  size_t packet_size() const { return set_.packets_.back().size; }
  PacketSet Finish();

 private:
  PacketSet set_;
  // Which pieces are header bytes, to be pointed at when header_bytes_ does not move any more.
  std::vector<std::pair<size_t, size_t>> headers_;  // piece, offset in header_bytes_
};

struct PacketizerOptions {
  uint8_t payload_type = 96;
  uint32_t clock_rate = 90'000;  // ticks a second
  // Of a whole RTP packet, header included: what fits into an Ethernet frame behind IPv6, UDP and a
  // tunnel or two. At least 64; UDP's own limit is 65507.
  size_t max_packet_bytes = 1400;

  size_t MaxPayload() const { return max_packet_bytes - kHeaderSize; }
};

// Of one track. Not thread-safe.
class Packetizer {
 public:
  virtual ~Packetizer() = default;

  // The packets of `frame`, whose pts becomes their timestamp. Fails as a named fault where the
  // frame cannot be carried (kBadUnit, kUnitTooLarge, kMissingConfig …): leave it out.
  virtual absl::StatusOr<PacketSet> Pack(const Frame& frame) = 0;
};

// Nanoseconds to the nearest tick, so that samples that NsFromSamples rounded come back exactly.
int64_t TicksFromNs(int64_t ns, uint32_t clock_rate);
// Ticks to nanoseconds, rounded down.
int64_t NsFromTicks(int64_t ticks, uint32_t clock_rate);

}  // namespace millrace::media::rtp
