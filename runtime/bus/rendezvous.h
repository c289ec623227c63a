#pragma once
// Which router endpoint owns a stream: rendezvous hashing, the same on both sides of the bus.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace millrace::bus {

// FNV-1a-64 over `endpoint`, a newline and `stream`, mixed with splitmix64's finaliser.
uint64_t RendezvousScore(std::string_view endpoint, std::string_view stream);

// Index of the endpoint with the highest score; on a tie the smaller endpoint string wins, so that
// the order of the list does not matter. `endpoints` must not be empty.
size_t OwnerIndex(std::span<const std::string> endpoints, std::string_view stream);

}  // namespace millrace::bus
