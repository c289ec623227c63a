#include "media/rtp/av1.h"

#include <algorithm>
#include <utility>

#include "media/codec/av1/config.h"
#include "media/codec/av1/obu.h"
#include "media/codec/av1/temporal_unit.h"

namespace millrace::media::rtp {
namespace {

// The aggregation header, §4.4: Z Y W W N.
constexpr uint8_t kContinues = 0x80;
constexpr uint8_t kGoesOn = 0x40;
constexpr uint8_t kNewSequence = 0x08;

constexpr uint8_t kObuExtension = 0x04;  // of the OBU header, AV1 §5.3.2
constexpr uint8_t kObuHasSize = 0x02;

size_t ReadLeb128(ByteReader& reader) {
  size_t value = 0;
  for (unsigned i = 0; i < 5; ++i) {
    const uint8_t byte = reader.U8();
    value |= static_cast<size_t>(byte & 0x7f) << (7 * i);
    if ((byte & 0x80) == 0) return value;
  }
  reader.Fail();
  return 0;
}

// An OBU as it is sent: its header without the size flag, then its payload.
struct Element {
  std::vector<uint8_t> header;
  Bytes payload;
  size_t size() const { return header.size() + payload.size(); }
};

Element ElementOf(const av1::Obu& obu) {
  Element element;
  const uint8_t first = obu.whole[0];
  element.header.push_back(static_cast<uint8_t>(first & ~kObuHasSize));
  if ((first & kObuExtension) != 0 && obu.whole.size() > 1) element.header.push_back(obu.whole[1]);
  element.payload = obu.payload;
  return element;
}

std::vector<uint8_t> Leb128(size_t value) {
  std::vector<uint8_t> bytes;
  do {
    bytes.push_back(static_cast<uint8_t>((value & 0x7f) | (value > 0x7f ? 0x80 : 0)));
    value >>= 7;
  } while (value > 0);
  return bytes;
}

// §5: neither is sent over RTP, and either is left out where it was.
bool IsDropped(const av1::Obu& obu) {
  return obu.type == av1::ObuType::kTemporalDelimiter || obu.type == av1::ObuType::kTileList ||
         obu.type == av1::ObuType::kPadding;
}

}  // namespace

absl::Status Av1Depacketizer::Take(const OrderedPacket& packet, std::vector<AccessUnit>& units) {
  const bool lost = std::exchange(lost_, false);
  if (lost && unit_.open) unit_.damaged = true;
  if (unit_.open && unit_.timestamp != packet.timestamp) EndUnit(units);
  if (!unit_.open) {
    unit_.open = true;
    unit_.timestamp = packet.timestamp;
    unit_.lost_before = lost;
  }
  unit_.arrival_ns = packet.arrival_ns;
  absl::Status status = TakeElements(packet.packet.payload.bytes());
  if (!status.ok()) unit_.damaged = true;
  if (packet.packet.marker) EndUnit(units);
  return status;
}

absl::Status Av1Depacketizer::TakeElements(Bytes payload) {
  ByteReader reader(payload);
  const uint8_t header = reader.U8();
  const unsigned count = (header >> 4) & 3;  // 0: each element has a length
  const bool continues = (header & kContinues) != 0;
  if (!continues && std::exchange(unit_.in_fragment, false)) unit_.damaged = true;
  for (unsigned i = 1; !reader.done(); ++i) {
    const bool has_length = count == 0 || i < count;
    const Bytes element = reader.Take(has_length ? ReadLeb128(reader) : reader.remaining());
    if (!reader.ok() || (reader.done() && i < count)) {
      return RtpFault(RtpError::kAggregateTruncated);
    }
    const bool goes_on = reader.done() && (header & kGoesOn) != 0;
    absl::Status status = TakeElement(element, continues && i == 1, goes_on);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Av1Depacketizer::TakeElement(Bytes element, bool continues, bool goes_on) {
  if (unit_.obus.size() + unit_.fragment.size() + element.size() > limits_.max_unit_bytes) {
    return RtpFault(RtpError::kUnitTooLarge);
  }
  if (continues && !unit_.in_fragment) {
    const bool explained = unit_.damaged || unit_.lost_before;
    unit_.damaged = true;
    return explained ? absl::OkStatus() : RtpFault(RtpError::kFragmentWithoutStart);
  }
  if (!continues && !goes_on) return AddObus(element);
  if (!continues) unit_.fragment.clear();
  unit_.fragment.insert(unit_.fragment.end(), element.begin(), element.end());
  unit_.in_fragment = goes_on;
  if (goes_on) return absl::OkStatus();
  const std::vector<uint8_t> whole = std::exchange(unit_.fragment, {});
  return AddObus(whole);
}

// One OBU by the specification; senders that leave the size fields in may send several.
absl::Status Av1Depacketizer::AddObus(Bytes element) {
  const auto obus = av1::SplitObus(element);
  if (!obus.ok()) return RtpFault(RtpError::kBadUnit);
  ByteWriter writer(unit_.obus);
  for (const av1::Obu& obu : *obus) {
    if (IsDropped(obu)) continue;
    Element sized = ElementOf(obu);
    sized.header[0] |= kObuHasSize;
    writer.Append(sized.header);
    writer.Append(Leb128(sized.payload.size()));
    writer.Append(sized.payload);
  }
  return absl::OkStatus();
}

void Av1Depacketizer::EndUnit(std::vector<AccessUnit>& units) {
  Unit ended = std::exchange(unit_, {});
  // Which temporal units are referred to is not read: any loss is one of a reference.
  if (ended.lost_before) gate_.Damage();
  auto read = av1::ReadTemporalUnit(Payload::FromVector(std::move(ended.obus)));
  if (ended.damaged || ended.in_fragment || !read.ok()) {
    gate_.Damage();
    return CountDamaged();
  }
  if (!read->has_picture) return;
  AccessUnit unit;
  unit.timestamp = ended.timestamp;
  unit.arrival_ns = ended.arrival_ns;
  unit.flags = read->flags;
  if (!gate_.Admit(unit.timestamp, unit.flags)) return CountUndecodable();
  unit.in_band.config = std::move(read->sequence_header);
  unit.payload = std::move(read->payload);
  Emit(std::move(unit), units);
}

void Av1Depacketizer::Reset() {
  unit_ = Unit();
  gate_.Reset();
  lost_ = false;
}

void Av1Depacketizer::Flush(std::vector<AccessUnit>& units) {
  if (!unit_.open) return;
  unit_.damaged = unit_.damaged || lost_;
  EndUnit(units);
}

absl::StatusOr<std::unique_ptr<Packetizer>> Av1Packetizer::Create(const Track& track,
                                                                  PacketizerOptions options) {
  auto config = av1::ParseAv1Config(track.config);
  if (!config.ok()) return config.status();
  return std::unique_ptr<Packetizer>(
      new Av1Packetizer(options, std::move(config->sequence_header)));
}

namespace {

// Part of an element in one packet.
struct Part {
  size_t element = 0;
  size_t begin = 0;
  size_t end = 0;
};

// Fills packets one after the other, with room for a length before each part.
std::vector<std::vector<Part>> Layout(const std::vector<Element>& elements, size_t max_payload) {
  std::vector<std::vector<Part>> packets(1);
  size_t room = max_payload - 1;  // behind the aggregation header
  for (size_t i = 0; i < elements.size(); ++i) {
    const size_t size = elements[i].size();
    for (size_t at = 0; at < size;) {
      const size_t wanted = size - at;
      const size_t length = Leb128(std::min(wanted, room)).size();
      if (room < length + elements[i].header.size()) {
        packets.emplace_back();
        room = max_payload - 1;
        continue;
      }
      const size_t taken = std::min(wanted, room - length);
      packets.back().push_back({i, at, at + taken});
      room -= length + taken;
      at += taken;
    }
  }
  return packets;
}

void Write(const std::vector<Element>& elements, const std::vector<Part>& parts, bool new_sequence,
           PacketSetBuilder& builder) {
  const Part& last = parts.back();
  const size_t count = parts.size() <= 3 ? parts.size() : 0;
  builder.Begin();
  builder.Header({static_cast<uint8_t>((parts.front().begin > 0 ? kContinues : 0) |
                                       (last.end < elements[last.element].size() ? kGoesOn : 0) |
                                       count << 4 | (new_sequence ? kNewSequence : 0))});
  for (size_t i = 0; i < parts.size(); ++i) {
    const Part& part = parts[i];
    const Element& element = elements[part.element];
    if (count == 0 || i + 1 < count) builder.Header(Leb128(part.end - part.begin));
    const size_t header = element.header.size();
    if (part.begin == 0) builder.Header(element.header);
    const size_t begin = std::max(part.begin, header);
    if (begin < part.end) {
      builder.Piece(element.payload.subspan(begin - header, part.end - begin));
    }
  }
}

}  // namespace

absl::StatusOr<PacketSet> Av1Packetizer::Pack(const Frame& frame) {
  const auto obus = av1::SplitObus(frame.data());
  if (!obus.ok()) return RtpFault(RtpError::kBadUnit);
  PacketSetBuilder builder(options_.payload_type, TicksFromNs(frame.pts_ns, options_.clock_rate));
  builder.Hold(frame.payload);
  std::vector<Element> elements;
  for (const av1::Obu& obu : *obus) {
    if (!IsDropped(obu)) elements.push_back(ElementOf(obu));
  }
  if (elements.empty()) return RtpFault(RtpError::kBadUnit);
  const bool new_sequence = frame.random_access();
  if (new_sequence) {
    builder.Hold(sequence_header_);
    if (const auto header = av1::SplitObus(sequence_header_.bytes()); header.ok()) {
      for (size_t i = header->size(); i-- > 0;) {
        elements.insert(elements.begin(), ElementOf((*header)[i]));
      }
    }
  }
  bool first = true;
  for (const std::vector<Part>& parts : Layout(elements, options_.MaxPayload())) {
    Write(elements, parts, new_sequence && first, builder);
    first = false;
  }
  builder.SetMarker();
  return builder.Finish();
}

}  // namespace millrace::media::rtp
