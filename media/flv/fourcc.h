#pragma once
// Codecs as Enhanced RTMP names them: four characters, big-endian in a number ("enhanced-rtmp-v2",
// enums VideoFourCc and AudioFourCc).

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "media/frame/track.h"

namespace millrace::media::flv {

constexpr uint32_t MakeFourCc(const char (&text)[5]) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(text[i]);
  return value;
}

// Every codec that has a FourCC, video first.
std::span<const Codec> FourCcCodecs();

// "hvc1" for kH265 …; 0 where there is none (G.711).
uint32_t FourCcOf(Codec codec);
// kUnknown for those that are not supported, VP8 and E-AC-3 among them.
Codec CodecOfFourCc(uint32_t fourcc);
// As clients write it when they connect: in any letter case, and "Aac" for "mp4a".
Codec CodecOfFourCc(std::string_view text);
// Four characters; what cannot be printed becomes '?'.
std::string FourCcText(uint32_t fourcc);

// A set of codecs, small enough to be part of a key.
class CodecSet {
 public:
  static constexpr CodecSet All() { return CodecSet(~uint64_t{0}); }
  constexpr CodecSet() = default;

  constexpr void Add(Codec codec) { bits_ |= Bit(codec); }
  constexpr bool Has(Codec codec) const { return (bits_ & Bit(codec)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  friend constexpr bool operator==(const CodecSet&, const CodecSet&) = default;

 private:
  explicit constexpr CodecSet(uint64_t bits) : bits_(bits) {}
  static constexpr uint64_t Bit(Codec codec) {
    const auto number = static_cast<unsigned>(codec);
    return number < 64 ? uint64_t{1} << number : 0;  // data tracks have no FourCC
  }
  uint64_t bits_ = 0;
};

}  // namespace millrace::media::flv
