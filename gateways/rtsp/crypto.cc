#include "gateways/rtsp/crypto.h"

#include <openssl/rand.h>

#include <cstdlib>

namespace millrace::rtsp {

void OpenSslRandom(std::span<uint8_t> out) {
  if (RAND_bytes(out.data(), static_cast<int>(out.size())) != 1) std::abort();
}

}  // namespace millrace::rtsp
