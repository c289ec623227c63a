#pragma once
// "Did you mean …?"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::config {

// The word of `known` that `word` was probably meant to be; nothing where none is close.
std::optional<std::string> ClosestWord(std::string_view word,
                                       const std::vector<std::string>& known);

}  // namespace millrace::config
