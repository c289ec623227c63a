#pragma once
// Framing of control messages: the four bytes "MRC1", then an Envelope. Both sides of the bus use
// it.

#include <optional>
#include <string>

#include "media/base/bytes.h"
#include "millrace/v1/bus.pb.h"

namespace millrace::bus {

inline constexpr uint32_t kProtocolVersion = 1;
// A control message is far smaller; more is refused before it is parsed.
inline constexpr size_t kMaxControlBytes = 1u << 20;

enum class MessageKind { kControl, kMedia, kUnknown };

// By the first four bytes alone.
MessageKind KindOfMessage(media::Bytes message);

// The whole message part.
std::string EncodeControl(const v1::Envelope& envelope);

// Nothing where the bytes are not a control message, or one without content.
std::optional<v1::Envelope> DecodeControl(media::Bytes message);

}  // namespace millrace::bus
