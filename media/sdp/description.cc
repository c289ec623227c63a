#include "media/sdp/description.h"

#include <algorithm>

#include "media/base/text.h"
#include "media/sdp/errors.h"

namespace millrace::media::sdp {
namespace {

constexpr std::string_view kLineEnds = "\r\n";

absl::StatusOr<Media> ParseMedia(std::string_view value, const Limits& limits) {
  Media media;
  // RFC 8866 §9: no part of a description may have it, and a part that is nothing else would vanish
  // when it is written.
  if (value.find('\0') != std::string_view::npos) return Fail(SdpError::kBadMedia);
  std::string_view rest = value;
  const auto next = [&rest] {
    rest = Trim(rest);
    return CutFront(rest, " \t");
  };
  media.kind = next();
  std::string_view port = next();
  media.transport = next();
  const auto number = ParseNumber<uint16_t>(CutFront(port, "/"));
  if (media.kind.empty() || !number.has_value() || media.transport.empty()) {
    return Fail(SdpError::kBadMedia, value.substr(0, 64));
  }
  media.port = *number;
  if (!port.empty()) media.port_count = ParseNumber<uint32_t>(port).value_or(1);
  for (std::string_view format = next(); !format.empty(); format = next()) {
    if (media.formats.size() == limits.max_formats) return Fail(SdpError::kTooManyFormats);
    media.formats.emplace_back(format);
  }
  if (media.formats.empty()) return Fail(SdpError::kBadMedia, value.substr(0, 64));
  return media;
}

Attribute ParseAttribute(std::string_view value) {
  Attribute attribute;
  attribute.name = Trim(CutFront(value, ":"));
  attribute.value = Trim(value);
  return attribute;
}

void SetFirst(std::string& field, std::string_view value) {
  if (field.empty()) field = value;
}

class Parser {
 public:
  explicit Parser(const Limits& limits) : limits_(limits) {}

  absl::Status Line(std::string_view line) {
    if (line.size() > limits_.max_line) return Fail(SdpError::kLineTooLong);
    line = Trim(line, " \t");
    if (line.size() < 2 || line[1] != '=') return absl::OkStatus();
    const std::string_view value = Trim(line.substr(2));
    switch (line[0]) {
      case 'm':
        return OnMedia(value);
      case 'a':
        return OnAttribute(value);
      default:
        OnField(line[0], value);
        return absl::OkStatus();
    }
  }

  absl::StatusOr<Description> Finish() {
    if (!recognised_) return Fail(SdpError::kNotSdp);
    return std::move(description_);
  }

 private:
  absl::Status OnMedia(std::string_view value) {
    if (description_.media.size() == limits_.max_media) return Fail(SdpError::kTooManyMedia);
    auto media = ParseMedia(value, limits_);
    if (!media.ok()) return media.status();
    description_.media.push_back(*std::move(media));
    recognised_ = true;
    return absl::OkStatus();
  }

  absl::Status OnAttribute(std::string_view value) {
    Attributes& attributes =
        description_.media.empty() ? description_.attributes : description_.media.back().attributes;
    if (attributes.size() == limits_.max_attributes) return Fail(SdpError::kTooManyAttributes);
    attributes.push_back(ParseAttribute(value));
    return absl::OkStatus();
  }

  void OnField(char type, std::string_view value) {
    recognised_ = recognised_ || type == 'v' || type == 'o';
    Media* media = description_.media.empty() ? nullptr : &description_.media.back();
    if (type == 'i') SetFirst(media != nullptr ? media->title : description_.information, value);
    if (type == 'c')
      SetFirst(media != nullptr ? media->connection : description_.connection, value);
    if (type == 'b') SetFirst(media != nullptr ? media->bandwidth : description_.bandwidth, value);
    if (type == 'o') SetFirst(description_.origin, value);
    if (type == 's') SetFirst(description_.name, value);
    if (type == 't' && !timed_) {
      description_.timing = value;
      timed_ = true;
    }
  }

  const Limits limits_;
  Description description_;
  bool recognised_ = false;
  bool timed_ = false;
};

void AppendLine(std::string& text, char type, std::string_view value) {
  text += type;
  text += '=';
  std::copy_if(value.begin(), value.end(), std::back_inserter(text),
               [](char c) { return kLineEnds.find(c) == std::string_view::npos && c != '\0'; });
  text += "\r\n";
}

void AppendOptional(std::string& text, char type, std::string_view value) {
  if (!value.empty()) AppendLine(text, type, value);
}

void AppendAttributes(std::string& text, const Attributes& attributes) {
  for (const Attribute& attribute : attributes) {
    AppendLine(text, 'a',
               attribute.value.empty() ? attribute.name : attribute.name + ":" + attribute.value);
  }
}

}  // namespace

const Attribute* Find(const Attributes& attributes, std::string_view name) {
  for (const Attribute& attribute : attributes) {
    if (EqualsIgnoringCase(attribute.name, name)) return &attribute;
  }
  return nullptr;
}

std::string_view ValueOf(const Attributes& attributes, std::string_view name) {
  const Attribute* attribute = Find(attributes, name);
  return attribute == nullptr ? std::string_view() : std::string_view(attribute->value);
}

absl::StatusOr<Description> Parse(std::string_view text, const Limits& limits) {
  if (text.size() > limits.max_bytes) return Fail(SdpError::kTooLarge);
  text = text.substr(0, text.find_last_not_of('\0') + 1);
  Parser parser(limits);
  while (!text.empty()) {
    if (absl::Status status = parser.Line(CutFront(text, kLineEnds)); !status.ok()) return status;
  }
  return parser.Finish();
}

std::string Build(const Description& description) {
  std::string text;
  AppendLine(text, 'v', "0");
  AppendLine(text, 'o', description.origin.empty() ? "- 0 0 IN IP4 0.0.0.0" : description.origin);
  AppendLine(text, 's', description.name.empty() ? "-" : description.name);
  AppendOptional(text, 'i', description.information);
  AppendOptional(text, 'c', description.connection);
  AppendOptional(text, 'b', description.bandwidth);
  AppendLine(text, 't', description.timing);
  AppendAttributes(text, description.attributes);
  for (const Media& media : description.media) {
    std::string line = media.kind + " " + std::to_string(media.port);
    if (media.port_count != 1) line += "/" + std::to_string(media.port_count);
    line += " " + media.transport;
    for (const std::string& format : media.formats) line += " " + format;
    AppendLine(text, 'm', line);
    AppendOptional(text, 'i', media.title);
    AppendOptional(text, 'c', media.connection);
    AppendOptional(text, 'b', media.bandwidth);
    AppendAttributes(text, media.attributes);
  }
  return text;
}

}  // namespace millrace::media::sdp
