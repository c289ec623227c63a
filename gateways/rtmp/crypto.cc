#include "gateways/rtmp/crypto.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <cstdlib>
#include <memory>

namespace millrace::rtmp {
namespace {

struct MacDeleter {
  void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};

}  // namespace

Digest OpenSslHmacSha256(media::Bytes key, media::Bytes first, media::Bytes second) {
  const std::unique_ptr<EVP_MAC, MacDeleter> mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  const std::unique_ptr<EVP_MAC_CTX, MacDeleter> context(EVP_MAC_CTX_new(mac.get()));
  char name[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                               OSSL_PARAM_construct_end()};
  Digest digest{};
  size_t size = 0;
  const bool done = EVP_MAC_init(context.get(), key.data(), key.size(), params) == 1 &&
                    EVP_MAC_update(context.get(), first.data(), first.size()) == 1 &&
                    EVP_MAC_update(context.get(), second.data(), second.size()) == 1 &&
                    EVP_MAC_final(context.get(), digest.data(), &size, digest.size()) == 1;
  // Only a broken installation of OpenSSL has no SHA-256.
  if (!done || size != digest.size()) std::abort();
  return digest;
}

Md5Digest OpenSslMd5(media::Bytes bytes) {
  Md5Digest digest{};
  unsigned size = 0;
  const int done = EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_md5(), nullptr);
  // An OpenSSL that is confined to approved algorithms has no MD5: then nothing matches.
  if (done != 1 || size != digest.size()) OpenSslRandom(digest);
  return digest;
}

void OpenSslRandom(std::span<uint8_t> out) {
  if (RAND_bytes(out.data(), static_cast<int>(out.size())) != 1) std::abort();
}

}  // namespace millrace::rtmp
