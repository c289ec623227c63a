#include "gateways/rtmp/protocol/client_handshake.h"

namespace millrace::rtmp {
namespace {

// C1 begins with a time and four zeros, which say that it is the simple handshake.
constexpr size_t kFixedSize = 8;

}  // namespace

void ClientHandshake::Begin(std::vector<uint8_t>& out) {
  const size_t start = out.size();
  out.resize(start + 1 + kHandshakeSize);
  out[start] = kHandshakeVersion;
  random_(std::span(out).subspan(start + 1 + kFixedSize, kHandshakeSize - kFixedSize));
}

absl::StatusOr<bool> ClientHandshake::Consume(media::Bytes& bytes, std::vector<uint8_t>& out) {
  return input_.Consume(bytes, [&](media::Bytes hello) {
    out.insert(out.end(), hello.begin() + 1, hello.end());  // C2 repeats S1
  });
}

}  // namespace millrace::rtmp
