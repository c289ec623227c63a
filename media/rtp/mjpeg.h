#pragma once
// JPEG, RFC 2435: "JPEG", static payload type 26. The frame headers are left out on the way and
// made again.

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "media/rtp/depacketizer.h"
#include "media/rtp/jpeg_tables.h"
#include "media/rtp/packetizer.h"

namespace millrace::media::rtp {

struct MjpegParameters {
  // Where the payload says 0, because it cannot say more than 2040: from "x-dimensions" or
  // "a=framesize". Pixels.
  uint16_t width = 0;
  uint16_t height = 0;
};

// Units are whole JPEG images.
class MjpegDepacketizer final : public Depacketizer {
 public:
  explicit MjpegDepacketizer(MjpegParameters parameters = {}) : parameters_(parameters) {}

  void Flush(std::vector<AccessUnit>& units) override;

 private:
  // The payload header, §3.1, with what follows it at offset 0.
  struct Header {
    size_t offset = 0;
    uint8_t type = 0;
    uint8_t q = 0;
    uint16_t width = 0;  // pixels
    uint16_t height = 0;
    uint16_t restart_interval = 0;
  };

  absl::Status Take(const OrderedPacket& packet, std::vector<AccessUnit>& units) override;
  void Lose() override;
  void Reset() override;
  absl::StatusOr<Header> ReadHeader(ByteReader& reader) const;
  absl::Status ReadTables(ByteReader& reader, unsigned q);
  absl::Status Begin(const Header& header, ByteReader& reader);
  void EndImage(const OrderedPacket& packet, std::vector<AccessUnit>& units);

  const MjpegParameters parameters_;
  std::vector<uint8_t> image_;
  size_t header_size_ = 0;  // of image_, made up
  bool open_ = false;
  int64_t timestamp_ = 0;
  std::optional<int64_t> given_up_;  // timestamp of an image whose other fragments are ignored
  bool lost_ = false;                // packets are missing before the next one
  // The tables in force: of a Q of 128 to 254 they need not be repeated.
  std::array<QuantizationTable, 2> tables_{};
  std::optional<unsigned> tables_q_;
};

// Baseline images of three components, 4:2:2 or 4:2:0, with the standard Huffman tables and at most
// 2040 pixels a side; anything else is kUnsupportedConfig. Quantization tables are sent with each
// image.
class MjpegPacketizer final : public Packetizer {
 public:
  explicit MjpegPacketizer(PacketizerOptions options) : options_(options) {}

  absl::StatusOr<PacketSet> Pack(const Frame& frame) override;

 private:
  const PacketizerOptions options_;
};

}  // namespace millrace::media::rtp
