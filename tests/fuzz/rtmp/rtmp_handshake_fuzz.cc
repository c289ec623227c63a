// Any bytes as C0 to C2, whole and in two pieces: the same answer, once, of one size.

#include <cstdlib>
#include <vector>

#include "gateways/rtmp/crypto.h"
#include "gateways/rtmp/protocol/handshake.h"

namespace {

using millrace::media::Bytes;
using millrace::rtmp::kHandshakeSize;

struct Outcome {
  std::vector<uint8_t> output;
  bool ok = true;
  bool done = false;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome Run(std::initializer_list<Bytes> pieces) {
  millrace::rtmp::ServerHandshake handshake(millrace::rtmp::OpenSslHmacSha256,
                                            [](std::span<uint8_t> out) {
                                              for (size_t i = 0; i < out.size(); ++i)
                                                out[i] = static_cast<uint8_t>(i * 7);
                                            });
  Outcome outcome;
  for (Bytes piece : pieces) {
    if (!outcome.ok) break;
    const auto done = handshake.Consume(piece, outcome.output);
    outcome.ok = done.ok();
    outcome.done = outcome.ok && *done;
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes bytes(data, size);
  const Outcome whole = Run({bytes});
  if (!whole.output.empty() && whole.output.size() != 1 + 2 * kHandshakeSize) std::abort();
  if (whole.done && size < 1 + 2 * kHandshakeSize) std::abort();
  const size_t split = size > 0 ? data[size - 1] * size / 256 : 0;
  if (!(Run({bytes.first(split), bytes.subspan(split)}) == whole)) std::abort();
  return 0;
}
