// Any text as the URL of a pull or push: what is shown of it bears no password, and neither does
// what somebody made of it.

#include <cstdlib>
#include <string>
#include <string_view>

#include "runtime/relay/relay_url.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace::relay;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto url = ParseRelayUrl(text);
  for (const Direction direction : {Direction::kPull, Direction::kPush}) {
    const std::string shown = ShownUrl(text, direction);
    const std::string told = WithoutSecrets("no: " + std::string(text), text, direction);
    if (!url.ok()) continue;
    if (url->host.empty() || url->port == 0) std::abort();
    // One that could not stand there by chance.
    if (url->password.size() < 8 || shown.find("***@") == std::string::npos) continue;
    const std::string rest = url->scheme + url->host + url->path + url->query;
    if (rest.find(url->password) != std::string::npos) continue;
    if (shown.find(url->password) != std::string::npos) std::abort();
    if (told.find(url->password) != std::string::npos) std::abort();
  }
  return 0;
}
