#pragma once
// What AMF 0 and AMF 3 can say, in one type.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace millrace::media::amf {

// Every way in which AMF bytes can be wrong.
enum class AmfError {
  kTruncated,
  kTooDeep,
  kTooManyValues,
  kStringTooLong,
  kUnknownMarker,
  kUnsupported,   // movie clips, record sets, externalizable classes, dictionaries
  kBadReference,  // to a string, a trait or a container that was never sent
};
const char* AmfErrorName(AmfError error);  // "amf_truncated" …

struct Property;
class Value;

struct Null {
  friend bool operator==(const Null&, const Null&) = default;
};
struct Undefined {
  friend bool operator==(const Undefined&, const Undefined&) = default;
};
struct Object {
  std::string class_name;  // empty for anonymous objects
  std::vector<Property> properties;
  friend bool operator==(const Object&, const Object&);
};
struct EcmaArray {
  std::vector<Property> properties;
  friend bool operator==(const EcmaArray&, const EcmaArray&);
};
struct StrictArray {
  std::vector<Value> values;
  friend bool operator==(const StrictArray&, const StrictArray&);
};
struct Date {
  double unix_ms = 0;
  int16_t timezone_minutes = 0;  // reserved by the format, kept as sent
  friend bool operator==(const Date&, const Date&) = default;
};
struct Xml {
  std::string text;
  friend bool operator==(const Xml&, const Xml&) = default;
};

// A value type: copying copies everything below. Undefined by default.
class Value {
 public:
  using Data = std::variant<Undefined, Null, double, bool, std::string, Object, EcmaArray,
                            StrictArray, Date, Xml>;

  Value();
  Value(double number);          // NOLINT(google-explicit-constructor): reads as AMF does
  Value(int number);             // NOLINT(google-explicit-constructor)
  Value(bool boolean);           // NOLINT(google-explicit-constructor)
  Value(std::string text);       // NOLINT(google-explicit-constructor)
  Value(std::string_view text);  // NOLINT(google-explicit-constructor)
  Value(const char* text);       // NOLINT(google-explicit-constructor)
  Value(Null null);              // NOLINT(google-explicit-constructor)
  Value(Undefined undefined);    // NOLINT(google-explicit-constructor)
  Value(Object object);          // NOLINT(google-explicit-constructor)
  Value(EcmaArray array);        // NOLINT(google-explicit-constructor)
  Value(StrictArray array);      // NOLINT(google-explicit-constructor)
  Value(Date date);              // NOLINT(google-explicit-constructor)
  Value(Xml xml);                // NOLINT(google-explicit-constructor)
  Value(const Value&);
  Value(Value&&) noexcept;
  Value& operator=(const Value&);
  Value& operator=(Value&&) noexcept;
  ~Value();

  const Data& data() const { return data_; }
  bool is_number() const { return std::holds_alternative<double>(data_); }
  bool is_string() const { return std::holds_alternative<std::string>(data_); }
  bool is_null() const;       // null or undefined
  bool is_container() const;  // object or ECMA array: has properties

  // Lenient views, for peers that mix types up: what does not fit yields the default.
  double AsNumber(double otherwise = 0) const;  // numbers, and booleans as 0 and 1
  bool AsBool(bool otherwise = false) const;    // booleans, and numbers as "not 0"
  std::string_view AsString(std::string_view otherwise = {}) const;

  // The properties of an object or ECMA array; empty for anything else.
  const std::vector<Property>& properties() const;
  // The first property of that name, or nullptr.
  const Value* Find(std::string_view key) const;
  // Find, whatever the letter case (some encoders write `tcurl`).
  const Value* FindIgnoringCase(std::string_view key) const;

  friend bool operator==(const Value&, const Value&);

 private:
  Data data_;
};

struct Property {
  std::string key;
  Value value;
  friend bool operator==(const Property&, const Property&) = default;
};

// MakeObject({{"level", "status"}, {"code", code}}).
Value MakeObject(std::vector<Property> properties);
Value MakeEcmaArray(std::vector<Property> properties);

}  // namespace millrace::media::amf
