#include "gateways/rtmp/protocol/client_handshake.h"

#include <algorithm>
#include <string>

#include "gateways/rtmp/protocol/errors.h"

namespace millrace::rtmp {
namespace {

constexpr uint8_t kVersion = 3;
// C1 begins with a time and four zeros, which say that it is the simple handshake.
constexpr size_t kFixedSize = 8;

}  // namespace

void ClientHandshake::Begin(std::vector<uint8_t>& out) {
  const size_t start = out.size();
  out.resize(start + 1 + kHandshakeSize);
  out[start] = kVersion;
  random_(std::span(out).subspan(start + 1 + kFixedSize, kHandshakeSize - kFixedSize));
}

absl::StatusOr<bool> ClientHandshake::Consume(media::Bytes& bytes, std::vector<uint8_t>& out) {
  constexpr size_t kHelloSize = 1 + kHandshakeSize;
  if (!answered_ && !bytes.empty()) {
    const size_t size = std::min(kHelloSize - hello_.size(), bytes.size());
    hello_.insert(hello_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    bytes = bytes.subspan(size);
    if (hello_.front() != kVersion) {
      return Fail(RtmpError::kHandshakeVersion, std::to_string(hello_.front()));
    }
    if (hello_.size() == kHelloSize) {
      out.insert(out.end(), hello_.begin() + 1, hello_.end());  // C2 repeats S1
      answered_ = true;
      std::vector<uint8_t>().swap(hello_);
    }
  }
  if (!answered_) return false;
  const size_t size = std::min(final_left_, bytes.size());
  final_left_ -= size;
  bytes = bytes.subspan(size);
  return final_left_ == 0;
}

}  // namespace millrace::rtmp
