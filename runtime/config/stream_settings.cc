#include <algorithm>
#include <utility>

#include "runtime/config/app_settings.h"

namespace millrace::config {

StreamSettings::StreamSettings(const v1::Configuration& configuration)
    : defaults_(DefaultConfiguration().defaults()) {
  Override(defaults_, configuration.defaults());
  for (const auto& [name, settings] : configuration.applications()) {
    v1::AppSettings& application = applications_.emplace(name, defaults_).first->second;
    Override(application, settings);
  }
  for (const auto& [text, settings] : configuration.streams()) {
    absl::StatusOr<StreamPattern> pattern = StreamPattern::Parse(text);
    if (pattern.ok()) patterns_.push_back({*std::move(pattern), settings});
  }
  std::ranges::sort(patterns_, {}, &Pattern::pattern);
  for (size_t i = 0; i < patterns_.size(); ++i) {
    by_first_part_[std::string(patterns_[i].pattern.first_part())].push_back(i);
  }
}

const v1::AppSettings& StreamSettings::Application(std::string_view name) const {
  if (applications_.empty()) return defaults_;
  while (!name.empty()) {
    const auto found = applications_.find(name);
    if (found != applications_.end()) return found->second;
    const size_t slash = name.rfind('/');
    name = slash == std::string_view::npos ? std::string_view() : name.substr(0, slash);
  }
  return defaults_;
}

v1::AppSettings StreamSettings::For(std::string_view stream) const {
  v1::AppSettings settings = Application(stream);
  std::vector<size_t> matching;
  for (const std::string_view first : {std::string_view(), stream.substr(0, stream.find('/'))}) {
    const auto found = by_first_part_.find(first);
    if (found == by_first_part_.end()) continue;
    std::ranges::copy_if(found->second, std::back_inserter(matching),
                         [&](size_t i) { return patterns_[i].pattern.Matches(stream); });
    if (stream.empty()) break;
  }
  std::ranges::sort(matching);
  for (const size_t i : matching) Override(settings, patterns_[i].settings);
  // Each section is right by itself, but patterns meet in more ways than can be foreseen.
  settings.set_part_target(std::min(settings.part_target(), settings.segment_target()));
  return settings;
}

}  // namespace millrace::config
