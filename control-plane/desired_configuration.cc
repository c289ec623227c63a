#include "control-plane/desired_configuration.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <utility>

namespace millrace::control {

std::string ConfigurationBytes(const v1::Configuration& configuration) {
  std::string bytes;
  {
    // Maps in the order of their keys.
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    configuration.SerializeToCodedStream(&coded);
  }
  return bytes;
}

absl::Status DesiredConfiguration::Load() {
  absl::StatusOr<std::optional<AppliedConfiguration>> applied = store_.LoadApplied();
  if (!applied.ok()) return applied.status();
  applied_ = *std::move(applied);
  // Without a file there is nothing that could say otherwise.
  if (!applied_ || !file_ || applied_->over_file == FileBytes()) return absl::OkStatus();
  if (absl::Status removed = store_.RemoveApplied(); !removed.ok()) return removed;
  applied_.reset();
  return absl::OkStatus();
}

absl::Status DesiredConfiguration::FileSays(const v1::Configuration& file) {
  if (file_ && ConfigurationBytes(file) == FileBytes()) return absl::OkStatus();
  if (applied_) {
    if (absl::Status removed = store_.RemoveApplied(); !removed.ok()) return removed;
    applied_.reset();
  }
  file_ = file;
  return absl::OkStatus();
}

absl::Status DesiredConfiguration::Apply(const v1::Configuration& configuration, int64_t now_ms) {
  if (ConfigurationBytes(configuration) == ConfigurationBytes(set())) return absl::OkStatus();
  AppliedConfiguration applied;
  applied.configuration = configuration;
  applied.over_file = FileBytes();
  applied.applied_unix_ms = now_ms;
  if (absl::Status saved = store_.SaveApplied(applied); !saved.ok()) return saved;
  applied_ = std::move(applied);
  return absl::OkStatus();
}

const v1::Configuration& DesiredConfiguration::set() const {
  if (applied_) return applied_->configuration;
  return file_ ? *file_ : v1::Configuration::default_instance();
}

v1::ConfigurationSource DesiredConfiguration::source() const {
  if (applied_) return v1::CONFIGURATION_APPLIED;
  return file_ ? v1::CONFIGURATION_FILE : v1::CONFIGURATION_DEFAULTS;
}

}  // namespace millrace::control
