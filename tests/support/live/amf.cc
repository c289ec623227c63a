#include "tests/support/live/amf.h"

#include <bit>
#include <utility>

namespace millrace::live {
namespace {

constexpr uint8_t kNumberMarker = 0, kBoolMarker = 1, kStringMarker = 2, kObjectMarker = 3;
constexpr uint8_t kNullMarker = 5, kUndefinedMarker = 6, kEcmaArrayMarker = 8, kEndMarker = 9;

class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  bool done() const { return at_ == bytes_.size(); }

  std::optional<uint64_t> Big(size_t size) {
    if (bytes_.size() - at_ < size) return std::nullopt;
    uint64_t value = 0;
    for (size_t i = 0; i < size; ++i) value = value << 8 | bytes_[at_++];
    return value;
  }

  std::optional<std::string> Text() {
    auto size = Big(2);
    if (!size || bytes_.size() - at_ < *size) return std::nullopt;
    std::string text(bytes_.begin() + static_cast<ptrdiff_t>(at_),
                     bytes_.begin() + static_cast<ptrdiff_t>(at_ + *size));
    at_ += *size;
    return text;
  }

  std::optional<AmfValue> Value(int depth) {
    auto marker = Big(1);
    if (!marker || depth > 8) return std::nullopt;
    AmfValue value;
    switch (*marker) {
      case kNumberMarker: {
        auto bits = Big(8);
        if (!bits) return std::nullopt;
        value.kind = AmfValue::Kind::kNumber;
        value.number = std::bit_cast<double>(*bits);
        return value;
      }
      case kBoolMarker: {
        auto flag = Big(1);
        if (!flag) return std::nullopt;
        value.kind = AmfValue::Kind::kBool;
        value.number = *flag != 0 ? 1 : 0;
        return value;
      }
      case kStringMarker: {
        auto text = Text();
        if (!text) return std::nullopt;
        value.kind = AmfValue::Kind::kString;
        value.text = std::move(*text);
        return value;
      }
      case kNullMarker:
      case kUndefinedMarker:
        return value;
      case kEcmaArrayMarker:
        if (!Big(4)) return std::nullopt;
        return Members(depth);
      case kObjectMarker:
        return Members(depth);
      default:
        return std::nullopt;
    }
  }

 private:
  std::optional<AmfValue> Members(int depth) {
    AmfValue object;
    object.kind = AmfValue::Kind::kObject;
    while (true) {
      auto name = Text();
      if (!name) return std::nullopt;
      if (name->empty()) {
        auto end = Big(1);
        if (!end || *end != kEndMarker) return std::nullopt;
        return object;
      }
      auto value = Value(depth + 1);
      if (!value) return std::nullopt;
      object.names.push_back(std::move(*name));
      object.members.push_back(std::move(*value));
    }
  }

  std::span<const uint8_t> bytes_;
  size_t at_ = 0;
};

}  // namespace

const AmfValue* AmfValue::Find(std::string_view name) const {
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return &members[i];
  }
  return nullptr;
}

std::string AmfValue::Text(std::string_view name) const {
  const AmfValue* value = Find(name);
  return value != nullptr ? value->text : std::string();
}

void AmfWriter::U16(size_t value) {
  bytes_.push_back(static_cast<uint8_t>(value >> 8));
  bytes_.push_back(static_cast<uint8_t>(value));
}

AmfWriter& AmfWriter::String(std::string_view text) {
  bytes_.push_back(kStringMarker);
  U16(text.size());
  bytes_.insert(bytes_.end(), text.begin(), text.end());
  return *this;
}

AmfWriter& AmfWriter::Number(double number) {
  bytes_.push_back(kNumberMarker);
  const auto bits = std::bit_cast<uint64_t>(number);
  for (int shift = 56; shift >= 0; shift -= 8)
    bytes_.push_back(static_cast<uint8_t>(bits >> shift));
  return *this;
}

AmfWriter& AmfWriter::Null() {
  bytes_.push_back(kNullMarker);
  return *this;
}

AmfWriter& AmfWriter::Bool(bool value) {
  bytes_.push_back(kBoolMarker);
  bytes_.push_back(value ? 1 : 0);
  return *this;
}

AmfWriter& AmfWriter::Begin(bool ecma_array) {
  bytes_.push_back(ecma_array ? kEcmaArrayMarker : kObjectMarker);
  if (ecma_array) bytes_.insert(bytes_.end(), 4, 0);
  return *this;
}

AmfWriter& AmfWriter::Key(std::string_view name) {
  U16(name.size());
  bytes_.insert(bytes_.end(), name.begin(), name.end());
  return *this;
}

AmfWriter& AmfWriter::End() {
  U16(0);
  bytes_.push_back(kEndMarker);
  return *this;
}

std::optional<std::vector<AmfValue>> ReadAmf(std::span<const uint8_t> bytes) {
  Reader reader(bytes);
  std::vector<AmfValue> values;
  while (!reader.done()) {
    auto value = reader.Value(0);
    if (!value) return std::nullopt;
    values.push_back(std::move(*value));
  }
  return values;
}

}  // namespace millrace::live
