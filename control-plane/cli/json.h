#pragma once
// Messages as protobuf's own JSON: lowerCamelCase keys, 64-bit numbers as strings, every field
// present.

#include <google/protobuf/message.h>

#include <string>
#include <string_view>
#include <vector>

namespace millrace::cli {

// One line, without its end.
std::string ToJson(const google::protobuf::Message& message);

// {"streams":[…]}
template <class Row>
std::string ToJsonList(std::string_view name, const std::vector<Row>& rows) {
  std::string json = "{\"" + std::string(name) + "\":[";
  for (const Row& row : rows) {
    if (&row != &rows.front()) json += ',';
    json += ToJson(row);
  }
  return json + "]}";
}

}  // namespace millrace::cli
