// Any bytes as messages, whole and in pieces: the same messages and the same error; what was read
// can be written and read again.

#include <string>
#include <vector>

#include "gateways/rtsp/protocol/message_reader.h"
#include "media/base/fault.h"
#include "tests/support/require.h"

namespace {

using millrace::media::Bytes;
using millrace::tests::Require;
using namespace millrace::rtsp;

constexpr MessageLimits kLimits = {
    .max_line = 512, .max_headers = 8, .max_body = 2048, .max_skipped = 256};

void WriteAgain(const Message& message, std::vector<uint8_t>& out) {
  if (const auto* request = std::get_if<Request>(&message)) Write(*request, out);
  if (const auto* response = std::get_if<Response>(&message)) Write(*response, out);
  if (const auto* frame = std::get_if<Interleaved>(&message)) {
    const Bytes payload = frame->payload.bytes();
    WriteInterleavedHeader(frame->channel, static_cast<uint16_t>(payload.size()), out);
    out.insert(out.end(), payload.begin(), payload.end());
  }
}

// What came out, written again, then the error.
std::vector<uint8_t> Run(Bytes bytes, size_t piece_size) {
  std::vector<uint8_t> seen;
  MessageReader reader(kLimits);
  reader.ExpectChannels(4);
  for (size_t at = 0; at < bytes.size(); at += piece_size) {
    reader.Append(bytes.subspan(at, std::min(piece_size, bytes.size() - at)));
    while (true) {
      const auto message = reader.Next();
      if (!message.ok()) {
        const std::string name = millrace::media::FaultName(message.status());
        Require(name.starts_with("rtsp_"), "a fault has a name");
        seen.insert(seen.end(), name.begin(), name.end());
        return seen;
      }
      if (!message->has_value()) break;
      WriteAgain(**message, seen);
    }
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 64 * 1024) return 0;
  const Bytes bytes(data, size);
  const auto whole = Run(bytes, std::max<size_t>(size, 1));
  Require(Run(bytes, 1) == whole, "splitting changes nothing");
  Require(Run(bytes, 7) == whole, "splitting changes nothing");
  return 0;
}
