#pragma once
// What the handshake needs of OpenSSL.

#include <span>

#include "gateways/rtmp/protocol/handshake.h"

namespace millrace::rtmp {

// HMAC-SHA256 of `first` followed by `second`.
Digest OpenSslHmacSha256(media::Bytes key, media::Bytes first, media::Bytes second);
void OpenSslRandom(std::span<uint8_t> out);

}  // namespace millrace::rtmp
