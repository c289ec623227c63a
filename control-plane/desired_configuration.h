#pragma once
// Which configuration holds: the file's, or the one that was applied. The last writer wins: what is
// applied holds until the file says something else than it said then, whether that happens while
// the control plane runs or while it is away. What says the same in other words (comments, order)
// is no change.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "control-plane/store/store.h"
#include "millrace/v1/admin.pb.h"
#include "millrace/v1/config.pb.h"

namespace millrace::control {

// The same bytes for the same configuration.
std::string ConfigurationBytes(const v1::Configuration& configuration);

class DesiredConfiguration {
 public:
  // `file`: what the configuration file says, as far as there is one.
  DesiredConfiguration(Store& store, std::optional<v1::Configuration> file)
      : store_(store), file_(std::move(file)) {}

  // Looks into the store: what was applied, and whether it still holds.
  absl::Status Load();
  // The file has been written.
  absl::Status FileSays(const v1::Configuration& file);
  // Has reached the disk when it returns OK; else nothing has changed.
  absl::Status Apply(const v1::Configuration& configuration, int64_t now_ms);

  // What it sets, without defaults.
  const v1::Configuration& set() const;
  v1::ConfigurationSource source() const;
  int64_t applied_unix_ms() const { return applied_ ? applied_->applied_unix_ms : 0; }

 private:
  std::string FileBytes() const { return file_ ? ConfigurationBytes(*file_) : std::string(); }

  Store& store_;
  std::optional<v1::Configuration> file_;
  std::optional<AppliedConfiguration> applied_;  // while it holds
};

}  // namespace millrace::control
