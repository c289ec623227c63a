#include "control-plane/call_metrics.h"

#include <google/protobuf/descriptor.h>

#include <map>
#include <string>
#include <string_view>

#include "control-plane/grpc_status.h"
#include "millrace/v1/admin.pb.h"
#include "millrace/v1/node.pb.h"

namespace millrace::control {
namespace {

using grpc::experimental::InterceptionHookPoints;

class CallCounter final : public grpc::experimental::Interceptor {
 public:
  CallCounter(metrics::Registry& metrics, std::string method)
      : metrics_(metrics), method_(std::move(method)) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      metrics_
          .Counter("millrace_grpc_calls_total", "gRPC calls that ended.",
                   {{"method", method_}, {"code", CodeName(methods->GetSendStatus().error_code())}})
          .Increment();
    }
    methods->Proceed();
  }

 private:
  metrics::Registry& metrics_;
  const std::string method_;
};

class Factory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit Factory(metrics::Registry& metrics) : metrics_(metrics) {
    const google::protobuf::FileDescriptor* files[] = {v1::Register::descriptor()->file(),
                                                       v1::Node::descriptor()->file()};
    for (const google::protobuf::FileDescriptor* file : files) {
      for (int i = 0; i < file->service_count(); ++i) AddService(*file->service(i));
    }
  }

  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override {
    const auto known = names_.find(std::string_view(info->method()));
    return new CallCounter(metrics_, known == names_.end() ? "other" : known->second);
  }

 private:
  void AddService(const google::protobuf::ServiceDescriptor& service) {
    for (int i = 0; i < service.method_count(); ++i) {
      const std::string& method = service.method(i)->name();
      names_["/" + service.full_name() + "/" + method] = service.name() + "/" + method;
    }
  }

  metrics::Registry& metrics_;
  std::map<std::string, std::string, std::less<>> names_;
};

}  // namespace

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeCallMetrics(
    metrics::Registry& metrics) {
  return std::make_unique<Factory>(metrics);
}

}  // namespace millrace::control
