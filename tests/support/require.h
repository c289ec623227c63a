#pragma once
// What a fuzz target holds to be true: stops the process and says what was not.

#include <cstdio>
#include <cstdlib>

namespace millrace::tests {

inline void Require(bool truth, const char* what) {
  if (truth) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::abort();
}

}  // namespace millrace::tests
