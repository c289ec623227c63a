#include "control-plane/node_service.h"

#include <grpcpp/grpcpp.h>

#include <deque>
#include <mutex>
#include <string>
#include <utility>

#include "control-plane/address.h"
#include "control-plane/grpc_status.h"
#include "millrace/v1/node.grpc.pb.h"

namespace millrace::control {
namespace {

// A node that takes no orders for so long is not being controlled any more.
constexpr size_t kMaxQueuedOrders = 1'000;

// One Attach call. Lives from the call's start until gRPC's OnDone; the cluster may hold it longer.
class AttachReactor final : public NodeLink,
                            public grpc::ServerBidiReactor<v1::NodeReport, v1::NodeOrder>,
                            public std::enable_shared_from_this<AttachReactor> {
 public:
  AttachReactor(Loop& loop, Cluster& cluster, const std::string& peer)
      : loop_(loop), cluster_(cluster), peer_host_(HostOfPeer(peer)) {}

  void Start() {
    self_ = shared_from_this();
    StartRead(&report_);
  }

  void Send(const v1::NodeOrder& order) override {
    std::unique_lock lock(mutex_);
    if (finished_) return;
    // The first of the queue is being written; behind it a newer state may replace an older one.
    if (order.has_state() && queue_.size() > 1 && queue_.back().has_state()) {
      queue_.back() = order;
      return;
    }
    if (queue_.size() >= kMaxQueuedOrders) {
      lock.unlock();
      Close(absl::ResourceExhaustedError("the node does not read its orders"));
      return;
    }
    queue_.push_back(order);
    if (queue_.size() == 1) StartWrite(&queue_.front());
  }

  void Close(const absl::Status& why) override { FinishOnce(ToGrpc(why)); }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) {
      Gone(grpc::Status::OK);
      return;
    }
    loop_.Post([this, self = shared_from_this()] { OnReport(); });
  }

  void OnWriteDone(bool ok) override {
    {
      std::lock_guard lock(mutex_);
      queue_.pop_front();
      if (ok && !finished_ && !queue_.empty()) StartWrite(&queue_.front());
    }
    if (!ok) Gone(grpc::Status::CANCELLED);
  }

  void OnCancel() override { Gone(grpc::Status::CANCELLED); }

  void OnDone() override { self_.reset(); }

  void Gone(const grpc::Status& status) {
    FinishOnce(status);
    loop_.Post([this, self = shared_from_this()] {
      if (attachment_ != 0) cluster_.Detached(std::exchange(attachment_, 0));
      gone_ = true;
    });
  }

  // On the loop's thread, as long as the call is not over.
  void OnReport() {
    if (gone_) return;
    if (attachment_ != 0) {
      cluster_.Report(attachment_, report_);
    } else if (report_.has_register_()) {
      absl::StatusOr<uint64_t> attached =
          cluster_.Attach(shared_from_this(), report_.register_(), peer_host_);
      if (!attached.ok()) return FinishOnce(ToGrpc(attached.status()));
      attachment_ = *attached;
    } else {
      return FinishOnce({grpc::StatusCode::INVALID_ARGUMENT, "the first report must be Register"});
    }
    report_.Clear();
    std::lock_guard lock(mutex_);
    if (!finished_) StartRead(&report_);
  }

  void FinishOnce(const grpc::Status& status) {
    std::lock_guard lock(mutex_);
    if (std::exchange(finished_, true)) return;
    Finish(status);
  }

  Loop& loop_;
  Cluster& cluster_;
  const std::string peer_host_;
  std::shared_ptr<AttachReactor> self_;
  v1::NodeReport report_;

  std::mutex mutex_;
  std::deque<v1::NodeOrder> queue_;
  bool finished_ = false;

  // The loop's thread only.
  uint64_t attachment_ = 0;
  bool gone_ = false;
};

class NodeServiceImpl final : public v1::NodeService::CallbackService {
 public:
  NodeServiceImpl(Loop& loop, Cluster& cluster) : loop_(loop), cluster_(cluster) {}

  grpc::ServerBidiReactor<v1::NodeReport, v1::NodeOrder>* Attach(
      grpc::CallbackServerContext* context) override {
    auto reactor = std::make_shared<AttachReactor>(loop_, cluster_, context->peer());
    reactor->Start();
    return reactor.get();
  }

 private:
  Loop& loop_;
  Cluster& cluster_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeNodeService(Loop& loop, Cluster& cluster) {
  return std::make_unique<NodeServiceImpl>(loop, cluster);
}

}  // namespace millrace::control
