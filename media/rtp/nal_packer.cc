#include "media/rtp/nal_packer.h"

#include <algorithm>

namespace millrace::media::rtp {
namespace {

constexpr size_t kUnitLength = 2;  // before each unit of an aggregate
constexpr size_t kMaxUdpPayload = 65'507 - kHeaderSize;

}  // namespace

bool NalPacker::Pack(std::span<const Bytes> nals, size_t max_payload,
                     PacketSetBuilder& builder) const {
  size_t begin = 0;  // of the run that goes into one packet
  size_t size = options_.nal_header_size;
  const auto flush = [&](size_t end) {
    if (begin < end) PackRun(nals.subspan(begin, end - begin), builder);
    begin = end;
    size = options_.nal_header_size;
  };
  for (size_t i = 0; i < nals.size(); ++i) {
    const size_t added = kUnitLength + nals[i].size();
    if (!options_.aggregate || size + added > max_payload) flush(i);
    if (nals[i].size() > max_payload) {
      if (!options_.fragment && nals[i].size() > kMaxUdpPayload) return false;
      if (options_.fragment) {
        Fragment(nals[i], max_payload, builder);
        begin = i + 1;
        continue;
      }
    }
    size += added;
  }
  flush(nals.size());
  if (!builder.empty()) builder.SetMarker();
  return true;
}

void NalPacker::PackRun(std::span<const Bytes> nals, PacketSetBuilder& builder) const {
  builder.Begin();
  if (nals.size() == 1) return builder.Piece(nals[0]);
  builder.Header(AggregateHeader(nals));
  // The low half of the 4-byte length in the payload is the length that an aggregate wants.
  for (Bytes nal : nals) builder.Piece({nal.data() - kUnitLength, nal.size() + kUnitLength});
}

void NalPacker::Fragment(Bytes nal, size_t max_payload, PacketSetBuilder& builder) const {
  const size_t room = max_payload - FragmentHeader(nal, true, false).size();
  const Bytes body = nal.subspan(options_.nal_header_size);
  for (size_t at = 0; at < body.size(); at += room) {
    const size_t size = std::min(room, body.size() - at);
    builder.Begin();
    builder.Header(FragmentHeader(nal, at == 0, at + size == body.size()));
    builder.Piece(body.subspan(at, size));
  }
}

}  // namespace millrace::media::rtp
