#include "control-plane/admin_service.h"

#include <google/protobuf/message.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <string>
#include <utility>

#include "control-plane/address.h"
#include "control-plane/admin.h"
#include "control-plane/grpc_status.h"
#include "control-plane/relay_book.h"
#include "control-plane/stream_watch.h"
#include "millrace/v1/admin.grpc.pb.h"

namespace millrace::control {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMaxWhatBytes = 1'000;

// What a request asks for, without its secrets. A configuration may hold passwords, and relays'
// URLs may.
std::string WhatOf(const google::protobuf::Message& request) {
  if (request.GetDescriptor() == v1::AddPullRequest::descriptor()) {
    v1::AddPullRequest shown = static_cast<const v1::AddPullRequest&>(request);
    *shown.mutable_pull() = WithoutSecrets(shown.pull());
    return shown.ByteSizeLong() <= kMaxWhatBytes ? shown.ShortDebugString() : "a long pull";
  }
  if (request.GetDescriptor() == v1::AddPushRequest::descriptor()) {
    v1::AddPushRequest shown = static_cast<const v1::AddPushRequest&>(request);
    *shown.mutable_push() = WithoutSecrets(shown.push());
    return shown.ByteSizeLong() <= kMaxWhatBytes ? shown.ShortDebugString() : "a long push";
  }
  const bool secret = request.GetDescriptor() == v1::ApplyConfigRequest::descriptor();
  if (!secret && request.ByteSizeLong() <= kMaxWhatBytes) return request.ShortDebugString();
  return std::to_string(request.ByteSizeLong()) + " bytes";
}

// One line of the access log.
class Access {
 public:
  Access(const log::Logger& logger, const char* method, const std::string& who,
         const google::protobuf::Message& request)
      : logger_(logger), method_(method), who_(HostOfPeer(who)), what_(WhatOf(request)) {}

  void Log(const grpc::Status& status) const {
    const double milliseconds =
        std::chrono::duration<double, std::milli>(Clock::now() - start_).count();
    const bool our_fault = status.error_code() == grpc::StatusCode::INTERNAL ||
                           status.error_code() == grpc::StatusCode::DATA_LOSS;
    logger_.Write(our_fault ? log::Level::kError : log::Level::kInfo, "admin call",
                  {{"method", method_},
                   {"who", who_},
                   {"what", what_},
                   {"code", CodeName(status.error_code())},
                   {"error", status.error_message()},
                   {"milliseconds", milliseconds}});
  }

 private:
  log::Logger logger_;
  const char* method_;
  std::string who_;
  std::string what_;
  Clock::time_point start_ = Clock::now();
};

class AdminServiceImpl final : public v1::AdminService::CallbackService {
 public:
  AdminServiceImpl(Loop& loop, Cluster& cluster, log::Logger logger)
      : loop_(loop), cluster_(cluster), admin_(cluster), logger_(std::move(logger)) {}

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* ListStreams(Context* context, const v1::ListStreamsRequest* request,
                       v1::ListStreamsResponse* response) override {
    return Now(context, "ListStreams", request, response,
               [this, request] { return admin_.ListStreams(*request); });
  }
  Reactor* GetStream(Context* context, const v1::GetStreamRequest* request,
                     v1::Stream* response) override {
    return Now(context, "GetStream", request, response,
               [this, request] { return admin_.GetStream(*request); });
  }
  Reactor* ListSessions(Context* context, const v1::ListSessionsRequest* request,
                        v1::ListSessionsResponse* response) override {
    return Now(context, "ListSessions", request, response,
               [this, request] { return admin_.ListSessions(*request); });
  }
  Reactor* GetSession(Context* context, const v1::GetSessionRequest* request,
                      v1::Session* response) override {
    return Now(context, "GetSession", request, response,
               [this, request] { return admin_.GetSession(*request); });
  }
  Reactor* ListNodes(Context* context, const v1::ListNodesRequest* request,
                     v1::ListNodesResponse* response) override {
    return Now(context, "ListNodes", request, response,
               [this, request] { return admin_.ListNodes(*request); });
  }
  Reactor* ListBans(Context* context, const v1::ListBansRequest* request,
                    v1::ListBansResponse* response) override {
    return Now(context, "ListBans", request, response,
               [this, request] { return admin_.ListBans(*request); });
  }
  Reactor* AddBan(Context* context, const v1::AddBanRequest* request, v1::Ban* response) override {
    return Now(context, "AddBan", request, response,
               [this, request] { return admin_.AddBan(*request); });
  }
  Reactor* RemoveBan(Context* context, const v1::RemoveBanRequest* request,
                     v1::RemoveBanResponse* response) override {
    return Now(context, "RemoveBan", request, response,
               [this, request] { return admin_.RemoveBan(*request); });
  }
  Reactor* GetConfiguration(Context* context, const v1::GetConfigurationRequest* request,
                            v1::GetConfigurationResponse* response) override {
    return Now(context, "GetConfiguration", request, response,
               [this] { return admin_.GetConfiguration(); });
  }
  Reactor* GetStreamUrls(Context* context, const v1::GetStreamUrlsRequest* request,
                         v1::StreamUrls* response) override {
    return Now(context, "GetStreamUrls", request, response,
               [this, request] { return admin_.GetStreamUrls(*request); });
  }
  Reactor* ApplyConfig(Context* context, const v1::ApplyConfigRequest* request,
                       v1::ApplyConfigResponse* response) override {
    return Now(context, "ApplyConfig", request, response,
               [this, request] { return admin_.ApplyConfig(*request); });
  }
  Reactor* AddPull(Context* context, const v1::AddPullRequest* request,
                   v1::Pull* response) override {
    return Now(context, "AddPull", request, response,
               [this, request] { return admin_.AddPull(*request); });
  }
  Reactor* ListPulls(Context* context, const v1::ListPullsRequest* request,
                     v1::ListPullsResponse* response) override {
    return Now(context, "ListPulls", request, response,
               [this, request] { return admin_.ListPulls(*request); });
  }
  Reactor* GetPull(Context* context, const v1::GetPullRequest* request,
                   v1::Pull* response) override {
    return Now(context, "GetPull", request, response,
               [this, request] { return admin_.GetPull(*request); });
  }
  Reactor* RemovePull(Context* context, const v1::RemovePullRequest* request,
                      v1::RemovePullResponse* response) override {
    return Now(context, "RemovePull", request, response,
               [this, request] { return admin_.RemovePull(*request); });
  }
  Reactor* AddPush(Context* context, const v1::AddPushRequest* request,
                   v1::Push* response) override {
    return Now(context, "AddPush", request, response,
               [this, request] { return admin_.AddPush(*request); });
  }
  Reactor* ListPushes(Context* context, const v1::ListPushesRequest* request,
                      v1::ListPushesResponse* response) override {
    return Now(context, "ListPushes", request, response,
               [this, request] { return admin_.ListPushes(*request); });
  }
  Reactor* GetPush(Context* context, const v1::GetPushRequest* request,
                   v1::Push* response) override {
    return Now(context, "GetPush", request, response,
               [this, request] { return admin_.GetPush(*request); });
  }
  Reactor* RemovePush(Context* context, const v1::RemovePushRequest* request,
                      v1::RemovePushResponse* response) override {
    return Now(context, "RemovePush", request, response,
               [this, request] { return admin_.RemovePush(*request); });
  }
  Reactor* KickStream(Context* context, const v1::KickStreamRequest* request,
                      v1::KickStreamResponse* response) override {
    return Later<v1::KickStreamResponse>(
        context, "KickStream", request, response,
        [this, request](auto done) { admin_.KickStream(*request, std::move(done)); });
  }
  Reactor* KickSession(Context* context, const v1::KickSessionRequest* request,
                       v1::KickSessionResponse* response) override {
    return Later<v1::KickSessionResponse>(
        context, "KickSession", request, response,
        [this, request](auto done) { admin_.KickSession(*request, std::move(done)); });
  }
  grpc::ServerWriteReactor<v1::StreamEvent>* WatchStreams(
      Context* context, const v1::WatchStreamsRequest* request) override {
    const Access access(logger_, "WatchStreams", context->peer(), *request);
    return control::WatchStreams(loop_, cluster_, request->prefix(),
                                 [access](const grpc::Status& status) { access.Log(status); });
  }

 private:
  // Runs `work(done)` on the loop; the call ends when it calls `done`. gRPC keeps request and
  // response until then.
  template <class Response, class Request, class Work>
  Reactor* Later(Context* context, const char* method, const Request* request, Response* response,
                 Work work) {
    Reactor* const reactor = context->DefaultReactor();
    const Access access(logger_, method, context->peer(), *request);
    loop_.Post([reactor, access, response, work = std::move(work)]() mutable {
      work([reactor, access, response](absl::StatusOr<Response> result) {
        const grpc::Status status = ToGrpc(result.status());
        if (result.ok()) *response = *std::move(result);
        access.Log(status);
        reactor->Finish(status);
      });
    });
    return reactor;
  }

  template <class Response, class Request, class Work>
  Reactor* Now(Context* context, const char* method, const Request* request, Response* response,
               Work work) {
    return Later<Response>(context, method, request, response,
                           [work = std::move(work)](auto done) { done(work()); });
  }

  Loop& loop_;
  Cluster& cluster_;
  Admin admin_;
  log::Logger logger_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeAdminService(Loop& loop, Cluster& cluster, log::Logger logger) {
  return std::make_unique<AdminServiceImpl>(loop, cluster, std::move(logger));
}

}  // namespace millrace::control
