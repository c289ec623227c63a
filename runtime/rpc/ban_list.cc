#include "runtime/rpc/ban_list.h"

#include <chrono>
#include <utility>

namespace millrace::rpc {
namespace {

bool Matches(const v1::Ban& ban, std::string_view stream, std::string_view address,
             std::string_view user) {
  if (ban.value().empty()) return false;
  switch (ban.kind()) {
    case v1::BAN_STREAM:
      return ban.value() == stream;
    case v1::BAN_ADDRESS:
      return ban.value() == address;
    case v1::BAN_USER:
      return ban.value() == user;
    default:
      return false;  // a kind that only newer versions know
  }
}

}  // namespace

void BanList::Set(std::vector<v1::Ban> bans) {
  auto next = std::make_shared<const std::vector<v1::Ban>>(std::move(bans));
  std::lock_guard lock(mutex_);
  bans_.swap(next);  // the old list is freed after the lock
}

std::optional<v1::Ban> BanList::Find(std::string_view stream, std::string_view address,
                                     std::string_view user, int64_t now_unix_ms) const {
  std::shared_ptr<const std::vector<v1::Ban>> bans;
  {
    std::lock_guard lock(mutex_);
    bans = bans_;
  }
  // An IPv4 client that came in on a dual-stack socket is the same client.
  constexpr std::string_view kMapped = "::ffff:";
  if (address.starts_with(kMapped) && address.find('.') != std::string_view::npos) {
    address.remove_prefix(kMapped.size());
  }
  for (const v1::Ban& ban : *bans) {
    if (ban.expires_unix_ms() <= now_unix_ms || !Matches(ban, stream, address, user)) continue;
    return ban;
  }
  return std::nullopt;
}

std::optional<std::string> BanList::Refusal(std::string_view stream, std::string_view address,
                                            std::string_view user, int64_t now_unix_ms) const {
  const std::optional<v1::Ban> ban = Find(stream, address, user, now_unix_ms);
  if (!ban.has_value()) return std::nullopt;
  return ban->reason().empty() ? std::string("banned") : ban->reason();
}

std::optional<std::string> BanList::RefusalNow(std::string_view stream, std::string_view address,
                                               std::string_view user) const {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return Refusal(stream, address, user,
                 std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

}  // namespace millrace::rpc
