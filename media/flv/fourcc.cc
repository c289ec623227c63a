#include "media/flv/fourcc.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace millrace::media::flv {
namespace {

bool SameText(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

constexpr struct {
  Codec codec;
  uint32_t fourcc;
} kFourCcs[] = {
    {Codec::kH264, MakeFourCc("avc1")}, {Codec::kH265, MakeFourCc("hvc1")},
    {Codec::kAv1, MakeFourCc("av01")},  {Codec::kVp9, MakeFourCc("vp09")},
    {Codec::kAac, MakeFourCc("mp4a")},  {Codec::kOpus, MakeFourCc("Opus")},
    {Codec::kMp3, MakeFourCc(".mp3")},  {Codec::kFlac, MakeFourCc("fLaC")},
    {Codec::kAc3, MakeFourCc("ac-3")},
};

constexpr auto kCodecs = [] {
  std::array<Codec, std::size(kFourCcs)> codecs{};
  for (size_t i = 0; i < codecs.size(); ++i) codecs[i] = kFourCcs[i].codec;
  return codecs;
}();

}  // namespace

std::span<const Codec> FourCcCodecs() { return kCodecs; }

uint32_t FourCcOf(Codec codec) {
  const auto* found = std::ranges::find_if(kFourCcs, [&](auto& row) { return row.codec == codec; });
  return found == std::end(kFourCcs) ? 0 : found->fourcc;
}

Codec CodecOfFourCc(uint32_t fourcc) {
  const auto* found =
      std::ranges::find_if(kFourCcs, [&](auto& row) { return row.fourcc == fourcc; });
  return found == std::end(kFourCcs) ? Codec::kUnknown : found->codec;
}

Codec CodecOfFourCc(std::string_view text) {
  if (SameText(text, "aac")) return Codec::kAac;
  const auto* found = std::ranges::find_if(
      kFourCcs, [&](auto& row) { return SameText(FourCcText(row.fourcc), text); });
  return found == std::end(kFourCcs) ? Codec::kUnknown : found->codec;
}

std::string FourCcText(uint32_t fourcc) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) {
    const auto c = static_cast<char>(fourcc >> shift & 0xff);
    text.push_back(c >= 0x20 && c < 0x7f ? c : '?');
  }
  return text;
}

}  // namespace millrace::media::flv
