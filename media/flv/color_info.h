#pragma once
// Colour information as enhanced FLV carries it: `colorInfo` (enhanced-rtmp-v2, "Metadata Frame").

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "media/base/bytes.h"
#include "media/frame/color.h"

namespace millrace::media::flv {

// The data of a packet of type Metadata: names, each with its value, in AMF 0. nullopt: there is
// no `colorInfo`. A Color that says nothing: the publisher takes back what it said. Code points
// that are no number of 0 to 255, and light that is no finite number of 0 or more, are left out.
// AMF errors.
absl::StatusOr<std::optional<Color>> ReadColorInfo(Bytes data);

// The data of such a packet. Without a colour it takes back what was said.
std::vector<uint8_t> WriteColorInfo(const std::optional<Color>& color);

}  // namespace millrace::media::flv
