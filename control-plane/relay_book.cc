#include "control-plane/relay_book.h"

#include <fmt/format.h>
#include <google/protobuf/util/message_differencer.h>

#include <utility>

#include "runtime/bus/stream_name.h"
#include "runtime/relay/relay_url.h"

namespace millrace::control {
namespace {

using google::protobuf::util::MessageDifferencer;
using relay::Direction;

constexpr uint64_t kDefaultIdleMs = 30'000;
constexpr uint64_t kMaxIdleMs = 7ULL * 86'400'000;

// A name of the API: as a stream's, but it may have one part only.
absl::Status CheckName(const std::string& name) {
  if (bus::ValidateStreamName(name).ok() ||
      (name.size() < bus::kMaxStreamNameBytes - 2 && bus::ValidateStreamName("x/" + name).ok())) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "the name must be one a stream could have, as live/cam1 or backup");
}

// Whoever mixes the two up must not find a password in the log.
absl::Status CheckOrder(const std::string& name) {
  if (name.find("://") == std::string::npos) return absl::OkStatus();
  return absl::InvalidArgumentError("the stream's name comes first, as live/cam1, then the URL");
}

absl::Status Check(const v1::Pull& pull) {
  if (absl::Status order = CheckOrder(pull.stream()); !order.ok()) return order;
  if (absl::Status valid = bus::ValidateStreamName(pull.stream()); !valid.ok()) return valid;
  const absl::StatusOr<relay::RelayUrl> url = relay::ParseRelayUrl(pull.url());
  if (!url.ok()) return url.status();
  const bool rtsp = url->scheme.starts_with("rtsp");
  if (!v1::PullTransport_IsValid(pull.transport()) ||
      !v1::PullKeepAlive_IsValid(pull.keep_alive())) {
    return absl::InvalidArgumentError("transport and keep_alive must be values of their enums");
  }
  if (!rtsp && (pull.transport() != v1::PULL_TRANSPORT_UNSPECIFIED ||
                pull.keep_alive() != v1::PULL_KEEP_ALIVE_UNSPECIFIED)) {
    return absl::InvalidArgumentError(
        "transport and keep_alive are for rtsp:// and rtsps:// only: leave them out");
  }
  if (!pull.on_demand() && pull.idle_timeout_ms() > 0) {
    return absl::InvalidArgumentError(
        "idle_timeout is for pulls on demand: ask for on_demand, or leave it out");
  }
  if (pull.idle_timeout_ms() > kMaxIdleMs) {
    return absl::InvalidArgumentError("idle_timeout is 7 days at most: leave on_demand out");
  }
  if (pull.insecure_tls() && !url->secure()) {
    return absl::InvalidArgumentError("insecure_tls is for rtmps:// and rtsps:// only");
  }
  return absl::OkStatus();
}

absl::Status Check(const v1::Push& push) {
  if (absl::Status order = CheckOrder(push.stream()); !order.ok()) return order;
  if (absl::Status valid = CheckName(push.name()); !valid.ok()) return valid;
  if (absl::Status valid = bus::ValidateStreamName(push.stream()); !valid.ok()) return valid;
  const absl::StatusOr<relay::RelayUrl> url = relay::ParseRelayUrl(push.url());
  if (!url.ok()) return url.status();
  if (push.insecure_tls() && !url->secure()) {
    return absl::InvalidArgumentError("insecure_tls is for rtmps:// and rtsps:// only");
  }
  return absl::OkStatus();
}

void FillDefaults(v1::Pull& pull) {
  if (pull.on_demand() && pull.idle_timeout_ms() == 0) pull.set_idle_timeout_ms(kDefaultIdleMs);
  if (!relay::ParseRelayUrl(pull.url())->scheme.starts_with("rtsp")) return;
  if (pull.transport() == v1::PULL_TRANSPORT_UNSPECIFIED) {
    pull.set_transport(v1::PULL_UDP_THEN_TCP);
  }
  if (pull.keep_alive() == v1::PULL_KEEP_ALIVE_UNSPECIFIED)
    pull.set_keep_alive(v1::KEEP_ALIVE_AUTO);
}

absl::Status Exists(const char* kind, const std::string& name) {
  return absl::AlreadyExistsError(fmt::format(
      "there is another {} `{}` already: remove it first, or ask to replace it", kind, name));
}

}  // namespace

v1::Pull WithoutSecrets(v1::Pull pull) {
  if (!CheckOrder(pull.stream()).ok()) pull.set_stream("***");
  pull.set_url(relay::ShownUrl(pull.url(), Direction::kPull));
  return pull;
}

v1::Push WithoutSecrets(v1::Push push) {
  if (!CheckOrder(push.stream()).ok()) push.set_stream("***");
  if (!CheckOrder(push.name()).ok()) push.set_name("***");
  push.set_url(relay::ShownUrl(push.url(), Direction::kPush));
  return push;
}

absl::Status RelayBook::Load() {
  absl::StatusOr<std::vector<v1::Pull>> pulls = store_.LoadPulls();
  if (!pulls.ok()) return pulls.status();
  absl::StatusOr<std::vector<v1::Push>> pushes = store_.LoadPushes();
  if (!pushes.ok()) return pushes.status();
  for (v1::Pull& pull : *pulls) pulls_[pull.stream()] = std::move(pull);
  for (v1::Push& push : *pushes) pushes_[push.name()] = std::move(push);
  return absl::OkStatus();
}

absl::Status RelayBook::HasRoom() const {
  if (pulls_.size() + pushes_.size() < kMaxRelays) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      fmt::format("there are {} pulls and pushes already: remove some", kMaxRelays));
}

absl::StatusOr<v1::Pull> RelayBook::Add(v1::Pull pull, bool replace) {
  pull.clear_status();
  if (absl::Status good = Check(pull); !good.ok()) return good;
  FillDefaults(pull);
  const auto known = pulls_.find(pull.stream());
  if (known != pulls_.end()) {
    if (MessageDifferencer::Equals(known->second, pull)) return pull;
    if (!replace) return Exists("pull", pull.stream());
  } else if (absl::Status room = HasRoom(); !room.ok()) {
    return room;
  }
  if (absl::Status stored = store_.PutPull(pull); !stored.ok()) return stored;
  pulls_[pull.stream()] = pull;
  return pull;
}

absl::StatusOr<v1::Push> RelayBook::Add(v1::Push push, bool replace) {
  push.clear_status();
  if (push.name().empty()) push.set_name(push.stream());
  if (absl::Status good = Check(push); !good.ok()) return good;
  const auto known = pushes_.find(push.name());
  if (known != pushes_.end()) {
    if (MessageDifferencer::Equals(known->second, push)) return push;
    if (!replace) return Exists("push", push.name());
  } else if (absl::Status room = HasRoom(); !room.ok()) {
    return room;
  }
  if (absl::Status stored = store_.PutPush(push); !stored.ok()) return stored;
  pushes_[push.name()] = push;
  return push;
}

absl::Status RelayBook::RemovePull(const std::string& stream) {
  if (!pulls_.contains(stream)) {
    return absl::NotFoundError(fmt::format("no pull `{}`; list them to see their names", stream));
  }
  if (absl::Status stored = store_.RemovePull(stream); !stored.ok()) return stored;
  pulls_.erase(stream);
  return absl::OkStatus();
}

absl::Status RelayBook::RemovePush(const std::string& name) {
  if (!pushes_.contains(name)) {
    return absl::NotFoundError(fmt::format("no push `{}`; list them to see their names", name));
  }
  if (absl::Status stored = store_.RemovePush(name); !stored.ok()) return stored;
  pushes_.erase(name);
  return absl::OkStatus();
}

}  // namespace millrace::control
