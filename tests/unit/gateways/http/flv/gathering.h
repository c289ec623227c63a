#pragma once
// What a viewer would receive of wire units, and the tags in it.

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "media/base/bytes.h"
#include "runtime/stream/wire_unit.h"

namespace millrace::tests {

inline void Append(stream::IovecList& list, std::vector<uint8_t>& out) {
  for (const iovec& piece : list.pieces()) {
    const auto* bytes = static_cast<const uint8_t*>(piece.iov_base);
    out.insert(out.end(), bytes, bytes + piece.iov_len);
  }
}

inline std::vector<uint8_t> Gathered(const stream::WireUnit& unit, size_t skip, int64_t base_ms) {
  std::vector<uint8_t> out;
  bool complete = false;
  while (!complete) {
    stream::IovecList list;
    complete = unit.Gather(skip + out.size(), base_ms, list);
    Append(list, out);
  }
  return out;
}

struct RawTag {
  uint8_t type = 0;
  uint32_t timestamp_ms = 0;
  std::vector<uint8_t> body;
};

// Whole tags without a file header; each PreviousTagSize has to be right.
inline std::vector<RawTag> ReadTags(media::Bytes bytes) {
  std::vector<RawTag> tags;
  media::ByteReader reader(bytes);
  while (!reader.done() && reader.ok()) {
    RawTag tag;
    tag.type = reader.U8();
    const uint32_t size = reader.U24();
    tag.timestamp_ms = reader.U24();
    tag.timestamp_ms |= static_cast<uint32_t>(reader.U8()) << 24;
    EXPECT_EQ(reader.U24(), 0u) << "StreamID";
    const media::Bytes body = reader.Take(size);
    tag.body.assign(body.begin(), body.end());
    EXPECT_EQ(reader.U32(), size + 11) << "PreviousTagSize";
    tags.push_back(std::move(tag));
  }
  EXPECT_TRUE(reader.ok());
  return tags;
}

}  // namespace millrace::tests
