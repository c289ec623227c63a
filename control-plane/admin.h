#pragma once
// The admin API without its transport: what each call of AdminService means. On the loop's thread.

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control-plane/cluster.h"
#include "millrace/v1/admin.pb.h"

namespace millrace::control {

class Admin {
 public:
  template <class Response>
  using Done = std::function<void(absl::StatusOr<Response>)>;

  explicit Admin(Cluster& cluster) : cluster_(cluster) {}

  absl::StatusOr<v1::ListStreamsResponse> ListStreams(const v1::ListStreamsRequest& request);
  absl::StatusOr<v1::Stream> GetStream(const v1::GetStreamRequest& request);
  absl::StatusOr<v1::ListSessionsResponse> ListSessions(const v1::ListSessionsRequest& request);
  absl::StatusOr<v1::Session> GetSession(const v1::GetSessionRequest& request);
  absl::StatusOr<v1::ListNodesResponse> ListNodes(const v1::ListNodesRequest& request);
  absl::StatusOr<v1::ListBansResponse> ListBans(const v1::ListBansRequest& request);
  absl::StatusOr<v1::Ban> AddBan(const v1::AddBanRequest& request);
  absl::StatusOr<v1::RemoveBanResponse> RemoveBan(const v1::RemoveBanRequest& request);
  absl::StatusOr<v1::StreamUrls> GetStreamUrls(const v1::GetStreamUrlsRequest& request);
  absl::StatusOr<v1::GetConfigurationResponse> GetConfiguration();
  absl::StatusOr<v1::ApplyConfigResponse> ApplyConfig(const v1::ApplyConfigRequest& request);
  absl::StatusOr<v1::Pull> AddPull(const v1::AddPullRequest& request);
  absl::StatusOr<v1::ListPullsResponse> ListPulls(const v1::ListPullsRequest& request);
  absl::StatusOr<v1::Pull> GetPull(const v1::GetPullRequest& request);
  absl::StatusOr<v1::RemovePullResponse> RemovePull(const v1::RemovePullRequest& request);
  absl::StatusOr<v1::Push> AddPush(const v1::AddPushRequest& request);
  absl::StatusOr<v1::ListPushesResponse> ListPushes(const v1::ListPushesRequest& request);
  absl::StatusOr<v1::Push> GetPush(const v1::GetPushRequest& request);
  absl::StatusOr<v1::RemovePushResponse> RemovePush(const v1::RemovePushRequest& request);

  // Answer once the nodes have, or after a second.
  void KickStream(const v1::KickStreamRequest& request, Done<v1::KickStreamResponse> done);
  void KickSession(const v1::KickSessionRequest& request, Done<v1::KickSessionResponse> done);

 private:
  Cluster& cluster_;
};

}  // namespace millrace::control
