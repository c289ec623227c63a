#pragma once
// Cases tables are also the seeds of the fuzz targets: run a test program with
// MILLRACE_WRITE_SEEDS=tests/fuzz/corpus to write them there.

#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>

namespace millrace::tests {

// Writes `bytes` as FOLDER/`target`/`name` where the environment asks for it; else does nothing.
inline void WriteSeed(std::string_view target, std::string name, std::span<const uint8_t> bytes) {
  const char* folder = std::getenv("MILLRACE_WRITE_SEEDS");
  if (folder == nullptr) return;
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.') c = '_';
  }
  const std::filesystem::path path = std::filesystem::path(folder) / target / name;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

// A case's name as GoogleTest takes it: letters and digits, each word's first letter large.
inline std::string TestName(std::string_view name) {
  std::string test;
  bool begins = true;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (!std::isalnum(byte)) {
      begins = true;
      continue;
    }
    test.push_back(begins ? static_cast<char>(std::toupper(byte)) : c);
    begins = false;
  }
  return test;
}

}  // namespace millrace::tests
