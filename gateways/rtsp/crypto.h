#pragma once
// What the conversation needs of OpenSSL.

#include <array>
#include <cstdint>
#include <span>

#include "media/base/bytes.h"

namespace millrace::rtsp {

void OpenSslRandom(std::span<uint8_t> out);

}  // namespace millrace::rtsp
