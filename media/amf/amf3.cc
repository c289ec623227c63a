// AMF 3 ("Action Message Format -- AMF 3", Adobe 2013), decode only: Flash clients and some
// encoders switch to it inside AMF 0 messages.

#include <string>
#include <utility>

#include "media/amf/decoder.h"

namespace millrace::media::amf::internal {
namespace {

// §3.1.
enum Marker : uint8_t {
  kUndefined = 0x00,
  kNull = 0x01,
  kFalse = 0x02,
  kTrue = 0x03,
  kInteger = 0x04,
  kDouble = 0x05,
  kString = 0x06,
  kXmlDocument = 0x07,
  kDate = 0x08,
  kArray = 0x09,
  kObject = 0x0a,
  kXml = 0x0b,
  kByteArray = 0x0c,
  kVectorInt = 0x0d,
  kVectorUint = 0x0e,
  kVectorDouble = 0x0f,
  kVectorObject = 0x10,
  kDictionary = 0x11,
};

}  // namespace

// §1.3.1: up to four bytes, seven bits each, the fourth eight.
uint32_t Decoder::U29() {
  uint32_t value = 0;
  for (int i = 0; i < 3; ++i) {
    const uint8_t byte = reader_.U8();
    value = (value << 7) | (byte & 0x7fu);
    if ((byte & 0x80) == 0) return value;
  }
  return (value << 8) | reader_.U8();
}

std::string Decoder::String3() {
  const uint32_t header = U29();
  if ((header & 1) == 0) {
    if (header / 2 >= strings_.size()) {
      Fail(AmfError::kBadReference, "string");
      return {};
    }
    return Expand(strings_[header / 2]);
  }
  std::string text = Text(header >> 1);
  // The empty string is never sent by reference. The table is bounded as the strings themselves
  // are.
  if (!text.empty()) strings_.push_back(text);
  return text;
}

Value Decoder::Date3() {
  const uint32_t header = U29();
  if ((header & 1) == 0) return Refer(containers3_, header / 2);
  const size_t slot = OpenSlot(containers3_);
  Value value = Date{reader_.F64(), 0};
  FillSlot(containers3_, slot, value);
  return value;
}

// Dense elements make a strict array; with named ones it is an ECMA array in which the dense ones
// are keyed by their index.
Value Decoder::Array3() {
  const uint32_t header = U29();
  if ((header & 1) == 0) return Refer(containers3_, header / 2);
  const size_t slot = OpenSlot(containers3_);
  std::vector<Property> properties;
  for (std::string key = String3(); !key.empty() && !Exhausted(); key = String3()) {
    Value value = ReadAmf3();
    properties.push_back({std::move(key), std::move(value)});
  }
  StrictArray dense;
  for (uint32_t i = 0; i < header >> 1 && !Exhausted(); ++i) dense.values.push_back(ReadAmf3());
  Value value = std::move(dense);
  if (!properties.empty()) {
    const auto& elements = std::get<StrictArray>(value.data()).values;
    for (size_t i = 0; i < elements.size(); ++i)
      properties.push_back({std::to_string(i), elements[i]});
    value = EcmaArray{std::move(properties)};
  }
  FillSlot(containers3_, slot, value);
  return value;
}

// `header` is the object's U29 behind its reference bit: bit 1 says whether the traits follow.
const Decoder::Trait* Decoder::Trait3(uint32_t header) {
  if ((header & 2) == 0) {
    if (header >> 2 < traits_.size()) return &traits_[header >> 2];
    Fail(AmfError::kBadReference, "trait");
    return nullptr;
  }
  if ((header & 4) != 0) {
    Fail(AmfError::kUnsupported, "externalizable");
    return nullptr;
  }
  Trait trait;
  trait.dynamic = (header & 8) != 0;
  trait.class_name = String3();
  for (uint32_t i = 0; i < header >> 4 && !Exhausted(); ++i) {
    if (!Count()) return nullptr;  // a member name costs two bytes where it is a reference
    trait.members.push_back(String3());
  }
  if (Exhausted()) return nullptr;
  traits_.push_back(std::move(trait));
  return &traits_.back();
}

Value Decoder::Object3() {
  const uint32_t header = U29();
  if ((header & 1) == 0) return Refer(containers3_, header / 2);
  const size_t slot = OpenSlot(containers3_);
  const Trait* trait = Trait3(header);
  if (trait == nullptr) return Undefined{};
  Object object;
  object.class_name = Expand(trait->class_name);
  for (const std::string& member : trait->members) {
    if (Exhausted()) break;
    std::string key = Expand(member);
    Value value = ReadAmf3();
    object.properties.push_back({std::move(key), std::move(value)});
  }
  if (trait->dynamic) {
    for (std::string key = String3(); !key.empty() && !Exhausted(); key = String3()) {
      Value value = ReadAmf3();
      object.properties.push_back({std::move(key), std::move(value)});
    }
  }
  Value value = std::move(object);
  FillSlot(containers3_, slot, value);
  return value;
}

Value Decoder::Vector3(uint8_t marker) {
  const uint32_t header = U29();
  if ((header & 1) == 0) return Refer(containers3_, header / 2);
  const size_t slot = OpenSlot(containers3_);
  reader_.U8();                            // whether the length is fixed
  if (marker == kVectorObject) String3();  // the class of the elements; each names its own as well
  StrictArray array;
  for (uint32_t i = 0; i < header >> 1 && !Exhausted(); ++i) {
    if (marker == kVectorObject) {
      array.values.push_back(ReadAmf3());
      continue;
    }
    if (!Count()) break;
    if (marker == kVectorDouble) {
      array.values.emplace_back(reader_.F64());
    } else {
      const uint32_t raw = reader_.U32();
      array.values.emplace_back(marker == kVectorInt
                                    ? static_cast<double>(static_cast<int32_t>(raw))
                                    : static_cast<double>(raw));
    }
  }
  Value value = std::move(array);
  FillSlot(containers3_, slot, value);
  return value;
}

Value Decoder::ReadAmf3() {
  if (Exhausted() || !Count()) return Undefined{};
  const Nesting nesting(*this);
  if (depth_ > limits_.max_depth + 1) return Fail(AmfError::kTooDeep);
  const uint8_t marker = reader_.U8();
  switch (marker) {
    case kUndefined:
      return Undefined{};
    case kNull:
      return Null{};
    case kFalse:
      return false;
    case kTrue:
      return true;
    case kInteger: {
      const auto raw = static_cast<int32_t>(U29());
      return static_cast<double>((raw ^ 0x10000000) - 0x10000000);  // 29 bits, two's complement
    }
    case kDouble:
      return reader_.F64();
    case kString:
      return String3();
    case kDate:
      return Date3();
    case kArray:
      return Array3();
    case kObject:
      return Object3();
    case kXmlDocument:
    case kXml:
    case kByteArray: {
      const uint32_t header = U29();
      if ((header & 1) == 0) return Refer(containers3_, header / 2);
      const size_t slot = OpenSlot(containers3_);
      std::string text = Text(header >> 1);
      Value value = marker == kByteArray ? Value(std::move(text)) : Value(Xml{std::move(text)});
      FillSlot(containers3_, slot, value);
      return value;
    }
    case kVectorInt:
    case kVectorUint:
    case kVectorDouble:
    case kVectorObject:
      return Vector3(marker);
    case kDictionary:
      return Fail(AmfError::kUnsupported, "dictionary");
    default:
      break;
  }
  if (!reader_.ok()) return Undefined{};
  return Fail(AmfError::kUnknownMarker, "amf3 " + std::to_string(marker));
}

}  // namespace millrace::media::amf::internal
