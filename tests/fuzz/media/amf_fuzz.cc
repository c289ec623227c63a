// AMF: any bytes give a value or a named error; a value survives being written and read again.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "media/amf/amf0.h"
#include "media/base/fault.h"
#include "tests/support/require.h"

using namespace millrace;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const media::Bytes bytes(data, size);
  const auto values = media::amf::DecodeAll(bytes);
  if (!values.ok())
    tests::Require(media::FaultName(values.status()).starts_with("amf_"), "named error");
  media::ByteReader reader(bytes);
  const auto value = media::amf::Decode(reader);
  if (!value.ok()) {
    tests::Require(size == 0 || !values.ok(), "what fails alone fails among others");
    return 0;
  }
  std::vector<uint8_t> once;
  media::ByteWriter first(once);
  media::amf::EncodeAmf0(first, *value);
  // Expanded references and AMF 3 strings may make it longer than what was read: then limits may be
  // hit.
  media::ByteReader again(once);
  const auto back = media::amf::Decode(again);
  if (!back.ok()) return 0;
  tests::Require(again.done(), "read to the end");
  std::vector<uint8_t> twice;
  media::ByteWriter second(twice);
  media::amf::EncodeAmf0(second, *back);
  tests::Require(once == twice, "written alike");
  return 0;
}
