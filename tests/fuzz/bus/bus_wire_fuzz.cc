// The bus: whatever a peer sends is read or refused by name, and what is read is written back
// alike; and a table that is given it, from a stranger or from a node, stays whole.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "media/base/fault.h"
#include "media/frame/batch.h"
#include "router/table.h"
#include "runtime/bus/control.h"
#include "runtime/bus/convert.h"
#include "tests/support/require.h"

using namespace millrace;

namespace {

// A table that talks to nobody.
class Silence : public router::Outbox {
 public:
  void SendControl(router::ConnectionId, const v1::Envelope& envelope) override {
    tests::Require(bus::DecodeControl(media::AsBytes(bus::EncodeControl(envelope))).has_value(),
                   "what is sent can be read");
  }
  void SendMedia(router::ConnectionId, const router::SharedBatch& batch) override {
    tests::Require(media::DecodeBatchHeader(batch.bytes.bytes()).ok(), "what is sent can be read");
  }
};

void Batch(const media::Payload& message) {
  const auto header = media::DecodeBatchHeader(message.bytes());
  const auto frames = media::DecodeBatch(message);
  tests::Require(header.ok() == frames.ok(), "header and frames agree");
  if (!header.ok()) {
    tests::Require(media::FaultName(header.status()).starts_with("batch_"), "refused by name");
    return;
  }
  tests::Require(frames->size() == header->frame_count, "as many frames as it says");
  std::vector<uint8_t> again(media::EncodedBatchSize(*frames));
  tests::Require(again.size() == message.size(), "the same size again");
  media::EncodeBatch(*header, *frames, again);
  const auto read = media::DecodeBatch(media::Payload::FromVector(again));
  tests::Require(read.ok(), "what was written can be read");
  for (size_t i = 0; i < frames->size(); ++i) {
    tests::Require((*read)[i].sequence == (*frames)[i].sequence &&
                       (*read)[i].dts_ns == (*frames)[i].dts_ns &&
                       std::ranges::equal((*read)[i].payload.bytes(), (*frames)[i].payload.bytes()),
                   "the same frames again");
  }
}

// The input as a conversation: length-prefixed messages to one table.
void Conversation(media::Bytes bytes) {
  Silence silence;
  router::Time now{.mono_ns = 1'000'000'000, .wall_ns = 1'700'000'000'000'000'000};
  router::Table table({.cache_limit = 1 << 20, .stream_cache_limit = 1 << 18, .max_streams = 4},
                      silence, now);
  media::ByteReader reader(bytes);
  while (!reader.done()) {
    const router::ConnectionId from = 1 + reader.U8() % 4;
    const size_t size = std::min<size_t>(reader.U16(), reader.remaining());
    const media::Payload message = media::Payload::Copy(reader.Take(size));
    now.mono_ns += 50'000'000;
    now.wall_ns += 50'000'000;
    switch (bus::KindOfMessage(message.bytes())) {
      case bus::MessageKind::kMedia:
        table.OnMedia(from, {message, true}, now);
        break;
      case bus::MessageKind::kControl:
        if (const auto envelope = bus::DecodeControl(message.bytes())) {
          table.OnControl(from, *envelope, now);
        }
        break;
      case bus::MessageKind::kUnknown:
        break;
    }
    if (table.NextDeadline() <= now.mono_ns) table.OnTimer(now);
  }
  tests::Require(table.usage().cache_bytes <= 1 << 20, "the cache is bounded");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const media::Bytes bytes(data, size);
  Batch(media::Payload::Copy(bytes));
  if (const auto envelope = bus::DecodeControl(bytes)) {
    tests::Require(bus::DecodeControl(media::AsBytes(bus::EncodeControl(*envelope))).has_value(),
                   "what was written can be read");
    if (envelope->has_track_set()) {
      static_cast<void>(bus::TracksOf(envelope->track_set()));
    }
  }
  Conversation(bytes);
  return 0;
}
