#pragma once
// What the conversation needs of OpenSSL.

#include <array>
#include <cstdint>
#include <span>

#include "media/base/bytes.h"

namespace millrace::rtsp {

std::array<uint8_t, 16> OpenSslMd5(media::Bytes bytes);
void OpenSslRandom(std::span<uint8_t> out);

}  // namespace millrace::rtsp
