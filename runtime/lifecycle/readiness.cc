#include "runtime/lifecycle/readiness.h"

#include <utility>

namespace millrace::lifecycle {

Readiness::Readiness(std::vector<std::string> conditions) {
  for (std::string& condition : conditions) conditions_.emplace(std::move(condition), false);
}

void Readiness::Set(std::string_view condition, bool met) {
  const std::lock_guard lock(mutex_);
  conditions_.insert_or_assign(std::string(condition), met);
}

void Readiness::SetDraining() {
  const std::lock_guard lock(mutex_);
  draining_ = true;
}

bool Readiness::draining() const {
  const std::lock_guard lock(mutex_);
  return draining_;
}

std::vector<std::string> Readiness::Missing() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> missing;
  for (const auto& [name, met] : conditions_) {
    if (!met) missing.push_back(name);
  }
  if (draining_) missing.emplace_back("draining");
  return missing;
}

}  // namespace millrace::lifecycle
