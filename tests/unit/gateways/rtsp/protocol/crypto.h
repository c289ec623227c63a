#pragma once
// MD5 of OpenSSL, and bytes that are the same each time.

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <span>

#include "media/base/bytes.h"

namespace millrace::rtsp {

inline std::array<uint8_t, 16> TestMd5(media::Bytes bytes) {
  std::array<uint8_t, 16> digest{};
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_md5(), nullptr);
  return digest;
}

inline void PredictableBytes(std::span<uint8_t> out) {
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<uint8_t>(i * 17 + 1);
}

}  // namespace millrace::rtsp
