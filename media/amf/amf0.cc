#include "media/amf/amf0.h"

#include <algorithm>
#include <utility>

#include "media/amf/decoder.h"
#include "media/base/fault.h"

namespace millrace::media::amf {
namespace {

// "Action Message Format -- AMF 0" §2.1.
enum Marker : uint8_t {
  kNumber = 0x00,
  kBoolean = 0x01,
  kString = 0x02,
  kObject = 0x03,
  kNull = 0x05,
  kUndefined = 0x06,
  kReference = 0x07,
  kEcmaArray = 0x08,
  kObjectEnd = 0x09,
  kStrictArray = 0x0a,
  kDate = 0x0b,
  kLongString = 0x0c,
  kUnsupportedType = 0x0d,
  kXmlDocument = 0x0f,
  kTypedObject = 0x10,
  kAvmPlus = 0x11,
};

constexpr size_t kMaxShort = 0xffff;

// The number of values below and including `value`, and a share for the strings in it.
size_t Weight(const Value& value) {
  size_t weight = 1 + value.AsString().size() / 64;
  for (const Property& property : value.properties()) {
    weight += Weight(property.value) + property.key.size() / 64;
  }
  if (const auto* array = std::get_if<StrictArray>(&value.data())) {
    for (const Value& element : array->values) weight += Weight(element);
  }
  return weight;
}

size_t TextBytes(const Value& value) {
  size_t bytes = value.AsString().size();
  if (const auto* xml = std::get_if<Xml>(&value.data())) bytes += xml->text.size();
  for (const Property& property : value.properties()) {
    bytes += property.key.size() + TextBytes(property.value);
  }
  if (const auto* array = std::get_if<StrictArray>(&value.data())) {
    for (const Value& element : array->values) bytes += TextBytes(element);
  }
  return bytes;
}

class Encoder {
 public:
  explicit Encoder(ByteWriter& writer) : writer_(writer) {}

  void operator()(const Undefined&) { writer_.U8(kUndefined); }
  void operator()(const Null&) { writer_.U8(kNull); }
  void operator()(double number) {
    writer_.U8(kNumber);
    writer_.F64(number);
  }
  void operator()(bool boolean) {
    writer_.U8(kBoolean);
    writer_.U8(boolean ? 1 : 0);
  }
  void operator()(const std::string& text) {
    if (text.size() > kMaxShort) {
      writer_.U8(kLongString);
      LongText(text);
    } else {
      writer_.U8(kString);
      ShortText(text);
    }
  }
  void operator()(const Object& object) {
    writer_.U8(object.class_name.empty() ? kObject : kTypedObject);
    if (!object.class_name.empty()) ShortText(object.class_name);
    Properties(object.properties);
  }
  void operator()(const EcmaArray& array) {
    writer_.U8(kEcmaArray);
    writer_.U32(static_cast<uint32_t>(array.properties.size()));
    Properties(array.properties);
  }
  void operator()(const StrictArray& array) {
    writer_.U8(kStrictArray);
    writer_.U32(static_cast<uint32_t>(array.values.size()));
    for (const Value& value : array.values) std::visit(*this, value.data());
  }
  void operator()(const Date& date) {
    writer_.U8(kDate);
    writer_.F64(date.unix_ms);
    writer_.U16(static_cast<uint16_t>(date.timezone_minutes));
  }
  void operator()(const Xml& xml) {
    writer_.U8(kXmlDocument);
    LongText(xml.text);
  }

 private:
  void ShortText(std::string_view text) {
    text = text.substr(0, kMaxShort);
    writer_.U16(static_cast<uint16_t>(text.size()));
    writer_.Text(text);
  }
  void LongText(std::string_view text) {
    writer_.U32(static_cast<uint32_t>(text.size()));
    writer_.Text(text);
  }
  void Properties(const std::vector<Property>& properties) {
    for (const Property& property : properties) {
      ShortText(property.key);
      std::visit(*this, property.value.data());
    }
    writer_.U16(0);
    writer_.U8(kObjectEnd);
  }

  ByteWriter& writer_;
};

}  // namespace

namespace internal {

Value Decoder::Fail(AmfError error, std::string_view detail) {
  // Behind the end everything reads as zero: what seems wrong with that is only the end.
  if (!reader_.ok() && status_.ok()) status_ = Fault(AmfErrorName(AmfError::kTruncated));
  if (status_.ok()) status_ = Fault(AmfErrorName(error), detail);
  reader_.Fail();
  return Undefined{};
}

const absl::Status& Decoder::status() {
  if (status_.ok() && !reader_.ok()) status_ = Fault(AmfErrorName(AmfError::kTruncated));
  return status_;
}

bool Decoder::Count() {
  if (++values_ <= limits_.max_values) return true;
  Fail(AmfError::kTooManyValues);
  return false;
}

std::string Decoder::Expand(std::string text) {
  bytes_ += text.size();
  if (text.size() <= limits_.max_string && bytes_ <= limits_.max_bytes) return text;
  Fail(AmfError::kStringTooLong);
  return {};
}

std::string Decoder::Text(size_t size) {
  if (size > limits_.max_string) {
    Fail(AmfError::kStringTooLong);
    return {};
  }
  return Expand(std::string(AsText(reader_.Take(size))));
}

size_t Decoder::OpenSlot(std::vector<Value>& table) {
  table.emplace_back();
  return table.size() - 1;
}

void Decoder::FillSlot(std::vector<Value>& table, size_t slot, const Value& value) {
  const size_t weight = Weight(value);
  if (failed() || weight > table_budget_) return;
  table_budget_ -= weight;
  table[slot] = value;
}

Value Decoder::Refer(const std::vector<Value>& table, size_t index) {
  if (index >= table.size()) return Fail(AmfError::kBadReference);
  values_ += Weight(table[index]);
  bytes_ += TextBytes(table[index]);
  if (values_ > limits_.max_values) return Fail(AmfError::kTooManyValues);
  if (bytes_ > limits_.max_bytes) return Fail(AmfError::kStringTooLong);
  return table[index];
}

std::vector<Property> Decoder::Properties0() {
  std::vector<Property> properties;
  while (!Exhausted() && !reader_.done()) {
    const uint16_t size = reader_.U16();
    if (size == 0 && reader_.ok() && (reader_.done() || reader_.Peek() == kObjectEnd)) {
      if (!reader_.done()) reader_.Skip(1);
      break;
    }
    std::string key = Text(size);
    Value value = ReadAmf0();
    if (Exhausted()) break;
    properties.push_back({std::move(key), std::move(value)});
  }
  return properties;
}

Value Decoder::StrictArray0() {
  StrictArray array;
  const uint32_t count = reader_.U32();
  for (uint32_t i = 0; i < count && !Exhausted(); ++i) array.values.push_back(ReadAmf0());
  return array;
}

Value Decoder::ReadAmf0() {
  if (Exhausted() || !Count()) return Undefined{};
  const Nesting nesting(*this);
  if (depth_ > limits_.max_depth + 1) return Fail(AmfError::kTooDeep);
  const uint8_t marker = reader_.U8();
  switch (marker) {
    case kNumber:
      return reader_.F64();
    case kBoolean:
      return reader_.U8() != 0;
    case kString:
      return Text(reader_.U16());
    case kLongString:
      return Text(reader_.U32());
    case kXmlDocument:
      return Xml{Text(reader_.U32())};
    case kNull:
      return Null{};
    case kUndefined:
    case kUnsupportedType:
      return Undefined{};
    case kReference:
      return Refer(containers0_, reader_.U16());
    case kDate: {
      const double unix_ms = reader_.F64();
      return Date{unix_ms, static_cast<int16_t>(reader_.U16())};
    }
    case kObject:
    case kTypedObject:
    case kEcmaArray:
    case kStrictArray: {
      const size_t slot = OpenSlot(containers0_);
      Value value;
      if (marker == kStrictArray) {
        value = StrictArray0();
      } else if (marker == kEcmaArray) {
        reader_.U32();  // the count: wrong often enough to be worth nothing
        value = EcmaArray{Properties0()};
      } else {
        std::string class_name = marker == kTypedObject ? Text(reader_.U16()) : std::string();
        value = Object{std::move(class_name), Properties0()};
      }
      FillSlot(containers0_, slot, value);
      return value;
    }
    case kAvmPlus:
      return ReadAmf3();
    case 0x04:
    case 0x0e:
      return Fail(AmfError::kUnsupported, std::to_string(marker));
    default:
      break;
  }
  if (!reader_.ok()) return Undefined{};
  return Fail(AmfError::kUnknownMarker, std::to_string(marker));
}

}  // namespace internal

absl::StatusOr<Value> Decode(ByteReader& reader, const Limits& limits) {
  internal::Decoder decoder(reader, limits);
  Value value = decoder.ReadAmf0();
  if (!decoder.status().ok()) return decoder.status();
  return value;
}

absl::Status DecodeUntilWrong(Bytes bytes, const Limits& limits, std::vector<Value>& values) {
  ByteReader reader(bytes);
  internal::Decoder decoder(reader, limits);
  while (!reader.done()) {
    Value value = decoder.ReadAmf0();
    if (!decoder.status().ok()) return decoder.status();
    values.push_back(std::move(value));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Value>> DecodeAll(Bytes bytes, const Limits& limits) {
  std::vector<Value> values;
  if (absl::Status status = DecodeUntilWrong(bytes, limits, values); !status.ok()) return status;
  return values;
}

void EncodeAmf0(ByteWriter& writer, const Value& value) {
  std::visit(Encoder(writer), value.data());
}

}  // namespace millrace::media::amf
