#pragma once
// The tables of JPEG that RTP leaves out: ITU-T T.81 Annex K, RFC 2435 Appendices A and B.

#include <array>
#include <cstdint>
#include <span>

#include "media/base/bytes.h"

namespace millrace::media::rtp {

inline constexpr size_t kQuantizationTableSize = 64;
using QuantizationTable = std::array<uint8_t, kQuantizationTableSize>;  // in zigzag order

// Luma and chroma for a Q of 1 to 99, RFC 2435 §4.2.
std::array<QuantizationTable, 2> QuantizationTablesOf(unsigned q);

// The Huffman tables that every JPEG over RTP uses: class and destination as in a DHT segment, then
// 16 counts and the values.
struct HuffmanTable {
  uint8_t destination = 0;  // 0x00 luma DC, 0x10 luma AC, 0x01 chroma DC, 0x11 chroma AC
  Bytes counts_and_values;
};
std::span<const HuffmanTable> StandardHuffmanTables();

}  // namespace millrace::media::rtp
