#include "runtime/config/spelling.h"

#include <algorithm>

namespace millrace::config {
namespace {

constexpr size_t kMaxWord = 64;

// Insertions, deletions, replacements and swaps of neighbours that make `b` from `a`.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1);
  std::vector<size_t> previous(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replace = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({previous[j] + 1, row[j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, previous);
    std::swap(previous, row);
  }
  return previous[b.size()];
}

}  // namespace

std::optional<std::string> ClosestWord(std::string_view word,
                                       const std::vector<std::string>& known) {
  if (word.empty() || word.size() > kMaxWord) return std::nullopt;
  std::string plain(word);
  // Other spellings of the same words: grace-after-unpublish, graceAfterUnpublish.
  std::ranges::replace(plain, '-', '_');
  for (size_t i = 1; i < plain.size(); ++i) {
    if (plain[i] >= 'A' && plain[i] <= 'Z' && plain[i - 1] >= 'a' && plain[i - 1] <= 'z') {
      plain.insert(i, 1, '_');
    }
  }
  std::ranges::transform(plain, plain.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  const std::string* best = nullptr;
  size_t best_distance = std::max<size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : known) {
    const size_t distance = EditDistance(plain, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = &candidate;
    }
  }
  return best == nullptr ? std::nullopt : std::optional(*best);
}

}  // namespace millrace::config
