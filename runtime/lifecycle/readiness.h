#pragma once
// Whether this process should be sent work: named conditions that must all hold, and not draining.
// Thread-safe.

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::lifecycle {

class Readiness {
 public:
  // Conditions that start out unmet.
  explicit Readiness(std::vector<std::string> conditions = {});

  void Set(std::string_view condition, bool met);
  void SetDraining();  // for good

  bool ready() const { return Missing().empty(); }
  bool draining() const;
  // The conditions that are not met, and "draining".
  std::vector<std::string> Missing() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, bool, std::less<>> conditions_;
  bool draining_ = false;
};

}  // namespace millrace::lifecycle
