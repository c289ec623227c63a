#include "runtime/rpc/state_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>
#include <utility>

namespace millrace::rpc {
namespace {

constexpr std::string_view kMagic = "MRS1";

absl::Status Failed(const char* what, const std::string& path, int error) {
  return absl::UnavailableError(fmt::format("{} {}: {}", what, path, std::strerror(error)));
}

absl::Status WriteAll(int file, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Failed("cannot write", path, errno);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  if (::fsync(file) != 0) return Failed("cannot sync", path, errno);
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteStateFile(const std::string& path, const v1::NodeState& state) {
  const std::filesystem::path target(path);
  const std::filesystem::path folder = target.has_parent_path() ? target.parent_path() : ".";
  std::error_code error;
  std::filesystem::create_directories(folder, error);

  const std::string temporary = path + ".tmp";
  const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return Failed("cannot create", temporary, errno);
  absl::Status status = WriteAll(file, std::string(kMagic) + state.SerializeAsString(), temporary);
  ::close(file);
  if (status.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) {
    status = Failed("cannot replace", path, errno);
  }
  if (!status.ok()) {
    ::unlink(temporary.c_str());
    return status;
  }
  // The rename itself must survive a power cut as well; where the file system cannot, nothing is
  // lost.
  const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) {
    ::fsync(directory);
    ::close(directory);
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::NodeState> ReadStateFile(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return absl::NotFoundError(fmt::format("no state file {}", path));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::UnavailableError(fmt::format("cannot read {}", path));
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  v1::NodeState state;
  if (!std::string_view(bytes).starts_with(kMagic) ||
      !state.ParseFromArray(bytes.data() + kMagic.size(),
                            static_cast<int>(bytes.size() - kMagic.size()))) {
    return absl::DataLossError(fmt::format("{} is not a state file of this version", path));
  }
  return state;
}

}  // namespace millrace::rpc
