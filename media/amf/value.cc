#include "media/amf/value.h"

#include <algorithm>

namespace millrace::media::amf {
namespace {

bool SameIgnoringCase(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

const char* AmfErrorName(AmfError error) {
  switch (error) {
    case AmfError::kTruncated:
      return "amf_truncated";
    case AmfError::kTooDeep:
      return "amf_too_deep";
    case AmfError::kTooManyValues:
      return "amf_too_many_values";
    case AmfError::kStringTooLong:
      return "amf_string_too_long";
    case AmfError::kUnknownMarker:
      return "amf_unknown_marker";
    case AmfError::kUnsupported:
      return "amf_unsupported";
    case AmfError::kBadReference:
      return "amf_bad_reference";
  }
  return "amf_unknown";
}

bool operator==(const Object& a, const Object& b) {
  return a.class_name == b.class_name && a.properties == b.properties;
}
bool operator==(const EcmaArray& a, const EcmaArray& b) { return a.properties == b.properties; }
bool operator==(const StrictArray& a, const StrictArray& b) { return a.values == b.values; }
bool operator==(const Value& a, const Value& b) { return a.data_ == b.data_; }

Value::Value() = default;
Value::Value(double number) : data_(number) {}
Value::Value(int number) : data_(static_cast<double>(number)) {}
Value::Value(bool boolean) : data_(boolean) {}
Value::Value(std::string text) : data_(std::move(text)) {}
Value::Value(std::string_view text) : data_(std::string(text)) {}
Value::Value(const char* text) : data_(std::string(text)) {}
Value::Value(Null null) : data_(null) {}
Value::Value(Undefined undefined) : data_(undefined) {}
Value::Value(Object object) : data_(std::move(object)) {}
Value::Value(EcmaArray array) : data_(std::move(array)) {}
Value::Value(StrictArray array) : data_(std::move(array)) {}
Value::Value(Date date) : data_(date) {}
Value::Value(Xml xml) : data_(std::move(xml)) {}
Value::Value(const Value&) = default;
Value::Value(Value&&) noexcept = default;
Value& Value::operator=(const Value&) = default;
Value& Value::operator=(Value&&) noexcept = default;
Value::~Value() = default;

bool Value::is_null() const {
  return std::holds_alternative<Null>(data_) || std::holds_alternative<Undefined>(data_);
}

bool Value::is_container() const {
  return std::holds_alternative<Object>(data_) || std::holds_alternative<EcmaArray>(data_);
}

double Value::AsNumber(double otherwise) const {
  if (const auto* number = std::get_if<double>(&data_)) return *number;
  if (const auto* boolean = std::get_if<bool>(&data_)) return *boolean ? 1 : 0;
  return otherwise;
}

bool Value::AsBool(bool otherwise) const {
  if (const auto* boolean = std::get_if<bool>(&data_)) return *boolean;
  if (const auto* number = std::get_if<double>(&data_)) return *number != 0;
  return otherwise;
}

std::string_view Value::AsString(std::string_view otherwise) const {
  const auto* text = std::get_if<std::string>(&data_);
  return text != nullptr ? std::string_view(*text) : otherwise;
}

const std::vector<Property>& Value::properties() const {
  static const std::vector<Property> kNone;
  if (const auto* object = std::get_if<Object>(&data_)) return object->properties;
  if (const auto* array = std::get_if<EcmaArray>(&data_)) return array->properties;
  return kNone;
}

const Value* Value::Find(std::string_view key) const {
  for (const Property& property : properties()) {
    if (property.key == key) return &property.value;
  }
  return nullptr;
}

const Value* Value::FindIgnoringCase(std::string_view key) const {
  for (const Property& property : properties()) {
    if (SameIgnoringCase(property.key, key)) return &property.value;
  }
  return nullptr;
}

Value MakeObject(std::vector<Property> properties) { return Object{{}, std::move(properties)}; }
Value MakeEcmaArray(std::vector<Property> properties) { return EcmaArray{std::move(properties)}; }

}  // namespace millrace::media::amf
