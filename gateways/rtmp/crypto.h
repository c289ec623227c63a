#pragma once
// What handshake and login need of OpenSSL.

#include <span>

#include "gateways/rtmp/protocol/handshake.h"
#include "gateways/rtmp/protocol/login.h"

namespace millrace::rtmp {

// HMAC-SHA256 of `first` followed by `second`.
Digest OpenSslHmacSha256(media::Bytes key, media::Bytes first, media::Bytes second);
// Of Adobe's login, which knows nothing better.
Md5Digest OpenSslMd5(media::Bytes bytes);
void OpenSslRandom(std::span<uint8_t> out);

}  // namespace millrace::rtmp
