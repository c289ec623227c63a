#include "control-plane/config_watch.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <utility>

#include "runtime/config/yaml.h"

namespace millrace::control {

ConfigWatch::ConfigWatch(std::string path) : path_(std::move(path)), last_(Signature()) {}

std::string ConfigWatch::Signature() const {
  struct stat file {};
  if (path_.empty() || ::stat(path_.c_str(), &file) != 0) return {};
  return fmt::format("{} {} {} {}.{:09}", file.st_dev, file.st_ino, file.st_size,
                     file.st_mtim.tv_sec, file.st_mtim.tv_nsec);
}

std::optional<absl::StatusOr<v1::Configuration>> ConfigWatch::Changed() {
  std::string now = Signature();
  // An editor may take the file away for a moment; what holds goes on.
  if (now.empty() || now == last_) return std::nullopt;
  last_ = std::move(now);
  return config::LoadYamlFile(path_);
}

}  // namespace millrace::control
