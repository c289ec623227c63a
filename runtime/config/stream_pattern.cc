#include "runtime/config/stream_pattern.h"

#include <algorithm>

namespace millrace::config {
namespace {

constexpr size_t kMaxBytes = 255;  // as stream names

absl::Status Refuse(std::string_view text, const char* why) {
  return absl::InvalidArgumentError("`" + std::string(text) +
                                    "` is not a pattern of streams: " + why);
}

// The part at the front of `rest`, which is shortened by it.
std::string_view TakePart(std::string_view& rest) {
  const size_t slash = rest.find('/');
  const std::string_view part = rest.substr(0, slash);
  rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  return part;
}

}  // namespace

absl::StatusOr<StreamPattern> StreamPattern::Parse(std::string_view text) {
  if (text.empty() || text.size() > kMaxBytes) return Refuse(text, "it has 1 to 255 bytes");
  if (std::ranges::any_of(
          text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; })) {
    return Refuse(text, "it has a control character");
  }
  StreamPattern pattern;
  pattern.text_ = text;
  if (text.ends_with('/')) return Refuse(text, "it has an empty part");
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view part = TakePart(rest);
    if (part.empty()) return Refuse(text, "it has an empty part");
    if (part == "." || part == "..") return Refuse(text, "it has a part `.` or `..`");
    if (part == "**") {
      pattern.parts_.push_back({Kind::kAnyDepth, ""});
      ++pattern.any_depth_;
    } else if (part == "*") {
      pattern.parts_.push_back({Kind::kAnyPart, ""});
      ++pattern.any_part_;
    } else if (part.find('*') != std::string_view::npos) {
      return Refuse(text, "`*` stands for a whole part, `**` for any number of parts");
    } else {
      pattern.parts_.push_back({Kind::kPlain, std::string(part)});
      ++pattern.plain_;
    }
  }
  return pattern;
}

// The last `**` takes one part more whenever what is behind it does not fit: earlier ones need not
// be reconsidered, because what they could leave, the last one can take.
bool StreamPattern::Matches(std::string_view stream) const {
  constexpr size_t kNone = SIZE_MAX;
  size_t at = 0;
  size_t retry_at = kNone;      // behind the last `**`
  std::string_view retry_rest;  // what that `**` has not taken
  for (std::string_view rest = stream;;) {
    if (at < parts_.size() && parts_[at].kind == Kind::kAnyDepth) {
      retry_at = ++at;
      retry_rest = rest;
      continue;
    }
    if (rest.empty() && at == parts_.size()) return true;
    bool fits = false;
    if (!rest.empty() && at < parts_.size()) {
      const std::string_view part = TakePart(rest);
      fits = parts_[at].kind == Kind::kAnyPart || parts_[at].text == part;
      ++at;
    }
    if (fits) continue;
    if (retry_at == kNone || retry_rest.empty()) return false;
    TakePart(retry_rest);
    rest = retry_rest;
    at = retry_at;
  }
}

std::strong_ordering StreamPattern::operator<=>(const StreamPattern& other) const {
  if (const auto order = plain_ <=> other.plain_; order != 0) return order;
  if (const auto order = other.any_depth_ <=> any_depth_; order != 0) return order;
  if (const auto order = any_part_ <=> other.any_part_; order != 0) return order;
  for (size_t i = 0; i < std::min(parts_.size(), other.parts_.size()); ++i) {
    if (const auto order = parts_[i].kind <=> other.parts_[i].kind; order != 0) return order;
  }
  return text_ <=> other.text_;
}

std::string_view StreamPattern::first_part() const {
  return parts_.front().kind == Kind::kPlain ? std::string_view(parts_.front().text)
                                             : std::string_view();
}

std::string_view StreamPattern::plain_prefix() const {
  size_t size = 0;
  for (const Part& part : parts_) {
    if (part.kind != Kind::kPlain) break;
    size += part.text.size() + 1;
  }
  return std::string_view(text_).substr(0, size == 0 ? 0 : size - 1);
}

}  // namespace millrace::config
