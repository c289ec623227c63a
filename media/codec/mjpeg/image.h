#pragma once
// JPEG images as Motion JPEG has them (ITU-T T.81 Annex B), and the Track that follows from one.

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "media/base/bytes.h"
#include "media/frame/track.h"

namespace millrace::media::mjpeg {

// Every way in which an image can be wrong.
enum class MjpegError {
  kNoImage,           // it does not begin with SOI, or something else stands between two segments
  kSegmentTruncated,  // a segment is longer than the image
  kNoFrame,           // the scan comes before any frame header
  kBadFrame,          // a frame header that is cut short, or says 0 for a side
};
const char* MjpegErrorName(MjpegError error);  // "mjpeg_no_image" …

enum Marker : uint8_t {
  kSof0 = 0xc0,  // baseline; the others up to 0xcf are frame headers, too, but for the next three
  kDht = 0xc4,
  kJpg = 0xc8,
  kDac = 0xcc,
  kSoi = 0xd8,
  kEoi = 0xd9,
  kSos = 0xda,
  kDqt = 0xdb,
  kDri = 0xdd,
};

struct Segment {
  uint8_t marker = 0;
  Bytes body;  // behind its length
  friend bool operator==(const Segment& a, const Segment& b) {
    return a.marker == b.marker && a.body.data() == b.body.data() && a.body.size() == b.body.size();
  }
};

// The segments from SOI to SOS, which is the last one. `image` outlives the reader.
class SegmentReader {
 public:
  explicit SegmentReader(Bytes image) : reader_(image) {}

  // Nothing behind SOS. Faults: kNoImage, kSegmentTruncated.
  absl::StatusOr<std::optional<Segment>> Next();
  // Behind SOS: the entropy-coded data, and whatever comes after it.
  Bytes Rest() { return reader_.Rest(); }

 private:
  ByteReader reader_;
  bool begun_ = false;
  bool ended_ = false;
};

struct Size {
  uint32_t width = 0;  // pixels
  uint32_t height = 0;
  friend bool operator==(const Size&, const Size&) = default;
};

// Of the first frame header, §B.2.2. A height that only DNL tells (0) is kBadFrame.
absl::StatusOr<Size> ReadSize(Bytes image);

// Track 1. Its config is empty: each image says all that a decoder needs.
Track MakeTrack(Size size);

}  // namespace millrace::media::mjpeg
