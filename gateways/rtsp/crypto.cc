#include "gateways/rtsp/crypto.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <cstdlib>

namespace millrace::rtsp {

std::array<uint8_t, 16> OpenSslMd5(media::Bytes bytes) {
  std::array<uint8_t, 16> digest{};
  // Only an OpenSSL that was told to be FIPS-only has no MD5; nobody could log in then.
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_md5(), nullptr) != 1) {
    std::abort();
  }
  return digest;
}

void OpenSslRandom(std::span<uint8_t> out) {
  if (RAND_bytes(out.data(), static_cast<int>(out.size())) != 1) std::abort();
}

}  // namespace millrace::rtsp
