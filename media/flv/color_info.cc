#include "media/flv/color_info.h"

#include <cmath>
#include <string_view>
#include <utility>

#include "media/amf/amf0.h"

namespace millrace::media::flv {
namespace {

constexpr amf::Limits kLimits = {
    .max_depth = 4, .max_values = 100, .max_string = 256, .max_bytes = 4096};
constexpr std::string_view kName = "colorInfo";

uint8_t CodePoint(const amf::Value& config, std::string_view key) {
  const amf::Value* value = config.Find(key);
  const double number = value != nullptr ? value->AsNumber() : 0;
  return number >= 0 && number <= 255 ? static_cast<uint8_t>(number) : 0;
}

double Light(const amf::Value& object, std::string_view key) {
  const amf::Value* value = object.Find(key);
  const double number = value != nullptr ? value->AsNumber() : 0;
  return std::isfinite(number) && number >= 0 ? number : 0;
}

Color FromValue(const amf::Value& info) {
  Color color;
  if (const amf::Value* config = info.Find("colorConfig"); config != nullptr) {
    color.bit_depth = CodePoint(*config, "bitDepth");
    color.primaries = CodePoint(*config, "colorPrimaries");
    color.transfer = CodePoint(*config, "transferCharacteristics");
    color.matrix = CodePoint(*config, "matrixCoefficients");
  }
  if (const amf::Value* light = info.Find("hdrCll"); light != nullptr && light->is_container()) {
    color.light = ContentLight{.max_frame_average = Light(*light, "maxFall"),
                               .max_content = Light(*light, "maxCLL")};
  }
  if (const amf::Value* from = info.Find("hdrMdcv"); from != nullptr && from->is_container()) {
    color.mastering = MasteringDisplay{.red_x = Light(*from, "redX"),
                                       .red_y = Light(*from, "redY"),
                                       .green_x = Light(*from, "greenX"),
                                       .green_y = Light(*from, "greenY"),
                                       .blue_x = Light(*from, "blueX"),
                                       .blue_y = Light(*from, "blueY"),
                                       .white_x = Light(*from, "whitePointX"),
                                       .white_y = Light(*from, "whitePointY"),
                                       .max_luminance = Light(*from, "maxLuminance"),
                                       .min_luminance = Light(*from, "minLuminance")};
  }
  return color;
}

amf::Value ToValue(const Color& color) {
  std::vector<amf::Property> config;
  const auto add = [&config](const char* key, uint8_t number) {
    if (number != 0) config.push_back({key, static_cast<double>(number)});
  };
  add("bitDepth", color.bit_depth);
  add("colorPrimaries", color.primaries);
  add("transferCharacteristics", color.transfer);
  add("matrixCoefficients", color.matrix);
  std::vector<amf::Property> info;
  if (!config.empty()) info.push_back({"colorConfig", amf::MakeObject(std::move(config))});
  if (const auto& light = color.light) {
    info.push_back({"hdrCll", amf::MakeObject({{"maxFall", light->max_frame_average},
                                               {"maxCLL", light->max_content}})});
  }
  if (const auto& from = color.mastering) {
    info.push_back({"hdrMdcv", amf::MakeObject({{"redX", from->red_x},
                                                {"redY", from->red_y},
                                                {"greenX", from->green_x},
                                                {"greenY", from->green_y},
                                                {"blueX", from->blue_x},
                                                {"blueY", from->blue_y},
                                                {"whitePointX", from->white_x},
                                                {"whitePointY", from->white_y},
                                                {"maxLuminance", from->max_luminance},
                                                {"minLuminance", from->min_luminance}})});
  }
  return amf::MakeObject(std::move(info));
}

}  // namespace

absl::StatusOr<std::optional<Color>> ReadColorInfo(Bytes data) {
  const auto values = amf::DecodeAll(data, kLimits);
  if (!values.ok()) return values.status();
  for (size_t i = 0; i + 1 < values->size(); i += 2) {
    if ((*values)[i].AsString() == kName) return std::optional(FromValue((*values)[i + 1]));
  }
  return std::nullopt;
}

std::vector<uint8_t> WriteColorInfo(const std::optional<Color>& color) {
  std::vector<uint8_t> data;
  ByteWriter writer(data);
  amf::EncodeAmf0(writer, kName);
  amf::EncodeAmf0(writer, color ? ToValue(*color) : amf::Value());
  return data;
}

}  // namespace millrace::media::flv
