#include "tests/support/live/tag_record.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/live/amf.h"
#include "tests/support/live/synthetic.h"

namespace millrace::live {
namespace {

// FNV-1a, 64 bits.
std::string Hash(std::span<const uint8_t> bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
  return std::to_string(hash);
}

class Cursor {
 public:
  explicit Cursor(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  uint8_t Byte() {
    if (bytes_.empty()) return 0;
    const uint8_t byte = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return byte;
  }
  std::string Text(size_t size) {
    std::string text;
    while (text.size() < size && !bytes_.empty()) text.push_back(static_cast<char>(Byte()));
    return text;
  }
  int32_t Signed24() {
    uint32_t value = Byte();
    value = value << 8 | Byte();
    value = value << 8 | Byte();
    return static_cast<int32_t>(value ^ 0x800000) - 0x800000;
  }
  std::span<const uint8_t> rest() const { return bytes_; }

 private:
  std::span<const uint8_t> bytes_;
};

// "colorConfig.bitDepth": 10, "title": "Launch" …
void Flatten(const AmfValue& value, const std::string& path, nlohmann::json& members) {
  switch (value.kind) {
    case AmfValue::Kind::kNumber:
      members[path] = value.number;
      break;
    case AmfValue::Kind::kString:
      members[path] = value.text;
      break;
    case AmfValue::Kind::kObject:
      for (size_t i = 0; i < value.names.size(); ++i) {
        Flatten(value.members[i], path.empty() ? value.names[i] : path + "." + value.names[i],
                members);
      }
      break;
    default:
      break;
  }
}

// What the object behind the name in a script tag, or a metadata packet, says.
nlohmann::json Members(std::span<const uint8_t> bytes) {
  nlohmann::json members = nlohmann::json::object();
  const auto values = ReadAmf(bytes);
  if (values && values->size() > 1) Flatten((*values)[1], "", members);
  return members;
}

const char* PacketName(unsigned type, bool video) {
  if (type == 0) return "start";
  if (type == 4 && video) return "metadata";
  return type == 1 || (video && type == 3) ? "frame" : "other";
}

void DescribeEnhanced(bool video, unsigned type, Cursor& cursor, nlohmann::json& line) {
  line["form"] = "enhanced";
  line["track"] = 0;
  const bool multitrack = type == (video ? 6u : 5u);
  if (multitrack) type = cursor.Byte() & 0x0f;
  const std::string codec = cursor.Text(4);
  if (multitrack) line["track"] = cursor.Byte();
  line["codec"] = codec;
  line["packet"] = PacketName(type, video);
  const bool reorders = codec == "avc1" || codec == "hvc1";
  line["composition"] = video && type == 1 && reorders ? cursor.Signed24() : 0;
}

void DescribeLegacy(bool video, unsigned codec, Cursor& cursor, nlohmann::json& line) {
  line["form"] = "legacy";
  line["track"] = 0;
  line["codec"] = std::to_string(codec);
  line["composition"] = 0;
  line["packet"] = "frame";
  if (!video && codec != 10) return;
  line["packet"] = PacketName(cursor.Byte(), false);
  if (video) line["composition"] = cursor.Signed24();
}

}  // namespace

nlohmann::json DescribeTag(uint8_t type, std::span<const uint8_t> body) {
  nlohmann::json line = {{"type", type}};
  if (type == kDataTag) {
    const auto values = ReadAmf(body);
    line["name"] = values && !values->empty() ? (*values)[0].text : "";
    line["members"] = Members(body);
    line["size"] = body.size();
    line["hash"] = Hash(body);
    return line;
  }
  const bool video = type == kVideoTag;
  Cursor cursor(body);
  const unsigned first = cursor.Byte();
  line["key"] = video ? (first >> 4 & 7) == 1 : true;
  if (video ? (first & 0x80) != 0 : first >> 4 == 9) {
    DescribeEnhanced(video, first & 0x0f, cursor, line);
  } else {
    DescribeLegacy(video, video ? first & 0x0f : first >> 4, cursor, line);
  }
  if (line["packet"] == "metadata") line["members"] = Members(cursor.rest());
  line["size"] = cursor.rest().size();
  line["hash"] = Hash(cursor.rest());
  return line;
}

}  // namespace millrace::live
