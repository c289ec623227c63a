// Any bytes before a connection, whole, byte by byte and as much as is wanted: the same answer, and
// not a byte beyond the header is taken.

#include <algorithm>
#include <string>

#include "media/base/fault.h"
#include "runtime/net/proxy_header.h"
#include "tests/support/require.h"

namespace {

using millrace::media::Bytes;
using millrace::net::ProxyHeaderReader;
using millrace::tests::Require;

struct Outcome {
  std::string text;
  size_t taken = 0;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// `step` 0: as much as is wanted.
Outcome Run(Bytes bytes, size_t step) {
  ProxyHeaderReader reader;
  Outcome outcome;
  while (outcome.taken < bytes.size()) {
    const size_t size = step == 0 ? reader.wanted() : step;
    Require(size > 0, "an incomplete header wants something");
    Bytes piece = bytes.subspan(outcome.taken, std::min(size, bytes.size() - outcome.taken));
    const size_t given = piece.size();
    const auto result = reader.Consume(piece);
    outcome.taken += given - piece.size();
    if (!result.ok()) {
      outcome.taken = 0;  // a failure may be noticed earlier or later
      outcome.text = millrace::media::FaultName(result.status());
      Require(outcome.text.starts_with("proxy_"), "a failure has a name");
      return outcome;
    }
    if (result->has_value()) {
      const auto& header = **result;
      outcome.text = header.client ? header.client->ToString() : "no client";
      if (header.local) outcome.text += ", local";
      return outcome;
    }
    Require(piece.empty(), "what is not complete takes everything");
  }
  outcome.text = "more";
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes bytes(data, size);
  const Outcome whole = Run(bytes, std::max<size_t>(size, 1));
  Require(Run(bytes, 1) == whole, "split feeding changes nothing");
  Require(Run(bytes, 0) == whole, "reading what is wanted changes nothing");
  return 0;
}
