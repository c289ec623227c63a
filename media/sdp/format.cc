#include "media/sdp/format.h"

#include "media/base/text.h"

namespace millrace::media::sdp {
namespace {

constexpr uint32_t kVideoClock = 90'000;
constexpr uint32_t kSpeechClock = 8'000;
constexpr size_t kMaxParameters = 64;

struct StaticFormat {
  uint8_t payload_type;
  const char* encoding;
  uint32_t clock_rate;
  uint32_t channels;
};
// RFC 3551 §6, what can be carried of it.
constexpr StaticFormat kStaticFormats[] = {
    {0, "PCMU", 8'000, 1},   {2, "G726-32", 8'000, 1}, {8, "PCMA", 8'000, 1},
    {10, "L16", 44'100, 2},  {11, "L16", 44'100, 1},   {14, "MPA", 90'000, 0},
    {26, "JPEG", 90'000, 0},
};

// The part behind "96 " of the first attribute `name` that is about this payload type.
std::optional<std::string_view> AboutPayloadType(const Media& media, std::string_view name,
                                                 uint8_t payload_type) {
  for (const Attribute& attribute : media.attributes) {
    if (!EqualsIgnoringCase(attribute.name, name)) continue;
    std::string_view rest = attribute.value;
    if (ParseNumber<uint8_t>(CutFront(rest, " \t")) == payload_type) return Trim(rest);
  }
  return std::nullopt;
}

void ReadMap(std::string_view map, bool video, Format& format) {
  format.encoding = Trim(CutFront(map, "/"));
  format.clock_rate = ParseNumber<uint32_t>(Trim(CutFront(map, "/"))).value_or(0);
  format.channels = ParseNumber<uint32_t>(Trim(map)).value_or(0);
  if (format.clock_rate == 0) format.clock_rate = video ? kVideoClock : kSpeechClock;
}

void ReadParameters(std::string_view text, Format& format) {
  while (!text.empty() && format.parameters.size() < kMaxParameters) {
    std::string_view value = CutFront(text, ";");
    const std::string_view name = Trim(CutFront(value, "="));
    if (name.empty()) continue;
    format.parameters.push_back({std::string(name), std::string(Trim(value, " \t\"'"))});
  }
}

}  // namespace

std::optional<Format> FormatOf(const Media& media, std::string_view payload_type) {
  const auto number = ParseNumber<uint8_t>(payload_type);
  if (!number.has_value() || *number > 127) return std::nullopt;
  Format format;
  format.payload_type = *number;
  if (const auto map = AboutPayloadType(media, "rtpmap", *number)) {
    ReadMap(*map, media.kind == "video", format);
  } else {
    for (const StaticFormat& known : kStaticFormats) {
      if (known.payload_type != *number) continue;
      format.encoding = known.encoding;
      format.clock_rate = known.clock_rate;
      format.channels = known.channels;
    }
  }
  if (format.encoding.empty()) return std::nullopt;
  if (const auto fmtp = AboutPayloadType(media, "fmtp", *number)) ReadParameters(*fmtp, format);
  return format;
}

void AddFormat(const Format& format, Media& media) {
  const std::string payload_type = std::to_string(format.payload_type);
  media.formats.push_back(payload_type);
  std::string map = payload_type + " " + format.encoding + "/" + std::to_string(format.clock_rate);
  if (format.channels > 0) map += "/" + std::to_string(format.channels);
  media.attributes.push_back({"rtpmap", map});
  if (format.parameters.empty()) return;
  std::string fmtp = payload_type + " ";
  for (const Attribute& parameter : format.parameters) {
    if (&parameter != &format.parameters.front()) fmtp += ";";
    fmtp += parameter.name + "=" + parameter.value;
  }
  media.attributes.push_back({"fmtp", fmtp});
}

}  // namespace millrace::media::sdp
