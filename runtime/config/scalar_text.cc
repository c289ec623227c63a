#include "runtime/config/scalar_text.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "millrace/v1/config.pb.h"
#include "runtime/config/units.h"

namespace millrace::config {
namespace {

using google::protobuf::FieldDescriptor;

std::string Number(const FieldDescriptor& field, uint64_t value) {
  switch (field.options().GetExtension(v1::unit)) {
    case v1::UNIT_MILLISECONDS:
      return FormatMilliseconds(value);
    case v1::UNIT_BYTES:
      return FormatBytes(value);
    case v1::UNIT_SPEED:
      return FormatSpeed(value);
    case v1::UNIT_BITRATE:
      return FormatBitrate(value);
    default:
      return fmt::format("{}", value);
  }
}

}  // namespace

std::string ScalarText(const google::protobuf::Message& message, const FieldDescriptor& field) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.GetBool(message, &field) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_UINT32:
      return Number(field, reflection.GetUInt32(message, &field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return Number(field, reflection.GetUInt64(message, &field));
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection.GetEnum(message, &field)->name();
    default:
      return reflection.GetString(message, &field);
  }
}

}  // namespace millrace::config
