#pragma once
// Just enough AMF0 to hold a conversation with an RTMP server. Written apart from media/amf on
// purpose: the test tools must not share a mistake with what they test.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::live {

struct AmfValue {
  enum class Kind { kNull, kNumber, kBool, kString, kObject };
  Kind kind = Kind::kNull;
  double number = 0;
  std::string text;
  std::vector<std::string> names;  // of the members
  std::vector<AmfValue> members;

  const AmfValue* Find(std::string_view name) const;
  std::string Text(std::string_view name) const;  // of a member; empty where there is none
};

class AmfWriter {
 public:
  AmfWriter& String(std::string_view text);
  AmfWriter& Number(double number);
  AmfWriter& Null();
  AmfWriter& Bool(bool value);
  AmfWriter& Begin(bool ecma_array = false);  // members follow as Key() and a value
  AmfWriter& Key(std::string_view name);
  AmfWriter& End();
  const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  void U16(size_t value);
  std::vector<uint8_t> bytes_;
};

// All values of a message body; nullopt where it is malformed.
std::optional<std::vector<AmfValue>> ReadAmf(std::span<const uint8_t> bytes);

}  // namespace millrace::live
