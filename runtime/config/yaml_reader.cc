#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include "runtime/config/app_settings.h"
#include "runtime/config/limits.h"
#include "runtime/config/spelling.h"
#include "runtime/config/units.h"
#include "runtime/config/yaml.h"

namespace millrace::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr size_t kMaxMistakes = 50;

std::string Names(const std::vector<std::string>& names) {
  return fmt::format("`{}`", fmt::join(names, "`, `"));
}

class Reader {
 public:
  void ReadDocument(const YAML::Node& document, v1::Configuration& configuration) {
    if (document.IsNull()) return;  // an empty file, or nothing but comments
    ReadMessage(document, "", configuration);
    CheckParts(configuration.defaults(), configuration, "defaults", "");
    for (const auto& [name, app] : configuration.applications()) {
      CheckParts(app, configuration, "applications." + name, name);
    }
  }

  void Say(const YAML::Mark& mark, std::string text) {
    if (mistakes_.size() >= kMaxMistakes) return;
    Mistake mistake;
    mistake.line = mark.line < 0 ? 0 : static_cast<size_t>(mark.line) + 1;
    mistake.column = mark.column < 0 ? 0 : static_cast<size_t>(mark.column) + 1;
    mistake.text = std::move(text);
    mistakes_.push_back(std::move(mistake));
  }

  std::vector<Mistake> TakeMistakes() {
    std::ranges::stable_sort(mistakes_, {},
                             [](const Mistake& m) { return std::pair(m.line, m.column); });
    return std::move(mistakes_);
  }

 private:
  static std::string Join(const std::string& path, std::string_view key) {
    return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
  }
  static std::string Where(const std::string& path) {
    return path.empty() ? "the file" : fmt::format("`{}`", path);
  }

  // Calls `read(key, value)` for each pair of a mapping whose keys are words that occur once.
  template <class Read>
  void EachPair(const YAML::Node& node, const std::string& path, Read read) {
    if (node.IsNull()) return;  // a section without settings
    if (!node.IsMap()) {
      Say(node.Mark(), fmt::format("{} must hold `key: value` settings", Where(path)));
      return;
    }
    std::map<std::string, int> seen;  // the line of each
    for (const auto& pair : node) {
      const YAML::Node& key = pair.first;
      if (!key.IsScalar()) {
        Say(key.Mark(), fmt::format("a key in {} must be a plain word", Where(path)));
        continue;
      }
      const auto [first, fresh] = seen.emplace(key.Scalar(), key.Mark().line + 1);
      if (!fresh) {
        Say(key.Mark(), fmt::format("`{}` is set twice, first in line {}", Join(path, key.Scalar()),
                                    first->second));
        continue;
      }
      read(key, pair.second);
    }
  }

  void ReadMessage(const YAML::Node& node, const std::string& path, Message& message) {
    const Descriptor& descriptor = *message.GetDescriptor();
    EachPair(node, path, [&](const YAML::Node& key, const YAML::Node& value) {
      const FieldDescriptor* field = descriptor.FindFieldByName(key.Scalar());
      if (field == nullptr) {
        SayUnknownKey(key, path, descriptor);
        return;
      }
      const std::string field_path = Join(path, field->name());
      marks_[field_path] = value.Mark();
      const bool section =
          field->is_map() ||
          (!field->is_repeated() && field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE);
      if (value.IsNull() && !section) {
        // YAML puts what is not there where the next thing begins, which may be lines below.
        Say(key.Mark(), fmt::format("`{}` has no value", field_path));
        return;
      }
      if (field->is_map()) {
        ReadMap(value, field_path, *field, message);
      } else if (field->is_repeated()) {
        ReadList(value, field_path, *field, message);
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        ReadMessage(value, field_path, *message.GetReflection()->MutableMessage(&message, field));
      } else {
        ReadScalar(value, field_path, *field, message);
      }
    });
  }

  void SayUnknownKey(const YAML::Node& key, const std::string& path, const Descriptor& descriptor) {
    std::vector<std::string> known;
    for (int i = 0; i < descriptor.field_count(); ++i) known.push_back(descriptor.field(i)->name());
    std::string text = fmt::format("unknown key `{}` in {}", key.Scalar(), Where(path));
    if (const auto meant = ClosestWord(key.Scalar(), known)) {
      text += fmt::format("; did you mean `{}`?", *meant);
    } else {
      text += fmt::format("; it may hold {}", Names(known));
    }
    Say(key.Mark(), std::move(text));
  }

  // Keys are applications where the values are settings, else words of their own.
  void ReadMap(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
               Message& message) {
    const Reflection& reflection = *message.GetReflection();
    const Descriptor& entry = *field.message_type();
    EachPair(node, path, [&](const YAML::Node& key, const YAML::Node& value) {
      const bool sections = entry.map_value()->message_type() != nullptr;
      const absl::Status named =
          sections ? CheckApplicationName(key.Scalar()) : CheckText(*entry.map_key(), key.Scalar());
      if (!named.ok()) {
        Say(key.Mark(), std::string(named.message()));
        return;
      }
      if (!sections) {
        ReadWord(key.Scalar(), value, Join(path, key.Scalar()), field, message);
        return;
      }
      Message& pair = *reflection.AddMessage(&message, &field);
      pair.GetReflection()->SetString(&pair, entry.map_key(), key.Scalar());
      ReadMessage(value, Join(path, key.Scalar()),
                  *pair.GetReflection()->MutableMessage(&pair, entry.map_value()));
    });
  }

  // An entry of a map from text to text.
  void ReadWord(const std::string& key, const YAML::Node& value, const std::string& path,
                const FieldDescriptor& field, Message& message) {
    const Descriptor& entry = *field.message_type();
    if (!value.IsScalar()) {
      Say(value.Mark(), fmt::format("`{}` takes one value", path));
      return;
    }
    if (!TextIsGood(value, path, *entry.map_value())) return;
    Message& pair = *message.GetReflection()->AddMessage(&message, &field);
    pair.GetReflection()->SetString(&pair, entry.map_key(), key);
    pair.GetReflection()->SetString(&pair, entry.map_value(), value.Scalar());
  }

  void ReadList(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
                Message& message) {
    if (!node.IsSequence()) {
      Say(node.Mark(), fmt::format("`{}` must be a list, as in [a, b]", path));
      return;
    }
    std::set<std::string> seen;
    for (const YAML::Node& item : node) {
      if (!item.IsScalar()) {
        Say(item.Mark(), fmt::format("an entry of `{}` must be plain text", path));
        continue;
      }
      if (!seen.insert(item.Scalar()).second) {
        Say(item.Mark(), fmt::format("`{}` lists `{}` twice", path, item.Scalar()));
        continue;
      }
      if (!TextIsGood(item, path, field)) continue;
      message.GetReflection()->AddString(&message, &field, item.Scalar());
    }
  }

  bool TextIsGood(const YAML::Node& node, const std::string& path, const FieldDescriptor& field) {
    const absl::Status good = CheckText(field, node.Scalar());
    if (!good.ok()) Say(node.Mark(), fmt::format("`{}`: {}", path, std::string(good.message())));
    return good.ok();
  }

  void ReadScalar(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
                  Message& message) {
    if (!node.IsScalar()) {
      Say(node.Mark(), fmt::format("`{}` takes one value", path));
      return;
    }
    const Reflection& reflection = *message.GetReflection();
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_BOOL:
        if (node.Scalar() != "true" && node.Scalar() != "false") {
          Say(node.Mark(), fmt::format("`{}` is `true` or `false`, not `{}`", path, node.Scalar()));
          return;
        }
        reflection.SetBool(&message, &field, node.Scalar() == "true");
        return;
      case FieldDescriptor::CPPTYPE_UINT32:
        if (const auto value = ReadInteger(node, path, field)) {
          reflection.SetUInt32(&message, &field, static_cast<uint32_t>(*value));
        }
        return;
      case FieldDescriptor::CPPTYPE_UINT64:
        if (const auto value = ReadInteger(node, path, field)) {
          reflection.SetUInt64(&message, &field, *value);
        }
        return;
      case FieldDescriptor::CPPTYPE_ENUM:
        ReadEnum(node, path, field, message);
        return;
      case FieldDescriptor::CPPTYPE_STRING:
        if (TextIsGood(node, path, field)) reflection.SetString(&message, &field, node.Scalar());
        return;
      default:
        Say(node.Mark(), fmt::format("`{}` cannot be set in a file", path));
    }
  }

  std::optional<uint64_t> ReadInteger(const YAML::Node& node, const std::string& path,
                                      const FieldDescriptor& field) {
    const std::string& text = node.Scalar();
    const v1::Unit unit = field.options().GetExtension(v1::unit);
    absl::StatusOr<uint64_t> value = 0;
    if (unit == v1::UNIT_MILLISECONDS) {
      value = ParseMilliseconds(text);
    } else if (unit == v1::UNIT_BYTES) {
      value = ParseBytes(text);
    } else {
      uint64_t number = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error != std::errc() || end != text.data() + text.size()) {
        value = absl::InvalidArgumentError(fmt::format("`{}` is not a whole number", text));
      } else {
        value = number;
      }
    }
    if (!value.ok()) {
      Say(node.Mark(), fmt::format("`{}`: {}", path, std::string(value.status().message())));
      return std::nullopt;
    }
    const Range range = RangeOf(field);
    if (*value < range.min || *value > range.max) {
      const auto show = [unit](uint64_t number) {
        return unit == v1::UNIT_MILLISECONDS ? FormatMilliseconds(number)
               : unit == v1::UNIT_BYTES      ? FormatBytes(number)
                                             : fmt::format("{}", number);
      };
      Say(node.Mark(), fmt::format("`{}` must be between {} and {}, not {}", path, show(range.min),
                                   show(range.max), text));
      return std::nullopt;
    }
    return *value;
  }

  void ReadEnum(const YAML::Node& node, const std::string& path, const FieldDescriptor& field,
                Message& message) {
    std::vector<std::string> names;
    for (int i = 0; i < field.enum_type()->value_count(); ++i) {
      const EnumValueDescriptor& value = *field.enum_type()->value(i);
      if (value.number() == 0) continue;  // "unspecified" is for the wire
      if (value.name() == node.Scalar()) {
        message.GetReflection()->SetEnum(&message, &field, &value);
        return;
      }
      names.push_back(value.name());
    }
    Say(node.Mark(), fmt::format("`{}` is one of {}, not `{}`", path, Names(names), node.Scalar()));
  }

  // A part cannot be longer than the segment that it is a part of, whichever of the two this
  // section sets.
  void CheckParts(const v1::AppSettings& section, const v1::Configuration& configuration,
                  const std::string& path, const std::string& app) {
    if (!section.has_part_target() && !section.has_segment_target()) return;
    v1::AppSettings resolved = ResolveApp(configuration, app);
    if (resolved.part_target() <= resolved.segment_target()) return;
    const auto mark =
        marks_.find(path + (section.has_part_target() ? ".part_target" : ".segment_target"));
    Say(mark == marks_.end() ? YAML::Mark::null_mark() : mark->second,
        fmt::format("`{}`: part_target ({}) must not be longer than segment_target ({})", path,
                    FormatMilliseconds(resolved.part_target()),
                    FormatMilliseconds(resolved.segment_target())));
  }

  std::map<std::string, YAML::Mark> marks_;
  std::vector<Mistake> mistakes_;
};

// Counts documents, and no more of them than it is asked for: YAML::LoadAll does not return from a
// text with a bracket that closes nothing, which it takes for ever more documents.
class DocumentCounter : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    ++documents;
    last = mark;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

  int documents = 0;
  YAML::Mark last;
};

}  // namespace

ReadResult ReadYaml(std::string_view text) {
  ReadResult result;
  Reader reader;
  if (text.size() > kMaxFileBytes) {
    reader.Say(YAML::Mark::null_mark(),
               fmt::format("the file is larger than {}", FormatBytes(kMaxFileBytes)));
  } else if (!IsUtf8(text)) {
    reader.Say(YAML::Mark::null_mark(), "the file is not UTF-8 text");
  } else {
    try {
      const std::string copy(text);
      DocumentCounter counter;
      std::istringstream stream(copy);
      YAML::Parser parser(stream);
      while (counter.documents < 2 && parser.HandleNextDocument(counter)) {
      }
      if (counter.documents > 1) {
        reader.Say(counter.last, "one document is expected: remove what begins here");
      } else if (counter.documents == 1) {
        reader.ReadDocument(YAML::Load(copy), result.configuration);
      }
    } catch (const YAML::Exception& error) {
      reader.Say(error.mark, fmt::format("not YAML: {}", error.msg));
    } catch (const std::exception& error) {
      reader.Say(YAML::Mark::null_mark(), fmt::format("not YAML: {}", error.what()));
    }
  }
  result.mistakes = reader.TakeMistakes();
  return result;
}

absl::StatusOr<v1::Configuration> ParseYaml(std::string_view text, std::string_view name) {
  ReadResult result = ReadYaml(text);
  if (result.mistakes.empty()) return std::move(result.configuration);
  std::string lines;
  for (const Mistake& mistake : result.mistakes) {
    if (!lines.empty()) lines += '\n';
    lines += mistake.line == 0
                 ? fmt::format("{}: {}", name, mistake.text)
                 : fmt::format("{}:{}:{}: {}", name, mistake.line, mistake.column, mistake.text);
  }
  return absl::InvalidArgumentError(lines);
}

absl::StatusOr<v1::Configuration> LoadYamlFile(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxFileBytes + 1, '\0');
  // A folder can be opened but not read.
  if (!file ||
      (!file.read(text.data(), static_cast<std::streamsize>(text.size())) && !file.eof())) {
    const int error = errno;
    std::string message =
        fmt::format("cannot read {}: {}", path, error == 0 ? "not a file" : std::strerror(error));
    if (error == ENOENT) return absl::NotFoundError(message);
    return absl::UnavailableError(message);
  }
  text.resize(static_cast<size_t>(file.gcount()));
  return ParseYaml(text, path);
}

}  // namespace millrace::config
