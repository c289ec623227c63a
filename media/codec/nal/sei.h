#pragma once
// Supplemental enhancement information, the same in H.264 (ISO/IEC 14496-10 §7.3.2.3.1) and H.265
// (ISO/IEC 23008-2 §7.3.5).

#include <cstddef>
#include <optional>

#include "media/base/bytes.h"

namespace millrace::media::nal {

// The first message of `type` among those of an RBSP: what is behind its type and size. Nothing
// where there is none that is whole.
std::optional<Bytes> FindSeiMessage(Bytes rbsp, size_t type);

}  // namespace millrace::media::nal
