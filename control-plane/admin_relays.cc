// The calls about pulls and pushes. What they answer bears no secrets.

#include <fmt/format.h>

#include <utility>

#include "control-plane/admin.h"
#include "control-plane/paging.h"
#include "control-plane/relay_book.h"

namespace millrace::control {
namespace {

v1::Pull Described(const Cluster& cluster, const v1::Pull& pull) {
  v1::Pull shown = WithoutSecrets(pull);
  *shown.mutable_status() = cluster.relay_placement().PullStatus(pull.stream());
  return shown;
}

v1::Push Described(const Cluster& cluster, const v1::Push& push) {
  v1::Push shown = WithoutSecrets(push);
  *shown.mutable_status() = cluster.relay_placement().PushStatus(push.name());
  return shown;
}

}  // namespace

absl::StatusOr<v1::Pull> Admin::AddPull(const v1::AddPullRequest& request) {
  const absl::StatusOr<v1::Pull> pull = cluster_.AddPull(request.pull(), request.replace());
  if (!pull.ok()) return pull.status();
  return Described(cluster_, *pull);
}

absl::StatusOr<v1::ListPullsResponse> Admin::ListPulls(const v1::ListPullsRequest& request) {
  v1::ListPullsResponse response;
  absl::StatusOr<std::string> next = Page(
      cluster_.relays().pulls(), "pulls\n" + request.prefix(), request.page_token(),
      request.page_size(),
      [&](const v1::Pull& pull) { return pull.stream().starts_with(request.prefix()); },
      [&](const v1::Pull& pull) { *response.add_pulls() = Described(cluster_, pull); });
  if (!next.ok()) return next.status();
  response.set_next_page_token(*next);
  return response;
}

absl::StatusOr<v1::Pull> Admin::GetPull(const v1::GetPullRequest& request) {
  const auto found = cluster_.relays().pulls().find(request.stream());
  if (found == cluster_.relays().pulls().end()) {
    return absl::NotFoundError(
        fmt::format("no pull `{}`; list them to see their names", request.stream()));
  }
  return Described(cluster_, found->second);
}

absl::StatusOr<v1::RemovePullResponse> Admin::RemovePull(const v1::RemovePullRequest& request) {
  if (absl::Status removed = cluster_.RemovePull(request.stream()); !removed.ok()) return removed;
  return v1::RemovePullResponse();
}

absl::StatusOr<v1::Push> Admin::AddPush(const v1::AddPushRequest& request) {
  const absl::StatusOr<v1::Push> push = cluster_.AddPush(request.push(), request.replace());
  if (!push.ok()) return push.status();
  return Described(cluster_, *push);
}

absl::StatusOr<v1::ListPushesResponse> Admin::ListPushes(const v1::ListPushesRequest& request) {
  v1::ListPushesResponse response;
  absl::StatusOr<std::string> next = Page(
      cluster_.relays().pushes(), "pushes\n" + request.stream(), request.page_token(),
      request.page_size(),
      [&](const v1::Push& push) {
        return request.stream().empty() || push.stream() == request.stream();
      },
      [&](const v1::Push& push) { *response.add_pushes() = Described(cluster_, push); });
  if (!next.ok()) return next.status();
  response.set_next_page_token(*next);
  return response;
}

absl::StatusOr<v1::Push> Admin::GetPush(const v1::GetPushRequest& request) {
  const auto found = cluster_.relays().pushes().find(request.name());
  if (found == cluster_.relays().pushes().end()) {
    return absl::NotFoundError(
        fmt::format("no push `{}`; list them to see their names", request.name()));
  }
  return Described(cluster_, found->second);
}

absl::StatusOr<v1::RemovePushResponse> Admin::RemovePush(const v1::RemovePushRequest& request) {
  if (absl::Status removed = cluster_.RemovePush(request.name()); !removed.ok()) return removed;
  return v1::RemovePushResponse();
}

}  // namespace millrace::control
