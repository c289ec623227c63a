#include "tests/unit/runtime/rpc/attach_server.h"

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <mutex>

#include "millrace/v1/node.grpc.pb.h"

namespace millrace::rpc {
namespace {

using Stream = grpc::ServerReaderWriter<v1::NodeOrder, v1::NodeReport>;

class Service final : public v1::NodeService::Service {
 public:
  grpc::Status Attach(grpc::ServerContext* context, Stream* stream) override {
    v1::NodeReport report;
    while (stream->Read(&report)) {
      std::lock_guard lock(mutex_);
      if (report.has_register_()) {
        v1::NodeOrder registered;
        registered.mutable_registered()->set_heartbeat_ms(100);
        stream->Write(registered);
        last_ = stream;
        context_ = context;
      }
      reports_.push_back(report);
      changed_.notify_all();
    }
    std::lock_guard lock(mutex_);
    if (last_ == stream) last_ = nullptr;
    return grpc::Status::OK;
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<v1::NodeReport> reports_;
  Stream* last_ = nullptr;
  grpc::ServerContext* context_ = nullptr;
};

class AttachServerImpl final : public AttachServer {
 public:
  explicit AttachServerImpl(int port) {
    grpc::ServerBuilder builder;
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1'000);
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port), grpc::InsecureServerCredentials(),
                             &port_);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
  }
  ~AttachServerImpl() override { server_->Shutdown(std::chrono::system_clock::now()); }

  int port() const override { return port_; }

  std::vector<v1::NodeReport> reports() const override {
    std::lock_guard lock(service_.mutex_);
    return service_.reports_;
  }

  bool Await(const std::function<bool(const std::vector<v1::NodeReport>&)>& enough) override {
    std::unique_lock lock(service_.mutex_);
    return service_.changed_.wait_for(lock, std::chrono::seconds(10),
                                      [&] { return enough(service_.reports_); });
  }

  void Send(const v1::NodeOrder& order) override {
    std::lock_guard lock(service_.mutex_);
    if (service_.last_ != nullptr) service_.last_->Write(order);
  }

  void Break() override {
    std::lock_guard lock(service_.mutex_);
    if (service_.last_ != nullptr) service_.context_->TryCancel();
  }

 private:
  Service service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

std::unique_ptr<AttachServer> AttachServer::Start(int port) {
  return std::make_unique<AttachServerImpl>(port);
}

}  // namespace millrace::rpc
