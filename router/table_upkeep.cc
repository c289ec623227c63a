// What is not a message: topology, settings, timers, limits, reports.

#include <algorithm>
#include <utility>

#include "router/table_impl.h"
#include "runtime/bus/rendezvous.h"

namespace millrace::router {
namespace {

// Other streams whose history is looked at when the caches are full.
constexpr size_t kRelieveAtOnce = 64;
constexpr uint32_t kLeastCredit = 64 * 1024;

}  // namespace

bool Table::Impl::Owns(const std::string& stream) const {
  if (own_endpoint_ >= endpoints_.size()) return !was_listed_;
  return bus::OwnerIndex(endpoints_, stream) == own_endpoint_;
}

void Table::Impl::SetTopology(const v1::Topology& topology) {
  if (topology.term() <= context_.term) return;
  context_.term = topology.term();
  endpoints_.assign(topology.endpoints().begin(), topology.endpoints().end());
  own_endpoint_ = static_cast<size_t>(
      std::find(endpoints_.begin(), endpoints_.end(), context_.options.endpoint) -
      endpoints_.begin());
  was_listed_ = was_listed_ || own_endpoint_ < endpoints_.size();
  for (size_t i = streams_.size(); i-- > 0;) {
    Stream& stream = *streams_[i];
    if (Owns(stream.name())) continue;
    stream.SendNotOwner();
    context_.observer.OnEvent({.kind = EventKind::kMoved, .stream = stream.name()});
    if (stream.listed) context_.observer.OnStreamGone(stream.name());
    Remove(stream);
  }
}

void Table::Impl::SetSettings(const v1::RouterSettings& settings) {
  Options& options = context_.options;
  if (settings.has_lease()) options.lease_ms = settings.lease();
  if (settings.has_settle()) options.settle_ms = settings.settle();
  if (settings.has_cache_limit()) {
    options.cache_limit = context_.budget.limit = settings.cache_limit();
  }
  if (settings.has_stream_cache_limit()) options.stream_cache_limit = settings.stream_cache_limit();
  if (settings.has_publish_credit()) {
    options.publish_credit = std::max<uint64_t>(settings.publish_credit(), kLeastCredit);
  }
  if (settings.has_max_streams()) options.max_streams = settings.max_streams();
}

bool Table::Impl::KickStream(const std::string& name, const std::string& reason, Time now) {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return false;
  Stream& stream = *found->second;
  const bool kicked = stream.Kick(reason, now);
  Settle(stream, now);
  return kicked;
}

void Table::Impl::OnConnectionUnreachable(ConnectionId connection, Time now) {
  if (nodes_.Forget(connection)) DropConnection({connection, true, "unreachable"}, now);
}

void Table::Impl::DropConnection(const Nodes::Gone& gone, Time now) {
  // Backwards, because streams may be removed: what takes the place of one has been seen.
  for (size_t i = streams_.size(); i-- > 0;) {
    if (i >= streams_.size()) continue;
    Stream& stream = *streams_[i];
    stream.DropConnection(gone.connection, gone.returns, gone.why, now);
    Settle(stream, now);
  }
}

void Table::Impl::OnTimer(Time now) {
  while (deadlines_.Next() <= now.mono_ns) {
    const Deadline deadline = deadlines_.Pop();
    if (deadline.of == DeadlineOf::kStream) {
      Stream* stream = FindStream(deadline.key);
      if (stream == nullptr || stream->scheduled_ns != deadline.at_ns) continue;
      stream->scheduled_ns = kNever;
      stream->OnTimer(now);
      Settle(*stream, now);
      continue;
    }
    Node* node = nodes_.ByKey(deadline.key);
    if (node == nullptr || node->scheduled_ns != deadline.at_ns) continue;
    node->scheduled_ns = kNever;
    if (node->lease_end_ns > now.mono_ns) {
      deadlines_.Schedule({node->lease_end_ns, DeadlineOf::kNode, node->key}, node->scheduled_ns);
      continue;
    }
    ++context_.counters.leases_expired;
    context_.observer.OnEvent({.kind = EventKind::kNodeGone, .node = node->name});
    const ConnectionId media = node->media;
    nodes_.Remove(*node);
    if (media != kNoConnection) {
      DropConnection({media, false, "the publisher's node stopped answering"}, now);
    }
  }
}

Stream* Table::Impl::FindStream(uint64_t id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

Stream* Table::Impl::FindOrAdd(const std::string& name) {
  const auto found = by_name_.find(name);
  Stream* known = found == by_name_.end() ? nullptr : found->second;
  if (known != nullptr && !known->idle()) return known;
  if (streams_.size() - idle_ >= context_.options.max_streams) {
    ++context_.counters.refused_streams;
    return nullptr;
  }
  if (known != nullptr) return known;
  auto stream = std::make_unique<Stream>(name, ++next_stream_id_, context_);
  Stream* added = stream.get();
  added->index = streams_.size();
  streams_.push_back(std::move(stream));
  by_id_[added->id()] = added;
  by_name_[name] = added;
  return added;
}

void Table::Impl::Remove(Stream& stream) {
  by_id_.erase(stream.id());
  by_name_.erase(stream.name());
  if (stream.counted_idle) --idle_;
  const size_t index = stream.index;
  if (index + 1 != streams_.size()) {
    streams_[index] = std::move(streams_.back());
    streams_[index]->index = index;
  }
  streams_.pop_back();
}

void Table::Impl::Settle(Stream& stream, Time now) {
  if (stream.TakeChanged()) {
    if (!stream.idle()) {
      stream.listed = true;
      context_.observer.OnStreamChanged(stream.name());
    } else if (stream.listed) {
      stream.listed = false;
      context_.observer.OnStreamGone(stream.name());
    }
  }
  if (stream.idle() != stream.counted_idle) {
    stream.counted_idle = !stream.counted_idle;
    stream.counted_idle ? ++idle_ : --idle_;
  }
  if (stream.forgettable(now)) {
    Remove(stream);
    return;
  }
  const int64_t next = stream.NextDeadline();
  if (next < stream.scheduled_ns) {
    deadlines_.Schedule({next, DeadlineOf::kStream, stream.id()}, stream.scheduled_ns);
  }
  if (idle_ > context_.options.max_streams) ForgetOldest();
}

// More ended streams than may be remembered: those that ended first go, a tenth of them at once.
void Table::Impl::ForgetOldest() {
  std::vector<Stream*> idle;
  for (const auto& stream : streams_) {
    if (stream->counted_idle) idle.push_back(stream.get());
  }
  const size_t going =
      idle.size() - context_.options.max_streams + context_.options.max_streams / 10;
  const auto last = idle.begin() + static_cast<std::ptrdiff_t>(std::min(going, idle.size()));
  std::nth_element(idle.begin(), last, idle.end(),
                   [](const Stream* a, const Stream* b) { return a->ended_ns() < b->ended_ns(); });
  std::for_each(idle.begin(), last, [this](Stream* stream) { Remove(*stream); });
}

// The caches are over their common limit: history goes before any stream's current GOP, and that of
// the stream which grew goes last.
void Table::Impl::RelieveCache(Stream& busiest) {
  const CacheBudget& budget = context_.budget;
  while (budget.used > budget.limit && busiest.cache().DropOldestGop()) {
    ++context_.counters.gops_evicted;
  }
  const size_t looks = std::min(kRelieveAtOnce, streams_.size());
  for (size_t i = 0; i < looks && budget.used > budget.limit; ++i) {
    relieve_next_ = (relieve_next_ + 1) % streams_.size();
    while (budget.used > budget.limit && streams_[relieve_next_]->cache().DropOldestGop()) {
      ++context_.counters.gops_evicted;
    }
  }
  if (budget.used > budget.limit) {
    ++context_.counters.gops_evicted;
    busiest.cache().DropCurrent();
  }
}

Usage Table::Impl::usage() const {
  Usage usage;
  for (const auto& stream : streams_) {
    usage.subscriptions += stream->subscriptions();
    stream->AddOwed(usage.owed_bytes, usage.owed_limit_bytes);
    switch (stream->state()) {
      case Stream::State::kLive:
        ++usage.live;
        break;
      case Stream::State::kGrace:
        ++usage.grace;
        break;
      case Stream::State::kWaiting:
      case Stream::State::kEnded:
        ++(stream->idle() ? usage.remembered : usage.waiting);
        break;
    }
  }
  usage.nodes = nodes_.size();
  usage.cache_bytes = context_.budget.used;
  return usage;
}

bool Table::Impl::Describe(const std::string& name, v1::Stream& row) const {
  const auto found = by_name_.find(name);
  if (found == by_name_.end() || found->second->idle()) return false;
  found->second->Describe(row);
  return true;
}

void Table::Impl::ForEachStream(const std::function<void(const v1::Stream&)>& visit) const {
  for (const auto& stream : streams_) {
    if (stream->idle()) continue;
    v1::Stream row;
    stream->Describe(row);
    visit(row);
  }
}

void Table::Impl::TakeActive(Time now, const std::function<void(const v1::Stream&)>& visit) {
  const double seconds = static_cast<double>(now.mono_ns - active_since_ns_) * 1e-9;
  if (seconds <= 0) return;
  active_since_ns_ = now.mono_ns;
  std::vector<uint64_t> still_active;
  for (const uint64_t id : active_) {
    Stream* stream = FindStream(id);
    if (stream == nullptr) continue;
    const uint64_t bytes =
        stream->bytes_in() - std::min(stream->bytes_in(), stream->reported_bytes);
    stream->reported_bytes = stream->bytes_in();
    stream->in_active_list = bytes != 0;
    // Once more with a rate of 0, and then no longer.
    if (stream->in_active_list) still_active.push_back(id);
    if (stream->idle()) continue;
    v1::Stream row;
    stream->Describe(row);
    row.set_bitrate_bps(static_cast<double>(bytes) * 8 / seconds);
    visit(row);
  }
  active_ = std::move(still_active);
}

}  // namespace millrace::router
