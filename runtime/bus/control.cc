#include "runtime/bus/control.h"

#include <cstring>

#include "media/frame/batch.h"

namespace millrace::bus {
namespace {

constexpr std::string_view kControlMagic = "MRC1";

}  // namespace

MessageKind KindOfMessage(media::Bytes message) {
  if (message.size() < 4) return MessageKind::kUnknown;
  if (std::memcmp(message.data(), kControlMagic.data(), 4) == 0) return MessageKind::kControl;
  media::ByteReader reader(message);
  if (reader.U32Little() == media::kBatchMagic) return MessageKind::kMedia;
  return MessageKind::kUnknown;
}

std::string EncodeControl(const v1::Envelope& envelope) {
  const size_t size = envelope.ByteSizeLong();
  std::string message(kControlMagic.size() + size, '\0');
  std::memcpy(message.data(), kControlMagic.data(), kControlMagic.size());
  envelope.SerializeWithCachedSizesToArray(
      reinterpret_cast<uint8_t*>(message.data() + kControlMagic.size()));
  return message;
}

std::optional<v1::Envelope> DecodeControl(media::Bytes message) {
  if (KindOfMessage(message) != MessageKind::kControl || message.size() > kMaxControlBytes) {
    return std::nullopt;
  }
  const media::Bytes body = message.subspan(kControlMagic.size());
  v1::Envelope envelope;
  if (!envelope.ParseFromArray(body.data(), static_cast<int>(body.size()))) return std::nullopt;
  if (envelope.message_case() == v1::Envelope::MESSAGE_NOT_SET) return std::nullopt;
  return envelope;
}

}  // namespace millrace::bus
