#include "runtime/relay/runner.h"

#include <array>
#include <boost/asio/post.hpp>
#include <chrono>
#include <string>
#include <utility>

#include "runtime/relay/relay_url.h"

namespace millrace::relay {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

constexpr std::array<std::pair<v1::RelayState, const char*>, 3> kStates = {
    {{v1::RELAY_CONNECTING, "connecting"},
     {v1::RELAY_RUNNING, "running"},
     {v1::RELAY_BACKING_OFF, "backing_off"}}};

template <class Clock>
int64_t MillisecondsOf() {
  return std::chrono::duration_cast<milliseconds>(Clock::now().time_since_epoch()).count();
}

Time Now() {
  return {MillisecondsOf<std::chrono::steady_clock>(), MillisecondsOf<std::chrono::system_clock>()};
}

Direction DirectionOf(const JobId& id) { return id.push ? Direction::kPush : Direction::kPull; }

const std::string& UrlOf(const Job& job) {
  return std::visit([](const auto& one) -> const std::string& { return one.url(); }, job);
}

const std::string& StreamOf(const Job& job) {
  return std::visit([](const auto& one) -> const std::string& { return one.stream(); }, job);
}

const char* KindOf(const JobId& id) { return id.push ? "push" : "pull"; }

}  // namespace

Runner::Runner(loop::Shards& shards, Factory& factory, metrics::Registry& metrics,
               log::Logger logger, Hooks hooks)
    : home_(shards.home()),
      factory_(factory),
      metrics_(metrics),
      logger_(std::move(logger)),
      hooks_(std::move(hooks)),
      random_(std::random_device{}()),
      core_([this] { return std::uniform_real_distribution<double>(0, 1)(random_); }),
      timer_(home_) {
  ShowStates();
}

void Runner::Assign(const v1::RelayAssignments& assignments) {
  core_.Assign(assignments, Now());
  Settle();
}

Events Runner::EventsOf(const JobId& id) {
  Events events;
  events.on_running = [this, id](std::string session) {
    asio::post(home_, [this, id, session = std::move(session)] { OnRunning(id, session); });
  };
  events.on_ended = [this, id](End end, std::string reason) {
    asio::post(home_, [this, id, end, reason = std::move(reason)] { OnEnded(id, end, reason); });
  };
  return events;
}

void Runner::Start(const StartAction& action) {
  Attempt& attempt = attempts_[action.id];
  attempt.job = action.job;
  attempt.ran = false;
  if (const auto* pull = std::get_if<v1::Pull>(&action.job)) {
    attempt.session = factory_.StartPull(*pull, EventsOf(action.id));
  } else {
    attempt.session = factory_.StartPush(std::get<v1::Push>(action.job), EventsOf(action.id));
  }
}

void Runner::CountAttempt(const JobId& id, const char* result) {
  metrics_
      .Counter(
          std::string("millrace_") + KindOf(id) + "_attempts_total",
          id.push ? "Attempts to push, by how they went." : "Attempts to pull, by how they went.",
          {{"result", result}})
      .Increment();
}

void Runner::OnRunning(const JobId& id, const std::string& session) {
  const auto found = attempts_.find(id);
  if (found == attempts_.end() || std::exchange(found->second.ran, true)) return;
  CountAttempt(id, "running");
  const Job& job = found->second.job;
  logger_.Info(id.push ? "push is running" : "pull is running",
               {{"name", id.name},
                {"stream", StreamOf(job)},
                {"url", ShownUrl(UrlOf(job), DirectionOf(id))},
                {"session", session}});
  core_.Running(id, session, Now());
  Settle();
}

void Runner::OnEnded(const JobId& id, End end, const std::string& told) {
  const auto found = attempts_.find(id);
  if (found == attempts_.end()) return;
  const Attempt attempt = std::move(found->second);
  attempts_.erase(found);
  const std::string& url = UrlOf(attempt.job);
  const std::string reason = WithoutSecrets(told, url, DirectionOf(id));
  if (!attempt.ran) CountAttempt(id, EndName(end));
  logger_.Write(end == End::kStopped ? log::Level::kInfo : log::Level::kWarning,
                id.push ? "push ended" : "pull ended",
                {{"name", id.name},
                 {"stream", StreamOf(attempt.job)},
                 {"url", ShownUrl(url, DirectionOf(id))},
                 {"end", EndName(end)},
                 {"reason", reason}});
  core_.Ended(id, end, reason, Now());
  Settle();
}

void Runner::Settle() {
  for (const Action& action : core_.TakeActions()) {
    if (const auto* start = std::get_if<StartAction>(&action)) {
      Start(*start);
      continue;
    }
    const auto& stop = std::get<StopAction>(action);
    const auto found = attempts_.find(stop.id);
    if (found != attempts_.end()) found->second.session->Stop(stop.kind);
  }
  ShowStates();
  hooks_.report(core_.Describe());
  Arm();
}

void Runner::Arm() {
  const auto deadline = core_.NextDeadline();
  if (!deadline) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(std::chrono::steady_clock::time_point(milliseconds(*deadline)));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    core_.OnTimer(Now(), hooks_.attached());
    Settle();
  });
}

void Runner::ShowStates() {
  for (const bool pushes : {false, true}) {
    auto count = core_.Count(pushes);
    for (const auto& [state, word] : kStates) {
      metrics_
          .Gauge(pushes ? "millrace_pushes" : "millrace_pulls",
                 pushes ? "Pushes that this node has." : "Pulls that this node has.",
                 {{"state", word}})
          .Set(count[state]);
    }
  }
}

}  // namespace millrace::relay
