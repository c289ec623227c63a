// JPEG images: segments lie within the image, in order; a size is none of nothing.

#include "media/base/fault.h"
#include "media/codec/mjpeg/image.h"
#include "tests/support/require.h"

using millrace::media::Bytes;
using millrace::tests::Require;
namespace mjpeg = millrace::media::mjpeg;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes image(data, size);
  const auto known = mjpeg::ReadSize(image);
  if (known.ok()) {
    Require(known->width > 0 && known->height > 0, "a size");
  } else {
    Require(millrace::media::FaultName(known.status()).starts_with("mjpeg_"), "a name");
  }
  mjpeg::SegmentReader reader(image);
  const uint8_t* at = data;
  while (true) {
    const auto segment = reader.Next();
    if (!segment.ok() || !segment->has_value()) break;
    const Bytes body = (*segment)->body;
    Require(body.empty() || (body.data() > at && body.data() + body.size() <= data + size),
            "in order");
    if (!body.empty()) at = body.data() + body.size() - 1;
  }
  return 0;
}
