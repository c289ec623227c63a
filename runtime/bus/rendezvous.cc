#include "runtime/bus/rendezvous.h"

namespace millrace::bus {
namespace {

constexpr uint64_t kFnvOffset = 0xcbf29ce484222325;
constexpr uint64_t kFnvPrime = 0x100000001b3;

uint64_t Fnv(uint64_t hash, std::string_view text) {
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * kFnvPrime;
  return hash;
}

}  // namespace

uint64_t RendezvousScore(std::string_view endpoint, std::string_view stream) {
  uint64_t hash = Fnv(Fnv(Fnv(kFnvOffset, endpoint), "\n"), stream);
  // FNV alone leaves the high bits of similar strings alike, and the highest score decides.
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111eb;
  return hash ^ (hash >> 31);
}

size_t OwnerIndex(std::span<const std::string> endpoints, std::string_view stream) {
  size_t best = 0;
  uint64_t best_score = RendezvousScore(endpoints[0], stream);
  for (size_t i = 1; i < endpoints.size(); ++i) {
    const uint64_t score = RendezvousScore(endpoints[i], stream);
    if (score > best_score || (score == best_score && endpoints[i] < endpoints[best])) {
      best = i;
      best_score = score;
    }
  }
  return best;
}

}  // namespace millrace::bus
