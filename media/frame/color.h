#pragma once
// How the numbers of a picture become light: what HDR displays need beside the bitstream.

#include <cstdint>
#include <optional>

namespace millrace::media {

// Content light level (CTA-861.3), in candela per square metre.
struct ContentLight {
  double max_frame_average = 0;
  double max_content = 0;
  friend bool operator==(const ContentLight&, const ContentLight&) = default;
};

// Mastering display colour volume (SMPTE ST 2086): CIE 1931 chromaticities, luminances in candela
// per square metre.
struct MasteringDisplay {
  double red_x = 0, red_y = 0;
  double green_x = 0, green_y = 0;
  double blue_x = 0, blue_y = 0;
  double white_x = 0, white_y = 0;
  double max_luminance = 0, min_luminance = 0;
  friend bool operator==(const MasteringDisplay&, const MasteringDisplay&) = default;
};

// As the publisher said it. Code points of ITU-T H.273, 0 where it did not say.
struct Color {
  uint8_t bit_depth = 0;
  uint8_t primaries = 0;
  uint8_t transfer = 0;
  uint8_t matrix = 0;
  std::optional<ContentLight> light;
  std::optional<MasteringDisplay> mastering;
  friend bool operator==(const Color&, const Color&) = default;
};

}  // namespace millrace::media
