#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <yaml-cpp/yaml.h>

#include <map>

#include "runtime/config/units.h"
#include "runtime/config/yaml.h"

namespace millrace::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

void WriteMessage(YAML::Emitter& out, const Message& message);

std::string Number(const FieldDescriptor& field, uint64_t value) {
  switch (field.options().GetExtension(v1::unit)) {
    case v1::UNIT_MILLISECONDS:
      return FormatMilliseconds(value);
    case v1::UNIT_BYTES:
      return FormatBytes(value);
    default:
      return fmt::format("{}", value);
  }
}

void WriteScalar(YAML::Emitter& out, const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      out << reflection.GetBool(message, &field);
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      out << Number(field, reflection.GetUInt32(message, &field));
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      out << Number(field, reflection.GetUInt64(message, &field));
      break;
    case FieldDescriptor::CPPTYPE_ENUM:
      out << reflection.GetEnum(message, &field)->name();
      break;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      WriteMessage(out, reflection.GetMessage(message, &field));
      break;
    default:
      out << reflection.GetString(message, &field);
  }
}

void WriteList(YAML::Emitter& out, const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  out << YAML::Flow << YAML::BeginSeq;
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    out << reflection.GetRepeatedString(message, &field, i);
  }
  out << YAML::EndSeq;
}

void WriteMap(YAML::Emitter& out, const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  std::map<std::string, const Message*> sorted;  // entries; protobuf's order changes
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    sorted[entry.GetReflection()->GetString(entry, field.message_type()->map_key())] = &entry;
  }
  out << YAML::BeginMap;
  for (const auto& [key, value] : sorted) {
    out << YAML::Key << key << YAML::Value;
    const FieldDescriptor& held = *field.message_type()->map_value();
    if (held.message_type() != nullptr) {
      WriteMessage(out, value->GetReflection()->GetMessage(*value, &held));
    } else {
      out << value->GetReflection()->GetString(*value, &held);
    }
  }
  out << YAML::EndMap;
}

void WriteMessage(YAML::Emitter& out, const Message& message) {
  const Descriptor& descriptor = *message.GetDescriptor();
  const Reflection& reflection = *message.GetReflection();
  out << YAML::BeginMap;
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const FieldDescriptor& field = *descriptor.field(i);
    const bool set = field.is_repeated() ? reflection.FieldSize(message, &field) > 0
                                         : reflection.HasField(message, &field);
    if (!set) continue;
    out << YAML::Key << field.name() << YAML::Value;
    if (field.is_map()) {
      WriteMap(out, message, field);
    } else if (field.is_repeated()) {
      WriteList(out, message, field);
    } else {
      WriteScalar(out, message, field);
    }
  }
  out << YAML::EndMap;
}

}  // namespace

std::string WriteYaml(const v1::Configuration& configuration) {
  if (configuration.ByteSizeLong() == 0) return "{}\n";
  YAML::Emitter out;
  WriteMessage(out, configuration);
  return std::string(out.c_str(), out.size()) + "\n";
}

}  // namespace millrace::config
