#include "control-plane/cli/client.h"

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include <utility>

#include "millrace/v1/admin.grpc.pb.h"

namespace millrace::cli {
namespace {

class GrpcClient final : public Client {
 public:
  GrpcClient(std::string server, std::chrono::milliseconds timeout)
      : server_(std::move(server)), timeout_(timeout) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);  // a watch notices a server that vanished
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
    arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    arguments.SetMaxReceiveMessageSize(64 << 20);
    stub_ = v1::AdminService::NewStub(
        grpc::CreateCustomChannel(server_, grpc::InsecureChannelCredentials(), arguments));
  }

  absl::StatusOr<std::vector<v1::Stream>> ListStreams(v1::ListStreamsRequest request) override {
    return All<v1::Stream, v1::ListStreamsResponse>(
        std::move(request), &Stub::ListStreams,
        [](v1::ListStreamsResponse& page) { return page.mutable_streams(); });
  }
  absl::StatusOr<std::vector<v1::Session>> ListSessions(v1::ListSessionsRequest request) override {
    return All<v1::Session, v1::ListSessionsResponse>(
        std::move(request), &Stub::ListSessions,
        [](v1::ListSessionsResponse& page) { return page.mutable_sessions(); });
  }
  absl::StatusOr<std::vector<v1::Node>> ListNodes() override {
    return All<v1::Node, v1::ListNodesResponse>(
        v1::ListNodesRequest(), &Stub::ListNodes,
        [](v1::ListNodesResponse& page) { return page.mutable_nodes(); });
  }
  absl::StatusOr<std::vector<v1::Ban>> ListBans() override {
    return All<v1::Ban, v1::ListBansResponse>(
        v1::ListBansRequest(), &Stub::ListBans,
        [](v1::ListBansResponse& page) { return page.mutable_bans(); });
  }

  absl::StatusOr<v1::Stream> GetStream(const std::string& name) override {
    v1::GetStreamRequest request;
    request.set_name(name);
    return Call<v1::Stream>(request, &Stub::GetStream);
  }
  absl::StatusOr<v1::Session> GetSession(const std::string& id) override {
    v1::GetSessionRequest request;
    request.set_id(id);
    return Call<v1::Session>(request, &Stub::GetSession);
  }
  absl::StatusOr<v1::KickStreamResponse> KickStream(const v1::KickStreamRequest& request) override {
    return Call<v1::KickStreamResponse>(request, &Stub::KickStream);
  }
  absl::StatusOr<v1::KickSessionResponse> KickSession(
      const v1::KickSessionRequest& request) override {
    return Call<v1::KickSessionResponse>(request, &Stub::KickSession);
  }
  absl::StatusOr<v1::Ban> AddBan(const v1::AddBanRequest& request) override {
    return Call<v1::Ban>(request, &Stub::AddBan);
  }
  absl::Status RemoveBan(const std::string& id) override {
    v1::RemoveBanRequest request;
    request.set_id(id);
    return Call<v1::RemoveBanResponse>(request, &Stub::RemoveBan).status();
  }
  absl::StatusOr<v1::GetConfigurationResponse> GetConfiguration() override {
    return Call<v1::GetConfigurationResponse>(v1::GetConfigurationRequest(),
                                              &Stub::GetConfiguration);
  }
  absl::StatusOr<v1::StreamUrls> GetStreamUrls(const std::string& name) override {
    v1::GetStreamUrlsRequest request;
    request.set_name(name);
    return Call<v1::StreamUrls>(request, &Stub::GetStreamUrls);
  }
  absl::StatusOr<v1::ApplyConfigResponse> ApplyConfig(
      const v1::ApplyConfigRequest& request) override {
    return Call<v1::ApplyConfigResponse>(request, &Stub::ApplyConfig);
  }

  absl::StatusOr<v1::Pull> AddPull(const v1::AddPullRequest& request) override {
    return Call<v1::Pull>(request, &Stub::AddPull);
  }
  absl::StatusOr<std::vector<v1::Pull>> ListPulls(v1::ListPullsRequest request) override {
    return All<v1::Pull, v1::ListPullsResponse>(
        std::move(request), &Stub::ListPulls,
        [](v1::ListPullsResponse& page) { return page.mutable_pulls(); });
  }
  absl::StatusOr<v1::Pull> GetPull(const std::string& stream) override {
    v1::GetPullRequest request;
    request.set_stream(stream);
    return Call<v1::Pull>(request, &Stub::GetPull);
  }
  absl::Status RemovePull(const std::string& stream) override {
    v1::RemovePullRequest request;
    request.set_stream(stream);
    return Call<v1::RemovePullResponse>(request, &Stub::RemovePull).status();
  }
  absl::StatusOr<v1::Push> AddPush(const v1::AddPushRequest& request) override {
    return Call<v1::Push>(request, &Stub::AddPush);
  }
  absl::StatusOr<std::vector<v1::Push>> ListPushes(v1::ListPushesRequest request) override {
    return All<v1::Push, v1::ListPushesResponse>(
        std::move(request), &Stub::ListPushes,
        [](v1::ListPushesResponse& page) { return page.mutable_pushes(); });
  }
  absl::StatusOr<v1::Push> GetPush(const std::string& name) override {
    v1::GetPushRequest request;
    request.set_name(name);
    return Call<v1::Push>(request, &Stub::GetPush);
  }
  absl::Status RemovePush(const std::string& name) override {
    v1::RemovePushRequest request;
    request.set_name(name);
    return Call<v1::RemovePushResponse>(request, &Stub::RemovePush).status();
  }

  absl::Status WatchStreams(const std::string& prefix,
                            const std::function<bool(const v1::StreamEvent&)>& each) override {
    grpc::ClientContext context;  // no deadline: it lasts as long as somebody looks
    v1::WatchStreamsRequest request;
    request.set_prefix(prefix);
    const auto reader = stub_->WatchStreams(&context, request);
    v1::StreamEvent event;
    while (reader->Read(&event)) {
      if (each(event)) continue;
      context.TryCancel();
      reader->Finish();
      return absl::OkStatus();
    }
    return Explain(reader->Finish());
  }

 private:
  using Stub = v1::AdminService::Stub;
  template <class Request, class Response>
  using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

  template <class Response, class Request>
  absl::StatusOr<Response> Call(const Request& request, Method<Request, Response> method) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + timeout_);
    Response response;
    const grpc::Status status = ((*stub_).*method)(&context, request, &response);
    if (!status.ok()) return Explain(status);
    return response;
  }

  template <class Row, class Response, class Request, class Rows>
  absl::StatusOr<std::vector<Row>> All(Request request, Method<Request, Response> method,
                                       Rows rows) {
    std::vector<Row> all;
    request.set_page_size(1'000);
    do {
      absl::StatusOr<Response> page = Call<Response>(request, method);
      if (!page.ok()) return page.status();
      for (Row& row : *rows(*page)) all.push_back(std::move(row));
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    return all;
  }

  absl::Status Explain(const grpc::Status& status) const {
    if (status.ok()) return absl::OkStatus();
    const std::string& message = status.error_message();
    std::string text = message;
    if (status.error_code() == grpc::StatusCode::UNAVAILABLE &&
        message.find("failed to connect") != std::string::npos) {
      text = fmt::format(
          "no control plane answers at {}; is it running? Give its address with --server=host:port "
          "or "
          "in MILLRACE_SERVER",
          server_);
    } else if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
      text = fmt::format("{} (control plane at {})", message, server_);
    } else if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
      text = fmt::format(
          "the control plane at {} did not answer within {} ms; check --server, or wait longer "
          "with "
          "--timeout",
          server_, timeout_.count());
    } else if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
      text = fmt::format("what answers at {} does not know this call: {}", server_, message);
    }
    return {static_cast<absl::StatusCode>(status.error_code()), text};
  }

  const std::string server_;
  const std::chrono::milliseconds timeout_;
  std::unique_ptr<Stub> stub_;
};

}  // namespace

std::unique_ptr<Client> Connect(const std::string& server, std::chrono::milliseconds timeout) {
  return std::make_unique<GrpcClient>(server, timeout);
}

}  // namespace millrace::cli
