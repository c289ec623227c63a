#pragma once
// Real streams for publishers: files that ffmpeg made, as enhanced FLV tag bodies in the order of
// time. By the name's ending: .hevc (Annex B with delimiters, no reordering, 25 fps), .av1.ivf,
// .vp9.ivf, .opus (Ogg, packets of 20 ms).

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/live/synthetic.h"

namespace millrace::live {

struct ElementaryOptions {
  bool codec_id_12 = false;  // HEVC in the legacy form of some encoders
  bool hdr = false;          // colour information behind the main video track's configuration
};

class ElementaryStream {
 public:
  // The first file of a kind is the main track, the others are multitrack packets 1, 2 … `error`
  // says what was wrong where there is nothing.
  static std::optional<ElementaryStream> Open(const std::vector<std::string>& paths,
                                              const ElementaryOptions& options, std::string& error);

  const std::vector<SyntheticStream::Tag>& headers() const { return headers_; }
  const std::vector<SyntheticStream::Tag>& frames() const { return frames_; }

 private:
  std::vector<SyntheticStream::Tag> headers_;
  std::vector<SyntheticStream::Tag> frames_;
};

}  // namespace millrace::live
