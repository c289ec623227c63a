#include "media/codec/nal/sei.h"

namespace millrace::media::nal {

std::optional<Bytes> FindSeiMessage(Bytes rbsp, size_t wanted) {
  ByteReader reader(rbsp);
  const auto number = [&reader] {
    size_t value = 0;
    uint8_t byte = 0xff;
    while (reader.ok() && byte == 0xff) {
      byte = reader.U8();
      value += byte;
    }
    return value;
  };
  while (reader.remaining() > 2) {
    const size_t type = number();
    const Bytes message = reader.Take(number());
    if (type == wanted && reader.ok()) return message;
  }
  return std::nullopt;
}

}  // namespace millrace::media::nal
