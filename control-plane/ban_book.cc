#include "control-plane/ban_book.h"

#include <fmt/format.h>

#include <random>

#include "control-plane/address.h"
#include "runtime/bus/stream_name.h"

namespace millrace::control {
namespace {

constexpr uint64_t kMaxDurationMs = 10ULL * 365 * 86'400'000;
constexpr size_t kMaxTextBytes = 500;

// The value in the one form in which it is compared.
absl::StatusOr<std::string> Canonical(v1::BanKind kind, const std::string& value) {
  switch (kind) {
    case v1::BAN_STREAM: {
      absl::Status valid = bus::ValidateStreamName(value);
      if (!valid.ok()) return valid;
      return value;
    }
    case v1::BAN_ADDRESS: {
      std::optional<std::string> address = CanonicalIp(value);
      if (address) return *std::move(address);
      return absl::InvalidArgumentError(
          fmt::format("`{}` is not an IP address: write 203.0.113.7 or 2001:db8::7", value));
    }
    case v1::BAN_USER:
      if (value.empty()) return absl::InvalidArgumentError("a user is needed to ban");
      if (value.size() > kMaxTextBytes) return absl::InvalidArgumentError("the user is too long");
      return value;
    default:
      return absl::InvalidArgumentError("kind must be BAN_STREAM, BAN_ADDRESS or BAN_USER");
  }
}

std::string NewId() {
  std::random_device random;
  return fmt::format("ban-{:08x}", random());
}

}  // namespace

absl::Status BanBook::Load(int64_t now_ms) {
  absl::StatusOr<std::vector<v1::Ban>> bans = store_.LoadBans();
  if (!bans.ok()) return bans.status();
  for (v1::Ban& ban : *bans) {
    ids_[{ban.kind(), ban.value()}] = ban.id();
    bans_[ban.id()] = std::move(ban);
  }
  Expire(now_ms);
  return absl::OkStatus();
}

absl::StatusOr<v1::Ban> BanBook::Add(v1::BanKind kind, const std::string& value,
                                     const std::string& reason, uint64_t duration_ms,
                                     int64_t now_ms) {
  absl::StatusOr<std::string> canonical = Canonical(kind, value);
  if (!canonical.ok()) return canonical.status();
  if (duration_ms == 0) return absl::InvalidArgumentError("a ban needs a duration above 0");
  if (duration_ms > kMaxDurationMs) {
    return absl::InvalidArgumentError("a ban lasts ten years at most");
  }
  if (reason.size() > kMaxTextBytes) {
    return absl::InvalidArgumentError(
        fmt::format("the reason is longer than {} bytes", kMaxTextBytes));
  }
  const auto known = ids_.find({kind, *canonical});
  if (known == ids_.end() && bans_.size() >= kMaxBans) {
    return absl::ResourceExhaustedError(
        fmt::format("there are {} bans already: remove some", kMaxBans));
  }
  v1::Ban ban;
  if (known != ids_.end()) {
    ban = bans_.at(known->second);
  } else {
    std::string id = NewId();
    while (bans_.contains(id)) id = NewId();
    ban.set_id(id);
    ban.set_kind(kind);
    ban.set_value(*canonical);
    ban.set_created_unix_ms(now_ms);
  }
  ban.set_reason(reason);
  ban.set_expires_unix_ms(now_ms + static_cast<int64_t>(duration_ms));
  if (absl::Status stored = store_.PutBan(ban); !stored.ok()) return stored;
  bans_[ban.id()] = ban;
  ids_[{kind, *canonical}] = ban.id();
  return ban;
}

absl::Status BanBook::Remove(const std::string& id) {
  const auto found = bans_.find(id);
  if (found == bans_.end()) return absl::NotFoundError(fmt::format("no ban `{}`", id));
  if (absl::Status stored = store_.RemoveBan(id); !stored.ok()) return stored;
  ids_.erase({found->second.kind(), found->second.value()});
  bans_.erase(found);
  return absl::OkStatus();
}

bool BanBook::Expire(int64_t now_ms) {
  const size_t before = bans_.size();
  for (auto it = bans_.begin(); it != bans_.end();) {
    const v1::Ban& ban = it->second;
    if (ban.expires_unix_ms() > now_ms) {
      ++it;
      continue;
    }
    // A row that cannot be removed now is dropped when it is loaded again.
    store_.RemoveBan(ban.id()).IgnoreError();
    ids_.erase({ban.kind(), ban.value()});
    it = bans_.erase(it);
  }
  return bans_.size() != before;
}

std::optional<v1::Ban> BanBook::Match(const v1::Session& session) const {
  const std::string host = HostOf(session.address());
  const std::pair<int, std::string> keys[] = {
      {v1::BAN_STREAM, session.stream()},
      {v1::BAN_ADDRESS, CanonicalIp(host).value_or(host)},
      {v1::BAN_USER, session.user()},
  };
  for (const auto& key : keys) {
    const auto found = ids_.find(key);
    if (!key.second.empty() && found != ids_.end()) return bans_.at(found->second);
  }
  return std::nullopt;
}

}  // namespace millrace::control
