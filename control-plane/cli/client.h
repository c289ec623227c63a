#pragma once
// The admin API as the commands call it: whole lists, deadlines, errors that say what to do next.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/v1/admin.pb.h"

namespace millrace::cli {

class Client {
 public:
  virtual ~Client() = default;
  // Lists follow every page; the request's page fields are the client's own.
  virtual absl::StatusOr<std::vector<v1::Stream>> ListStreams(v1::ListStreamsRequest request) = 0;
  virtual absl::StatusOr<std::vector<v1::Session>> ListSessions(
      v1::ListSessionsRequest request) = 0;
  virtual absl::StatusOr<std::vector<v1::Node>> ListNodes() = 0;
  virtual absl::StatusOr<std::vector<v1::Ban>> ListBans() = 0;

  virtual absl::StatusOr<v1::Stream> GetStream(const std::string& name) = 0;
  virtual absl::StatusOr<v1::Session> GetSession(const std::string& id) = 0;
  virtual absl::StatusOr<v1::KickStreamResponse> KickStream(
      const v1::KickStreamRequest& request) = 0;
  virtual absl::StatusOr<v1::KickSessionResponse> KickSession(
      const v1::KickSessionRequest& request) = 0;
  virtual absl::StatusOr<v1::Ban> AddBan(const v1::AddBanRequest& request) = 0;
  virtual absl::Status RemoveBan(const std::string& id) = 0;
  virtual absl::StatusOr<v1::StreamUrls> GetStreamUrls(const std::string& name) = 0;
  virtual absl::StatusOr<v1::GetConfigurationResponse> GetConfiguration() = 0;
  virtual absl::StatusOr<v1::ApplyConfigResponse> ApplyConfig(
      const v1::ApplyConfigRequest& request) = 0;
  virtual absl::StatusOr<v1::Pull> AddPull(const v1::AddPullRequest& request) = 0;
  virtual absl::StatusOr<std::vector<v1::Pull>> ListPulls(v1::ListPullsRequest request) = 0;
  virtual absl::StatusOr<v1::Pull> GetPull(const std::string& stream) = 0;
  virtual absl::Status RemovePull(const std::string& stream) = 0;
  virtual absl::StatusOr<v1::Push> AddPush(const v1::AddPushRequest& request) = 0;
  virtual absl::StatusOr<std::vector<v1::Push>> ListPushes(v1::ListPushesRequest request) = 0;
  virtual absl::StatusOr<v1::Push> GetPush(const std::string& name) = 0;
  virtual absl::Status RemovePush(const std::string& name) = 0;

  // Calls `each` until it returns false or the watch ends.
  virtual absl::Status WatchStreams(const std::string& prefix,
                                    const std::function<bool(const v1::StreamEvent&)>& each) = 0;
};

// `server`: "host:port". Connects with the first call.
std::unique_ptr<Client> Connect(const std::string& server, std::chrono::milliseconds timeout);

}  // namespace millrace::cli
