#include "runtime/rpc/attach_call.h"

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "millrace/v1/node.grpc.pb.h"

namespace millrace::rpc {
namespace {

class Call final : public AttachCall,
                   private grpc::ClientBidiReactor<v1::NodeReport, v1::NodeOrder> {
 public:
  Call(v1::NodeService::Stub& stub, std::function<void()> notify) : notify_(std::move(notify)) {
    stub.async()->Attach(&context_, this);
    // Writes start outside of reactions, so the call must be held open for them.
    AddHold();
    StartRead(&order_);
    StartCall();
  }

  ~Call() override {
    context_.TryCancel();
    std::unique_lock lock(mutex_);
    ReleaseHold(lock);
    finished_changed_.wait(lock, [this] { return finished_; });
  }

  void Send(v1::NodeReport report) override {
    std::lock_guard lock(mutex_);
    if (write_failed_ || !held_) return;
    outgoing_.push_back(std::move(report));
    if (outgoing_.size() == 1) StartWrite(&outgoing_.front());
  }

  bool idle() const override {
    std::lock_guard lock(mutex_);
    return outgoing_.empty();
  }

  std::optional<v1::NodeOrder> Receive() override {
    std::lock_guard lock(mutex_);
    if (incoming_.empty()) return std::nullopt;
    v1::NodeOrder order = std::move(incoming_.front());
    incoming_.pop_front();
    return order;
  }

  std::optional<std::string> broken() const override {
    std::lock_guard lock(mutex_);
    if (!finished_ || !incoming_.empty()) return std::nullopt;
    return why_;
  }

 private:
  void OnReadDone(bool ok) override {
    {
      std::unique_lock lock(mutex_);
      if (!ok) {
        ReleaseHold(lock);  // the other side is gone; OnDone follows
        return;
      }
      // Of states that nobody has taken yet, with no command between, only the last matters.
      if (order_.has_state() && !incoming_.empty() && incoming_.back().has_state()) {
        incoming_.back() = std::move(order_);
      } else {
        incoming_.push_back(std::move(order_));
      }
    }
    order_.Clear();
    StartRead(&order_);
    notify_();
  }

  void OnWriteDone(bool ok) override {
    {
      std::lock_guard lock(mutex_);
      outgoing_.pop_front();
      if (!ok) {
        write_failed_ = true;
        outgoing_.clear();
        return;
      }
      if (!outgoing_.empty() && held_) StartWrite(&outgoing_.front());
    }
    notify_();
  }

  void OnDone(const grpc::Status& status) override {
    // All under the lock: once finished_ is seen, the destructor and whoever listens may be
    // through.
    std::lock_guard lock(mutex_);
    why_ = status.error_message();
    if (why_.empty()) why_ = status.ok() ? "closed by the control plane" : "connection broke";
    finished_ = true;
    finished_changed_.notify_all();
    notify_();
  }

  void ReleaseHold(std::unique_lock<std::mutex>& lock) {
    if (!std::exchange(held_, false)) return;
    lock.unlock();
    RemoveHold();
    lock.lock();
  }

  const std::function<void()> notify_;
  grpc::ClientContext context_;
  v1::NodeOrder order_;
  mutable std::mutex mutex_;
  std::condition_variable finished_changed_;
  std::deque<v1::NodeReport> outgoing_;
  std::deque<v1::NodeOrder> incoming_;
  bool held_ = true;
  bool write_failed_ = false;
  bool finished_ = false;
  std::string why_;
};

class Channel final : public AttachChannel {
 public:
  explicit Channel(const std::string& target) {
    grpc::ChannelArguments arguments;
    // A control plane that vanished without a word is noticed within seconds.
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 5'000);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
    arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS,
                     2'000);  // also bounds one attempt to connect
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
    arguments.SetMaxReceiveMessageSize(64 << 20);
    // Traffic inside the cluster does not go through the proxy that the environment names for the
    // web.
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    // The back-off of one agent is not another's.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    stub_ = v1::NodeService::NewStub(
        grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments));
  }

  std::unique_ptr<AttachCall> Attach(std::function<void()> notify) override {
    return std::make_unique<Call>(*stub_, std::move(notify));
  }

 private:
  std::unique_ptr<v1::NodeService::Stub> stub_;
};

}  // namespace

std::unique_ptr<AttachChannel> MakeAttachChannel(const std::string& target) {
  return std::make_unique<Channel>(target);
}

}  // namespace millrace::rpc
