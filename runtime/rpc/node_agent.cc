#include "runtime/rpc/node_agent.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/rpc/attach_call.h"
#include "runtime/rpc/state_file.h"

namespace millrace::rpc {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kReportInterval(500);
constexpr milliseconds kCounterInterval(2'000);
// What opens within so short a time is one report.
constexpr milliseconds kUrgentDelay(20);
// A new state has been put in force by then.
constexpr milliseconds kStateDelay(50);
constexpr milliseconds kBackoffMin(100);
constexpr milliseconds kBackoffMax(2'000);
constexpr milliseconds kRegisterTimeout(5'000);
constexpr milliseconds kDefaultHeartbeat(1'000);

int64_t UnixMilliseconds() {
  return std::chrono::duration_cast<milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

bool SameBytes(const v1::NodeState& a, const v1::NodeState& b) {
  return a.SerializeAsString() == b.SerializeAsString();
}

}  // namespace

class NodeAgent::Impl {
 public:
  Impl(Options options, Handlers handlers, SessionRegistry& sessions)
      : options_(std::move(options)),
        handlers_(std::move(handlers)),
        sessions_(sessions),
        channel_(MakeAttachChannel(options_.control_plane)) {}

  ~Impl() {
    sessions_.SetListener(nullptr);
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      changed_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
  }

  void Start() {
    LoadState();
    thread_ = std::thread([this] { Run(); });
    sessions_.SetListener([this] { Signal(/*urgent=*/true); });
  }

  bool attached() const { return attached_.load(std::memory_order_relaxed); }

  void StreamChanged(const v1::Stream& stream) {
    std::lock_guard lock(mutex_);
    v1::Stream& row = streams_[stream.name()];
    // What people watch for goes at once; counters can wait for the next report.
    const bool urgent = row.name().empty() || row.state() != stream.state() ||
                        row.epoch() != stream.epoch() ||
                        row.publisher_session() != stream.publisher_session();
    row = stream;
    changed_streams_.insert(stream.name());
    gone_streams_.erase(stream.name());
    if (urgent) SignalLocked(true);
  }

  void StreamGone(const std::string& name) {
    std::lock_guard lock(mutex_);
    if (streams_.erase(name) == 0) return;
    changed_streams_.erase(name);
    gone_streams_.insert(name);
    SignalLocked(true);
  }

  void HeartbeatChanged() {
    std::lock_guard lock(mutex_);
    heartbeat_changed_ = true;
    SignalLocked(true);
  }

  void SetRelays(v1::RelayUpdate all) {
    std::lock_guard lock(mutex_);
    relays_ = std::move(all);
    SignalLocked(true);
  }

 private:
  void Signal(bool urgent) {
    std::lock_guard lock(mutex_);
    SignalLocked(urgent);
  }
  void SignalLocked(bool urgent) {
    if (urgent) {
      urgent_ = true;
    } else {
      call_changed_ = true;
    }
    changed_.notify_all();
  }

  void Event(const std::string& text) {
    if (handlers_.on_event) handlers_.on_event(text);
  }

  void Run() {
    std::minstd_rand random(static_cast<unsigned>(options_.registration.incarnation()) ^
                            std::random_device{}());
    milliseconds backoff = kBackoffMin;
    bool said_unreachable = false;
    while (!stopping()) {
      const auto call = channel_->Attach([this] { Signal(/*urgent=*/false); });
      const bool was_attached = Converse(*call);
      if (stopping()) break;
      const std::string why = call->broken().value_or("no answer to the registration");
      if (was_attached || !said_unreachable) {
        Event(fmt::format("{} control plane at {}: {}; trying again",
                          was_attached ? "lost the" : "no", options_.control_plane, why));
      }
      said_unreachable = true;
      backoff = was_attached ? kBackoffMin : std::min(backoff * 2, kBackoffMax);
      // Jitter over the upper half: a whole cluster lost the same control plane at the same moment.
      std::uniform_int_distribution<int64_t> jitter(backoff.count() / 2, backoff.count());
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, milliseconds(jitter(random)), [this] { return stopping_; });
    }
  }

  // One Attach call from registration to its end; whether it got as far as being registered.
  bool Converse(AttachCall& call) {
    v1::NodeReport report;
    *report.mutable_register_() = options_.registration;
    call.Send(std::move(report));
    heartbeat_interval_ = kDefaultHeartbeat;
    const Clock::time_point give_up = Clock::now() + kRegisterTimeout;
    bool registered = false;
    while (true) {
      while (auto order = call.Receive()) {
        if (order->has_registered()) {
          registered = true;
          OnRegistered(call, order->registered());
        } else if (order->has_state()) {
          OnState(order->state());
          // What is in force is told soon, not with the heartbeat a second later.
          next_heartbeat_ = std::min(next_heartbeat_, Clock::now() + kStateDelay);
        } else if (order->has_command()) {
          OnCommand(call, order->command());
        } else if (order->has_relays() && handlers_.on_relays) {
          handlers_.on_relays(order->relays());
        }
      }
      const Clock::time_point now = Clock::now();
      if (stopping() || call.broken() || (!registered && now >= give_up)) break;
      if (registered) ReportDue(call, now);
      Wait(registered ? std::min({next_report_, next_heartbeat_, urgent_at_}) : give_up,
           registered);
    }
    attached_ = false;
    return registered;
  }

  void OnRegistered(AttachCall& call, const v1::Registered& registered) {
    if (registered.heartbeat_ms() > 0)
      heartbeat_interval_ = milliseconds(registered.heartbeat_ms());
    attached_ = true;
    Event(fmt::format("attached to the control plane at {}", options_.control_plane));
    const Clock::time_point now = Clock::now();
    SendHeartbeat(call);
    SendSessions(call, /*complete=*/true, /*counters=*/true);
    SendStreams(call, /*complete=*/true);
    SendRelays(call, /*complete=*/true);
    next_heartbeat_ = now + heartbeat_interval_;
    next_report_ = now + kReportInterval;
    next_counters_ = now + kCounterInterval;
  }

  // Sends what is due. While reports still wait to be written nothing is taken: it would only be
  // older.
  void ReportDue(AttachCall& call, Clock::time_point now) {
    {
      std::lock_guard lock(mutex_);
      if (std::exchange(heartbeat_changed_, false)) next_heartbeat_ = now;
      if (std::exchange(urgent_, false)) urgent_at_ = std::min(urgent_at_, now + kUrgentDelay);
    }
    if (now >= next_heartbeat_) {
      SendHeartbeat(call);
      next_heartbeat_ = now + heartbeat_interval_;
    }
    if (now < std::min(next_report_, urgent_at_)) return;
    next_report_ = now + kReportInterval;
    if (!call.idle()) {
      if (urgent_at_ != Clock::time_point::max()) urgent_at_ = now + kUrgentDelay;
      return;
    }
    const bool counters = now >= next_counters_;
    if (counters) next_counters_ = now + kCounterInterval;
    urgent_at_ = Clock::time_point::max();
    SendSessions(call, /*complete=*/false, counters);
    SendStreams(call, /*complete=*/false);
    SendRelays(call, /*complete=*/false);
  }

  void SendHeartbeat(AttachCall& call) {
    v1::NodeReport report;
    v1::Heartbeat& heartbeat = *report.mutable_heartbeat();
    if (handlers_.heartbeat) heartbeat = handlers_.heartbeat();
    heartbeat.set_sent_unix_ms(UnixMilliseconds());
    heartbeat.set_sessions(static_cast<uint32_t>(sessions_.size()));
    call.Send(std::move(report));
  }

  void SendSessions(AttachCall& call, bool complete, bool counters) {
    v1::NodeReport report;
    *report.mutable_sessions() = sessions_.TakeUpdate(complete, counters);
    const v1::SessionUpdate& update = report.sessions();
    if (!complete && update.opened_or_changed().empty() && update.closed().empty()) return;
    call.Send(std::move(report));
  }

  void SendStreams(AttachCall& call, bool complete) {
    v1::NodeReport report;
    v1::StreamUpdate& update = *report.mutable_streams();
    update.set_complete(complete);
    {
      std::lock_guard lock(mutex_);
      if (complete) {
        for (const auto& [name, stream] : streams_) *update.add_changed() = stream;
      } else {
        for (const std::string& name : changed_streams_) *update.add_changed() = streams_.at(name);
        for (const std::string& name : gone_streams_) update.add_gone(name);
      }
      changed_streams_.clear();
      gone_streams_.clear();
    }
    if (!complete && update.changed().empty() && update.gone().empty()) return;
    call.Send(std::move(report));
  }

  // What differs from what was told before; with `complete` everything, also where there is
  // nothing.
  void SendRelays(AttachCall& call, bool complete) {
    if (!handlers_.on_relays) return;
    v1::NodeReport report;
    v1::RelayUpdate& update = *report.mutable_relays();
    update.set_complete(complete);
    std::set<std::string> all;
    {
      std::lock_guard lock(mutex_);
      for (const v1::RelayReport& relay : relays_.changed()) {
        std::string bytes = relay.SerializeAsString();
        if (complete || !told_relays_.contains(bytes)) *update.add_changed() = relay;
        all.insert(std::move(bytes));
      }
    }
    told_relays_ = std::move(all);
    if (!complete && update.changed().empty()) return;
    call.Send(std::move(report));
  }

  void OnCommand(AttachCall& call, const v1::Command& command) {
    v1::NodeReport report;
    v1::CommandResult& result = *report.mutable_result();
    if (command.has_kick_session()) {
      const bool found =
          sessions_.KickSession(command.kick_session().session(), command.kick_session().reason());
      result.set_found(found);
      result.set_sessions(found ? 1 : 0);
    } else {
      uint32_t kicked = 0;
      if (command.has_kick_stream()) {
        kicked = static_cast<uint32_t>(
            sessions_.KickStream(command.kick_stream().stream(), command.kick_stream().reason()));
      }
      if (handlers_.on_command) result = handlers_.on_command(command);
      result.set_found(result.found() || kicked > 0);
      result.set_sessions(result.sessions() + kicked);
    }
    result.set_command_id(command.command_id());
    call.Send(std::move(report));
  }

  void LoadState() {
    if (options_.state_file.empty()) return;
    auto state = ReadStateFile(options_.state_file);
    if (!state.ok()) {
      if (state.status().code() != absl::StatusCode::kNotFound) {
        Event(fmt::format("starting without the kept state: {}", state.status().ToString()));
      }
      return;
    }
    state_ = *std::move(state);
    have_state_ = true;
    if (handlers_.on_state) handlers_.on_state(state_);
  }

  void OnState(const v1::NodeState& state) {
    if (have_state_ && SameBytes(state_, state)) return;
    state_ = state;
    have_state_ = true;
    // In force first: a kick may be the next order, and its ban must not wait for the disk.
    if (handlers_.on_state) handlers_.on_state(state_);
    if (options_.state_file.empty()) return;
    const absl::Status written = WriteStateFile(options_.state_file, state_);
    if (!written.ok()) Event(fmt::format("the state is not kept: {}", written.ToString()));
  }

  bool stopping() const {
    std::lock_guard lock(mutex_);
    return stopping_;
  }

  // Before the registration nothing can be reported, however urgent.
  void Wait(Clock::time_point deadline, bool registered) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, deadline,
                        [&] { return stopping_ || call_changed_ || (registered && urgent_); });
    call_changed_ = false;
  }

  const Options options_;
  const Handlers handlers_;
  SessionRegistry& sessions_;
  const std::unique_ptr<AttachChannel> channel_;
  std::atomic<bool> attached_{false};

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool urgent_ = false;        // sessions or streams came or went
  bool call_changed_ = false;  // the call has something to say
  std::map<std::string, v1::Stream> streams_;
  std::set<std::string> changed_streams_;
  std::set<std::string> gone_streams_;
  v1::RelayUpdate relays_;  // all there are
  bool heartbeat_changed_ = false;

  // The agent's thread only.
  v1::NodeState state_;
  bool have_state_ = false;
  std::set<std::string> told_relays_;  // as bytes
  milliseconds heartbeat_interval_ = kDefaultHeartbeat;
  Clock::time_point next_heartbeat_;
  Clock::time_point next_report_;
  Clock::time_point next_counters_;
  Clock::time_point urgent_at_ = Clock::time_point::max();
  std::thread thread_;
};

NodeAgent::NodeAgent(Options options, Handlers handlers, SessionRegistry& sessions)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(handlers), sessions)) {}

NodeAgent::~NodeAgent() = default;

void NodeAgent::Start() { impl_->Start(); }

bool NodeAgent::attached() const { return impl_->attached(); }

void NodeAgent::StreamChanged(const v1::Stream& stream) { impl_->StreamChanged(stream); }

void NodeAgent::StreamGone(const std::string& name) { impl_->StreamGone(name); }

void NodeAgent::HeartbeatChanged() { impl_->HeartbeatChanged(); }

void NodeAgent::SetRelays(v1::RelayUpdate all) { impl_->SetRelays(std::move(all)); }

}  // namespace millrace::rpc
