#include "runtime/config/diff.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <map>
#include <tuple>
#include <utility>

#include "runtime/config/app_settings.h"
#include "runtime/config/scalar_text.h"

namespace millrace::config {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Settings in the order in which they are told, which is that of the schema: place of the section's
// field, the section's name, place of the setting's field, key of a map's entry.
using Place = std::tuple<int, std::string, int, std::string>;
struct Setting {
  std::string key;
  std::string value;
  std::string secret;  // compared, but never told
};
using Settings = std::map<Place, Setting>;

std::string ListText(const Message& message, const FieldDescriptor& field) {
  std::string text = "[";
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
    if (i > 0) text += ", ";
    text += message.GetReflection()->GetRepeatedString(message, &field, i);
  }
  return text + "]";
}

// Maps inside a section are from user to password: who is in it is told, the password is not.
void AddSecrets(const Message& section, const FieldDescriptor& field, int place,
                const std::string& name, Settings& settings) {
  const FieldDescriptor* key = field.message_type()->map_key();
  const FieldDescriptor* value = field.message_type()->map_value();
  for (int i = 0; i < section.GetReflection()->FieldSize(section, &field); ++i) {
    const Message& entry = section.GetReflection()->GetRepeatedMessage(section, &field, i);
    const std::string user = entry.GetReflection()->GetString(entry, key);
    settings[{place, name, field.index() + 1, user}] = {
        fmt::format("{}.{}", field.name(), user), kHidden,
        entry.GetReflection()->GetString(entry, value)};
  }
}

void AddSection(const Message& section, int place, const std::string& name, Settings& settings) {
  const Reflection& reflection = *section.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(section, &fields);  // those that are set
  for (const FieldDescriptor* field : fields) {
    if (field->is_map()) {
      AddSecrets(section, *field, place, name, settings);
      continue;
    }
    settings[{place, name, field->index() + 1, ""}] = {
        field->name(),
        field->is_repeated() ? ListText(section, *field) : ScalarText(section, *field), ""};
  }
}

Settings Flatten(const v1::Configuration& configuration) {
  Settings settings;
  const Message& message = configuration;
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->is_map()) {
      for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
        const Message& entry = reflection.GetRepeatedMessage(message, field, i);
        const Reflection& inner = *entry.GetReflection();
        const std::string name = fmt::format(
            "{}.{}", field->name(), inner.GetString(entry, field->message_type()->map_key()));
        settings[{field->index(), name, 0, ""}] = {"", "{}", ""};
        AddSection(inner.GetMessage(entry, field->message_type()->map_value()), field->index(),
                   name, settings);
      }
    } else if (field->is_repeated()) {
      settings[{field->index(), "", 0, ""}] = {field->name(), ListText(message, *field), ""};
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      AddSection(reflection.GetMessage(message, field), field->index(), field->name(), settings);
    } else {
      settings[{field->index(), "", 0, ""}] = {field->name(), ScalarText(message, *field), ""};
    }
  }
  // A section that sets something is there by what it sets.
  for (auto it = settings.begin(); it != settings.end();) {
    const auto next = std::next(it);
    const bool empty = it->second.key.empty();
    const bool more = next != settings.end() && std::get<1>(next->first) == std::get<1>(it->first);
    it = empty && more ? settings.erase(it) : next;
  }
  return settings;
}

}  // namespace

std::vector<Change> Diff(const v1::Configuration& before, const v1::Configuration& after) {
  const Settings old_settings = Flatten(before);
  const Settings new_settings = Flatten(after);
  std::map<Place, Change> changes;
  const auto differs = [](const Settings& others, const Place& place, const Setting& setting) {
    const auto other = others.find(place);
    return other == others.end() || other->second.value != setting.value ||
           other->second.secret != setting.secret;
  };
  for (const auto& [place, setting] : old_settings) {
    if (!differs(new_settings, place, setting)) continue;
    changes[place] = {std::get<1>(place), setting.key, setting.value, std::nullopt};
  }
  for (const auto& [place, setting] : new_settings) {
    if (!differs(old_settings, place, setting)) continue;
    Change& change = changes[place];
    change.section = std::get<1>(place);
    change.key = setting.key;
    change.after = setting.value;
  }
  std::vector<Change> result;
  for (auto& [place, change] : changes) result.push_back(std::move(change));
  return result;
}

}  // namespace millrace::config
