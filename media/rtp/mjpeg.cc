#include "media/rtp/mjpeg.h"

#include <algorithm>
#include <utility>

#include "media/codec/mjpeg/image.h"
#include "media/frame/frame.h"

namespace millrace::media::rtp {
namespace {

constexpr size_t kMaxImageBytes = 16u << 20;
constexpr unsigned kFirstTableQ = 128;  // from here on tables are in band
constexpr unsigned kDynamicQ = 255;     // tables with every image
constexpr uint8_t kRestartTypes = 64;   // added to a type that has restart markers

using mjpeg::kDht;
using mjpeg::kDqt;
using mjpeg::kDri;
using mjpeg::kEoi;
using mjpeg::kSof0;
using mjpeg::kSoi;
using mjpeg::kSos;
using mjpeg::Marker;

constexpr uint8_t kLumaSampling[] = {0x21, 0x22};  // of types 0 (4:2:2) and 1 (4:2:0)

void WriteMarker(ByteWriter& writer, Marker marker) {
  writer.U8(0xff);
  writer.U8(marker);
}

}  // namespace

absl::Status MjpegDepacketizer::Take(const OrderedPacket& packet, std::vector<AccessUnit>& units) {
  const bool lost = std::exchange(lost_, false);
  ByteReader reader(packet.packet.payload.bytes());
  const auto header = ReadHeader(reader);
  if (!header.ok()) return header.status();
  if (open_ && timestamp_ != packet.timestamp) {  // its last fragment never came
    open_ = false;
    CountDamaged();
  }
  if (header->offset == 0) {
    if (std::exchange(open_, false)) CountDamaged();
    if (absl::Status status = Begin(*header, reader); !status.ok()) return status;
    open_ = true;
    timestamp_ = packet.timestamp;
  } else if (!open_) {
    if (lost) given_up_ = packet.timestamp;
    return given_up_ == packet.timestamp ? absl::OkStatus()
                                         : RtpFault(RtpError::kFragmentWithoutStart);
  } else if (header->offset != image_.size() - header_size_) {
    return RtpFault(RtpError::kSizeMismatch);
  }
  const Bytes data = reader.Rest();
  if (image_.size() + data.size() > kMaxImageBytes) return RtpFault(RtpError::kUnitTooLarge);
  image_.insert(image_.end(), data.begin(), data.end());
  if (packet.packet.marker) EndImage(packet, units);
  return absl::OkStatus();
}

absl::StatusOr<MjpegDepacketizer::Header> MjpegDepacketizer::ReadHeader(ByteReader& reader) const {
  Header header;
  reader.Skip(1);  // type-specific: fields of interlaced video
  header.offset = reader.U24();
  header.type = reader.U8();
  header.q = reader.U8();
  header.width = static_cast<uint16_t>(8 * reader.U8());
  header.height = static_cast<uint16_t>(8 * reader.U8());
  const bool restarts = header.type >= kRestartTypes && header.type < 2 * kRestartTypes;
  if (restarts) {
    header.restart_interval = reader.U16();
    reader.Skip(2);  // F, L and the count: whole images only are put together
  }
  if (!reader.ok()) return RtpFault(RtpError::kPayloadTruncated);
  if (header.width == 0) header.width = parameters_.width;
  if (header.height == 0) header.height = parameters_.height;
  if (header.width == 0 || header.height == 0) return RtpFault(RtpError::kMissingConfig);
  if (restarts) header.type = static_cast<uint8_t>(header.type - kRestartTypes);
  if (header.type >= std::size(kLumaSampling)) return RtpFault(RtpError::kReservedType);
  return header;
}

// §3.1.8.
absl::Status MjpegDepacketizer::ReadTables(ByteReader& reader, unsigned q) {
  if (q < kFirstTableQ) {
    if (q == 0 || q > 99) return RtpFault(RtpError::kReservedType);
    tables_ = QuantizationTablesOf(q);
    tables_q_ = q;
    return absl::OkStatus();
  }
  reader.Skip(1);
  const uint8_t precision = reader.U8();
  const size_t size = reader.U16();
  const Bytes tables = reader.Take(size);
  if (!reader.ok()) return RtpFault(RtpError::kPayloadTruncated);
  if (size == 0) {
    return q != kDynamicQ && tables_q_ == q ? absl::OkStatus() : RtpFault(RtpError::kMissingTables);
  }
  if ((precision & 3) != 0) return RtpFault(RtpError::kUnsupportedConfig);  // 16 bits
  if (size % kQuantizationTableSize != 0) return RtpFault(RtpError::kSizeMismatch);
  // One table serves both; what comes behind two is not referred to.
  for (size_t i = 0; i < tables_.size(); ++i) {
    const size_t at = size > i * kQuantizationTableSize ? i * kQuantizationTableSize : 0;
    std::ranges::copy(tables.subspan(at, kQuantizationTableSize), tables_[i].begin());
  }
  tables_q_ = q;
  return absl::OkStatus();
}

// Appendix B: the headers of an image.
absl::Status MjpegDepacketizer::Begin(const Header& header, ByteReader& reader) {
  if (absl::Status status = ReadTables(reader, header.q); !status.ok()) return status;
  image_.clear();
  ByteWriter writer(image_);
  WriteMarker(writer, kSoi);
  for (size_t i = 0; i < tables_.size(); ++i) {
    WriteMarker(writer, kDqt);
    writer.U16(static_cast<uint16_t>(3 + kQuantizationTableSize));
    writer.U8(static_cast<uint8_t>(i));
    writer.Append(tables_[i]);
  }
  if (header.restart_interval > 0) {
    WriteMarker(writer, kDri);
    writer.U16(4);
    writer.U16(header.restart_interval);
  }
  WriteMarker(writer, kSof0);
  writer.U16(17);
  writer.U8(8);  // bits a sample
  writer.U16(header.height);
  writer.U16(header.width);
  writer.U8(3);
  for (uint8_t component = 1; component <= 3; ++component) {
    writer.U8(component);
    writer.U8(component == 1 ? kLumaSampling[header.type] : 0x11);
    writer.U8(component == 1 ? 0 : 1);
  }
  for (const HuffmanTable& table : StandardHuffmanTables()) {
    WriteMarker(writer, kDht);
    writer.U16(static_cast<uint16_t>(3 + table.counts_and_values.size()));
    writer.U8(table.destination);
    writer.Append(table.counts_and_values);
  }
  WriteMarker(writer, kSos);
  writer.U16(12);
  writer.U8(3);
  for (uint8_t component = 1; component <= 3; ++component) {
    writer.U8(component);
    writer.U8(component == 1 ? 0x00 : 0x11);
  }
  writer.U8(0);
  writer.U8(63);
  writer.U8(0);
  header_size_ = image_.size();
  return absl::OkStatus();
}

void MjpegDepacketizer::EndImage(const OrderedPacket& packet, std::vector<AccessUnit>& units) {
  open_ = false;
  const size_t size = image_.size();
  if (image_[size - 2] != 0xff || image_[size - 1] != kEoi) {
    image_.push_back(0xff);
    image_.push_back(kEoi);
  }
  AccessUnit unit;
  unit.timestamp = packet.timestamp;
  unit.arrival_ns = packet.arrival_ns;
  unit.flags = kClosedRandomAccess;
  unit.payload = Payload::FromVector(std::exchange(image_, {}));
  Emit(std::move(unit), units);
}

void MjpegDepacketizer::Lose() {
  if (std::exchange(open_, false)) {
    CountDamaged();
    given_up_ = timestamp_;
  }
  lost_ = true;
}

void MjpegDepacketizer::Reset() {
  open_ = false;
  given_up_.reset();
  lost_ = false;
  tables_q_.reset();
}

void MjpegDepacketizer::Flush(std::vector<AccessUnit>& units) {
  if (std::exchange(open_, false)) CountDamaged();
}

namespace {

// What of an image goes over RTP.
struct Image {
  uint8_t type = 0;
  uint16_t width = 0;
  uint16_t height = 0;
  uint16_t restart_interval = 0;
  Bytes tables[2];  // quantization, by the components that use them
  Bytes scan;       // entropy-coded data
};

struct Segments {
  Bytes tables[4];  // by destination
  Bytes frame;      // SOF0
  uint16_t restart_interval = 0;
  Bytes scan;
};

bool ReadQuantization(Bytes segment, Segments& segments) {
  ByteReader reader(segment);
  while (!reader.done()) {
    const uint8_t destination = reader.U8();
    if (destination > 3) return false;  // or 16 bits
    segments.tables[destination] = reader.Take(kQuantizationTableSize);
    if (!reader.ok()) return false;
  }
  return true;
}

// Whether the tables in it are the standard ones: those of the receiver.
bool IsStandardHuffman(Bytes segment) {
  const auto standard = StandardHuffmanTables();
  while (!segment.empty()) {
    const auto table = std::ranges::find(standard, segment[0],
                                         [](const HuffmanTable& t) { return t.destination; });
    if (table == standard.end()) return false;
    const Bytes wanted = table->counts_and_values;
    if (segment.size() < 1 + wanted.size()) return false;
    if (!std::ranges::equal(segment.subspan(1, wanted.size()), wanted)) return false;
    segment = segment.subspan(1 + wanted.size());
  }
  return true;
}

absl::StatusOr<Segments> ReadSegments(Bytes jpeg) {
  Segments segments;
  mjpeg::SegmentReader reader(jpeg);
  while (true) {
    const auto segment = reader.Next();
    if (!segment.ok() || !segment->has_value()) return RtpFault(RtpError::kBadUnit);
    const auto& [marker, body] = **segment;
    switch (marker) {
      case kDqt:
        if (!ReadQuantization(body, segments)) return RtpFault(RtpError::kUnsupportedConfig);
        break;
      case kDht:
        if (!IsStandardHuffman(body)) return RtpFault(RtpError::kUnsupportedConfig, "Huffman");
        break;
      case kDri:
        if (body.size() == 2) {
          segments.restart_interval = static_cast<uint16_t>(body[0] << 8 | body[1]);
        }
        break;
      case kSos:
        segments.scan = reader.Rest();
        return segments;
      default:
        if (marker == kSof0) segments.frame = body;
        if (marker > kSof0 && marker < 0xd0) return RtpFault(RtpError::kUnsupportedConfig);
        break;
    }
  }
}

absl::StatusOr<Image> ReadImage(Bytes jpeg) {
  const auto segments = ReadSegments(jpeg);
  if (!segments.ok()) return segments.status();
  constexpr uint16_t kMaxSide = 255 * 8;
  Image image;
  ByteReader reader(segments->frame);
  const uint8_t precision = reader.U8();
  image.height = reader.U16();
  image.width = reader.U16();
  const uint8_t components = reader.U8();
  uint8_t sampling[3] = {};
  uint8_t table[3] = {};
  for (int i = 0; i < 3; ++i) {
    reader.Skip(1);
    sampling[i] = reader.U8();
    table[i] = reader.U8();
  }
  if (!reader.ok()) return RtpFault(RtpError::kBadUnit);
  const auto luma = std::ranges::find(kLumaSampling, sampling[0]);
  const bool supported = precision == 8 && components == 3 && luma != std::end(kLumaSampling) &&
                         sampling[1] == 0x11 && sampling[2] == 0x11 && table[0] < 4 &&
                         table[1] < 4 && table[1] == table[2] && image.width > 0 &&
                         image.height > 0 && image.width <= kMaxSide && image.height <= kMaxSide;
  if (!supported) return RtpFault(RtpError::kUnsupportedConfig);
  image.type = static_cast<uint8_t>(luma - std::begin(kLumaSampling));
  image.tables[0] = segments->tables[table[0]];
  image.tables[1] = segments->tables[table[1]];
  if (image.tables[0].empty() || image.tables[1].empty()) {
    return RtpFault(RtpError::kMissingTables);
  }
  image.restart_interval = segments->restart_interval;
  image.scan = segments->scan;
  if (image.scan.empty()) return RtpFault(RtpError::kBadUnit);
  return image;
}

}  // namespace

absl::StatusOr<PacketSet> MjpegPacketizer::Pack(const Frame& frame) {
  const auto image = ReadImage(frame.data());
  if (!image.ok()) return image.status();
  if (image->scan.size() >= kMaxImageBytes) return RtpFault(RtpError::kUnitTooLarge);
  PacketSetBuilder builder(options_.payload_type, TicksFromNs(frame.pts_ns, options_.clock_rate));
  builder.Hold(frame.payload);
  const bool restarts = image->restart_interval > 0;
  for (size_t at = 0; at < image->scan.size();) {
    builder.Begin();
    std::vector<uint8_t> header;
    ByteWriter writer(header);
    writer.U32(static_cast<uint32_t>(at));  // type-specific 0, then the offset
    writer.U8(static_cast<uint8_t>(image->type + (restarts ? kRestartTypes : 0)));
    writer.U8(kDynamicQ);
    writer.U8(static_cast<uint8_t>((image->width + 7) / 8));
    writer.U8(static_cast<uint8_t>((image->height + 7) / 8));
    if (restarts) {
      writer.U16(image->restart_interval);
      writer.U16(0xffff);  // F and L set, count 0x3fff: not whole intervals
    }
    if (at == 0) {
      writer.U16(0);
      writer.U16(static_cast<uint16_t>(2 * kQuantizationTableSize));
      writer.Append(image->tables[0]);
      writer.Append(image->tables[1]);
    }
    builder.Header(header);
    const size_t max_payload = options_.MaxPayload();
    const size_t room = max_payload > header.size() ? max_payload - header.size() : 1;
    const size_t size = std::min(room, image->scan.size() - at);
    builder.Piece(image->scan.subspan(at, size));
    at += size;
  }
  builder.SetMarker();
  return builder.Finish();
}

}  // namespace millrace::media::rtp
