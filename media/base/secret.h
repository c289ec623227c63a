#pragma once
// Comparing what an attacker may choose with what it must not learn.

#include <cstddef>
#include <string_view>

namespace millrace::media {

// In time that does not depend on where they differ.
inline bool SameSecret(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  }
  return difference == 0;
}

}  // namespace millrace::media
