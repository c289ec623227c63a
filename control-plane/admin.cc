#include "control-plane/admin.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "control-plane/advice.h"
#include "control-plane/paging.h"
#include "control-plane/urls.h"
#include "runtime/bus/stream_name.h"
#include "runtime/config/app_settings.h"
#include "runtime/config/diff.h"
#include "runtime/config/yaml.h"

namespace millrace::control {
namespace {

constexpr size_t kMaxReasonBytes = 500;
constexpr size_t kMaxFileNameBytes = 255;
constexpr size_t kMaxErrorBytes = 4'000;
constexpr const char* kDefaultReason = "closed by the administrator";

absl::Status CheckReason(const std::string& reason) {
  if (reason.size() <= kMaxReasonBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("the reason is longer than {} bytes", kMaxReasonBytes));
}

std::string ReasonOf(const std::string& reason) { return reason.empty() ? kDefaultReason : reason; }

// The message travels in a header of the call, where gRPC takes 8 KiB at most.
absl::Status Shortened(const absl::Status& status) {
  std::string text(status.message());
  if (text.size() <= kMaxErrorBytes) return status;
  // A line's end, else a character's.
  size_t end = text.rfind('\n', kMaxErrorBytes);
  if (end == std::string::npos) {
    end = kMaxErrorBytes;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  }
  text.resize(end);
  return {status.code(), text + "\n… and more"};
}

absl::Status NoAnswer(const CommandOutcome& outcome) {
  return absl::UnavailableError(
      fmt::format("node {} did not answer within a second; the kick may still take effect, "
                  "repeating it is safe",
                  outcome.silent.front()));
}

}  // namespace

absl::StatusOr<v1::ListStreamsResponse> Admin::ListStreams(const v1::ListStreamsRequest& request) {
  const std::string list = "streams\n" + request.prefix();
  absl::StatusOr<std::string> after = ReadPageToken(list, request.page_token());
  if (!after.ok()) return after.status();
  v1::ListStreamsResponse response;
  const Directory& directory = cluster_.directory();
  const uint32_t size = PageSize(request.page_size());
  // The prefix itself may be a name, which comes before everything that it begins.
  std::optional<v1::Stream> next =
      after->empty() ? directory.FirstStream(request.prefix()) : directory.NextStream(*after);
  for (; next && next->name().starts_with(request.prefix());
       next = directory.NextStream(response.streams().rbegin()->name())) {
    if (static_cast<uint32_t>(response.streams_size()) == size) {
      response.set_next_page_token(MakePageToken(list, response.streams().rbegin()->name()));
      break;
    }
    *response.add_streams() = *std::move(next);
  }
  return response;
}

absl::StatusOr<v1::Stream> Admin::GetStream(const v1::GetStreamRequest& request) {
  if (absl::Status valid = bus::ValidateStreamName(request.name()); !valid.ok()) return valid;
  std::optional<v1::Stream> stream = cluster_.directory().stream(request.name());
  if (!stream) return absl::NotFoundError(fmt::format("no stream `{}`", request.name()));
  *stream->mutable_urls() =
      UrlsOf(request.name(), cluster_.configuration(), cluster_.directory().nodes());
  for (std::string& advice : AdviceOn(*stream)) stream->add_advice(std::move(advice));
  return *std::move(stream);
}

absl::StatusOr<v1::StreamUrls> Admin::GetStreamUrls(const v1::GetStreamUrlsRequest& request) {
  if (absl::Status valid = bus::ValidateStreamName(request.name()); !valid.ok()) return valid;
  return UrlsOf(request.name(), cluster_.configuration(), cluster_.directory().nodes());
}

absl::StatusOr<v1::ListSessionsResponse> Admin::ListSessions(
    const v1::ListSessionsRequest& request) {
  v1::ListSessionsResponse response;
  const std::string list = fmt::format("sessions\n{}\n{}\n{}", request.stream(), request.node(),
                                       static_cast<int>(request.role()));
  const auto keep = [&request](const v1::Session& session) {
    return (request.stream().empty() || session.stream() == request.stream()) &&
           (request.node().empty() || session.node() == request.node()) &&
           (request.role() == v1::ROLE_UNSPECIFIED || session.role() == request.role());
  };
  absl::StatusOr<std::string> next =
      Page(cluster_.directory().sessions(), list, request.page_token(), request.page_size(), keep,
           [&](const v1::Session& session) { *response.add_sessions() = session; });
  if (!next.ok()) return next.status();
  response.set_next_page_token(*next);
  return response;
}

absl::StatusOr<v1::Session> Admin::GetSession(const v1::GetSessionRequest& request) {
  if (request.id().empty()) return absl::InvalidArgumentError("a session id is needed");
  const auto& sessions = cluster_.directory().sessions();
  const auto found = sessions.find(request.id());
  if (found == sessions.end()) {
    return absl::NotFoundError(fmt::format("no session `{}`", request.id()));
  }
  return found->second;
}

absl::StatusOr<v1::ListNodesResponse> Admin::ListNodes(const v1::ListNodesRequest& request) {
  v1::ListNodesResponse response;
  const Directory& directory = cluster_.directory();
  absl::StatusOr<std::string> next = Page(
      directory.nodes(), "nodes", request.page_token(), request.page_size(),
      [](const NodeRow&) { return true; },
      [&](const NodeRow& row) { *response.add_nodes() = directory.DescribeNode(row); });
  if (!next.ok()) return next.status();
  response.set_next_page_token(*next);
  return response;
}

absl::StatusOr<v1::ListBansResponse> Admin::ListBans(const v1::ListBansRequest& request) {
  v1::ListBansResponse response;
  absl::StatusOr<std::string> next = Page(
      cluster_.bans().bans(), "bans", request.page_token(), request.page_size(),
      [](const v1::Ban&) { return true; }, [&](const v1::Ban& ban) { *response.add_bans() = ban; });
  if (!next.ok()) return next.status();
  response.set_next_page_token(*next);
  return response;
}

absl::StatusOr<v1::Ban> Admin::AddBan(const v1::AddBanRequest& request) {
  absl::StatusOr<v1::Ban> ban =
      cluster_.AddBan(request.kind(), request.value(), request.reason(), request.duration_ms());
  // Nodes end the sessions that a new ban forbids; the stream itself is the routers' to end.
  if (ban.ok() && ban->kind() == v1::BAN_STREAM) {
    v1::Command command;
    command.mutable_kick_stream()->set_stream(ban->value());
    command.mutable_kick_stream()->set_reason(ReasonOf(ban->reason()));
    cluster_.Command(cluster_.AttachedRouters(), command, [](const CommandOutcome&) {});
  }
  return ban;
}

absl::StatusOr<v1::RemoveBanResponse> Admin::RemoveBan(const v1::RemoveBanRequest& request) {
  if (request.id().empty()) return absl::InvalidArgumentError("a ban id is needed");
  if (absl::Status removed = cluster_.RemoveBan(request.id()); !removed.ok()) return removed;
  return v1::RemoveBanResponse();
}

absl::StatusOr<v1::GetConfigurationResponse> Admin::GetConfiguration() {
  v1::GetConfigurationResponse response;
  *response.mutable_configuration() = config::WithoutSecrets(cluster_.configuration());
  response.set_yaml(config::WriteYaml(response.configuration()));
  response.set_revision(cluster_.configuration_revision());
  response.set_set_yaml(config::WriteYaml(config::WithoutSecrets(cluster_.desired().set())));
  response.set_source(cluster_.desired().source());
  response.set_applied_unix_ms(cluster_.desired().applied_unix_ms());
  return response;
}

absl::StatusOr<v1::ApplyConfigResponse> Admin::ApplyConfig(const v1::ApplyConfigRequest& request) {
  if (request.name().size() > kMaxFileNameBytes) {
    return absl::InvalidArgumentError(
        fmt::format("the name is longer than {} bytes", kMaxFileNameBytes));
  }
  absl::StatusOr<v1::Configuration> wanted = config::ParseYaml(
      request.yaml(), request.name().empty() ? std::string("configuration") : request.name());
  if (!wanted.ok()) return Shortened(wanted.status());
  const uint64_t revision = cluster_.configuration_revision();
  if (request.expected_revision() != 0 && request.expected_revision() != revision) {
    return absl::AbortedError(fmt::format("revision {} is in force, not {}: look at it first",
                                          revision, request.expected_revision()));
  }
  v1::ApplyConfigResponse response;
  response.set_dry_run(request.dry_run());
  for (const config::Change& change :
       config::Diff(cluster_.configuration(), cluster_.Effective(*wanted))) {
    v1::SettingChange& row = *response.add_changes();
    row.set_section(change.section);
    row.set_key(change.key);
    if (change.before) row.set_before(*change.before);
    if (change.after) row.set_after(*change.after);
  }
  if (!request.dry_run()) {
    if (absl::Status done = cluster_.ApplyConfiguration(*wanted); !done.ok()) return done;
  }
  response.set_revision(cluster_.configuration_revision());
  return response;
}

void Admin::KickStream(const v1::KickStreamRequest& request, Done<v1::KickStreamResponse> done) {
  absl::Status valid = bus::ValidateStreamName(request.name());
  if (valid.ok()) valid = CheckReason(request.reason());
  if (!valid.ok()) return done(valid);

  v1::KickStreamResponse response;
  const std::map<std::string, uint32_t> gateways =
      cluster_.directory().SessionsByNode(request.name());
  const bool exists = cluster_.directory().stream(request.name()).has_value() || !gateways.empty();
  const std::string reason = ReasonOf(request.reason());
  if (request.ban_ms() > 0) {
    absl::StatusOr<v1::Ban> ban =
        cluster_.AddBan(v1::BAN_STREAM, request.name(), reason, request.ban_ms());
    if (!ban.ok()) return done(ban.status());
    *response.mutable_ban() = *std::move(ban);
  } else if (!exists) {
    return done(absl::NotFoundError(fmt::format("no stream `{}`", request.name())));
  }

  v1::Command command;
  command.mutable_kick_stream()->set_stream(request.name());
  command.mutable_kick_stream()->set_reason(reason);
  // Gateways first: their sessions are told the reason before the router tells them that the stream
  // has ended.
  std::vector<std::string> nodes;
  uint32_t banned = 0;  // sessions that the ban has ended before the kick arrives
  for (const auto& [node, sessions] : gateways) {
    nodes.push_back(node);
    if (response.has_ban()) banned += sessions;
  }
  for (const std::string& router : cluster_.AttachedRouters()) nodes.push_back(router);
  cluster_.Command(nodes, command, [response, done, banned](const CommandOutcome& outcome) mutable {
    if (!outcome.silent.empty()) return done(NoAnswer(outcome));
    response.set_sessions_kicked(std::max(outcome.sessions(), banned));
    done(std::move(response));
  });
}

void Admin::KickSession(const v1::KickSessionRequest& request, Done<v1::KickSessionResponse> done) {
  if (absl::Status valid = CheckReason(request.reason()); !valid.ok()) return done(valid);
  absl::StatusOr<v1::Session> session = [&] {
    v1::GetSessionRequest get;
    get.set_id(request.id());
    return GetSession(get);
  }();
  if (!session.ok()) return done(session.status());
  if (request.ban_ms() == 0 && request.ban() != v1::BAN_KIND_UNSPECIFIED) {
    return done(absl::InvalidArgumentError("a ban needs ban_ms, how long it lasts"));
  }

  v1::KickSessionResponse response;
  const std::string reason = ReasonOf(request.reason());
  if (request.ban_ms() > 0) {
    const v1::BanKind kind =
        request.ban() == v1::BAN_KIND_UNSPECIFIED ? v1::BAN_ADDRESS : request.ban();
    const std::string value = kind == v1::BAN_STREAM ? session->stream()
                              : kind == v1::BAN_USER ? session->user()
                                                     : session->address();
    if (value.empty()) {
      return done(absl::FailedPreconditionError(
          fmt::format("session {} has no {} that could be banned", request.id(),
                      kind == v1::BAN_STREAM ? "stream"
                      : kind == v1::BAN_USER ? "user"
                                             : "address")));
    }
    absl::StatusOr<v1::Ban> ban = cluster_.AddBan(kind, value, reason, request.ban_ms());
    if (!ban.ok()) return done(ban.status());
    *response.mutable_ban() = *std::move(ban);
  }

  v1::Command command;
  command.mutable_kick_session()->set_session(request.id());
  command.mutable_kick_session()->set_reason(reason);
  const std::string id = request.id();
  cluster_.Command({session->node()}, command,
                   [response, id, done](const CommandOutcome& outcome) mutable {
                     if (!outcome.silent.empty()) return done(NoAnswer(outcome));
                     // It ended by itself meanwhile; the ban, where there is one, stands.
                     if (!outcome.found() && !response.has_ban()) {
                       return done(absl::NotFoundError(fmt::format("no session `{}`", id)));
                     }
                     done(std::move(response));
                   });
}

}  // namespace millrace::control
