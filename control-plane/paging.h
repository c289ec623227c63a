#pragma once
// Pages of a list in the order of its keys. A token names the last key of its page, so that pages
// stay right while entries come and go; it is opaque to clients and refused where it does not
// belong.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace millrace::control {

inline constexpr uint32_t kDefaultPageSize = 100;
inline constexpr uint32_t kMaxPageSize = 1'000;

inline uint32_t PageSize(uint32_t asked) {
  if (asked == 0) return kDefaultPageSize;
  return asked < kMaxPageSize ? asked : kMaxPageSize;
}

// `list` names the list and its filters: all that must be the same from page to page.
std::string MakePageToken(std::string_view list, std::string_view last_key);
// The last key of the page before; empty for the first page. InvalidArgument: not a token of this
// list.
absl::StatusOr<std::string> ReadPageToken(std::string_view list, std::string_view token);

// Copies a page of `rows` behind the token's key; returns the next page's token.
template <class Row, class Keep, class Add>
absl::StatusOr<std::string> Page(const std::map<std::string, Row>& rows, const std::string& list,
                                 const std::string& token, uint32_t page_size, Keep keep, Add add) {
  absl::StatusOr<std::string> after = ReadPageToken(list, token);
  if (!after.ok()) return after.status();
  uint32_t left = PageSize(page_size);
  std::string last;
  for (auto it = rows.upper_bound(*after); it != rows.end(); ++it) {
    if (!keep(it->second)) continue;
    if (left-- == 0) return MakePageToken(list, last);
    add(it->second);
    last = it->first;
  }
  return std::string();
}

}  // namespace millrace::control
