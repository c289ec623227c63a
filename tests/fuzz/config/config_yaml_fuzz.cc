// The configuration file: any text is read or refused by line, and what was read can be written and
// read again.

#include <google/protobuf/util/message_differencer.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/config/app_settings.h"
#include "runtime/config/yaml.h"
#include "tests/support/require.h"

namespace config = millrace::config;
using google::protobuf::util::MessageDifferencer;
using millrace::tests::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const config::ReadResult result = config::ReadYaml(text);
  for (const config::Mistake& mistake : result.mistakes) {
    Require(!mistake.text.empty(), "a mistake says what it is");
  }
  if (!result.mistakes.empty()) return 0;
  const config::ReadResult again = config::ReadYaml(config::WriteYaml(result.configuration));
  Require(again.mistakes.empty(), "what was written can be read");
  Require(MessageDifferencer::Equals(again.configuration, result.configuration),
          "what was written says the same");
  const auto full = config::WithDefaults(result.configuration);
  Require(full.defaults().has_grace(), "defaults are filled in");
  const config::StreamSettings settings(full);
  for (const auto& [pattern, own] : full.streams()) {
    // A pattern without wildcards is a name; one with them is asked for what looks like it.
    Require(settings.For(pattern).has_flush(), "every setting is there");
  }
  return 0;
}
