#pragma once
// Notices that the configuration file has changed.

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "millrace/v1/config.pb.h"

namespace millrace::control {

class ConfigWatch {
 public:
  explicit ConfigWatch(std::string path);

  // Nothing where the file is as it was when it was last looked at (or constructed). Else what it
  // says, or why it cannot be used: the mistakes by line.
  std::optional<absl::StatusOr<v1::Configuration>> Changed();

 private:
  // Which file it is and what is in it, without reading it; follows links, as mounted volumes swap
  // them.
  std::string Signature() const;

  const std::string path_;
  std::string last_;
};

}  // namespace millrace::control
