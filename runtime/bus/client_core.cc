#include "runtime/bus/client_core.h"

#include <algorithm>
#include <utility>

#include "runtime/bus/client_entries.h"
#include "runtime/bus/rendezvous.h"

namespace millrace::bus {

ClientCore::ClientCore(NodeIdentity identity, Network& network, std::function<Instant()> clock)
    : identity_(std::move(identity)), network_(network), clock_(std::move(clock)) {}

ClientCore::~ClientCore() {
  for (const auto& [number, entry] : publications_) {
    entry->client = nullptr;
    entry->core.Abandon();
    entry->owner = nullptr;
  }
  for (const auto& [number, entry] : subscriptions_) {
    entry->client = nullptr;
    entry->core.Abandon();
    entry->owner = nullptr;
  }
  for (const auto& [endpoint, link] : links_) {
    link->publications.clear();
    link->subscriptions.clear();
  }
}

std::unique_ptr<Publication> ClientCore::Publish(std::string_view stream, PublishOptions options,
                                                 PublicationObserver& observer) {
  const Instant now = clock_();
  const uint64_t number = ++last_number_;
  auto entry = std::make_shared<PublicationEntry>(this, number, std::string(stream),
                                                  std::move(options), observer);
  publications_.emplace(number, entry);
  entry->owner = OwnerOf(entry->core.stream());
  entry->owner_term = term_;
  TryAttach(entry, now);
  After(entry, now);
  return std::make_unique<PublicationHandle>(std::move(entry));
}

std::unique_ptr<Subscription> ClientCore::Subscribe(std::string_view stream,
                                                    SubscribeOptions options,
                                                    SubscriptionObserver& observer) {
  const Instant now = clock_();
  const uint64_t number = ++last_number_;
  auto entry =
      std::make_shared<SubscriptionEntry>(this, number, std::string(stream), options, observer);
  subscriptions_.emplace(number, entry);
  SubscriptionPtr& current = subscription_of_[entry->core.stream()];
  const SubscriptionPtr old = std::exchange(current, entry);
  if (old != nullptr) {
    old->core.OnReplaced();
    After(old);
  }
  entry->owner = OwnerOf(entry->core.stream());
  entry->owner_term = term_;
  TryAttach(entry, now);
  After(entry);
  return std::make_unique<SubscriptionHandle>(std::move(entry));
}

bool ClientCore::connected() const {
  return !links_.empty() &&
         std::ranges::all_of(links_, [](const auto& item) { return item.second->router.ready(); });
}

void ClientCore::SetTopology(const v1::Topology& topology) {
  if (topology.term() <= term_ && !(term_ == 0 && endpoints_.empty())) return;
  const Instant now = clock_();
  term_ = topology.term();
  endpoints_.assign(topology.endpoints().begin(), topology.endpoints().end());
  std::ranges::sort(endpoints_);
  endpoints_.erase(std::ranges::unique(endpoints_).begin(), endpoints_.end());
  for (const std::string& endpoint : endpoints_) {
    LinkPtr& link = links_[endpoint];
    if (link != nullptr) continue;
    link = std::make_shared<Link>(*this, ++last_link_, endpoint);
    network_.Open(link->id, endpoint);
    Wake(link->router.NextDeadline());
  }
  Move(now);
  std::erase_if(links_, [&](const auto& item) {
    const LinkPtr& link = item.second;
    if (std::ranges::binary_search(endpoints_, item.first)) return false;
    DetachAll(*link);
    link->closed = true;
    network_.Close(link->id);
    return true;
  });
}

void ClientCore::Move(Instant now) {
  // Two passes: a publication that waits for an earlier one of its name needs that one's move done.
  for (const auto& [number, entry] : publications_) {
    const LinkPtr owner = OwnerOf(entry->core.stream());
    if (owner == entry->owner) continue;
    entry->core.LeaveOwner(now);
    After(entry, now);
    entry->owner = owner;
    entry->owner_term = term_;
  }
  for (const auto& [number, entry] : subscriptions_) {
    const LinkPtr owner = OwnerOf(entry->core.stream());
    if (owner == entry->owner) continue;
    entry->core.LeaveOwner();
    After(entry);
    entry->owner = owner;
    entry->owner_term = term_;
  }
  for (const auto& [number, entry] : publications_) TryAttach(entry, now);
  for (const auto& [number, entry] : subscriptions_) TryAttach(entry, now);
}

ClientCore::LinkPtr ClientCore::FindLink(LinkId id) const {
  for (const auto& [endpoint, link] : links_) {
    if (link->id == id) return link;
  }
  return nullptr;
}

ClientCore::LinkPtr ClientCore::OwnerOf(const std::string& stream) const {
  if (endpoints_.empty()) return nullptr;
  return links_.at(endpoints_[OwnerIndex(endpoints_, stream)]);
}

void ClientCore::AttachAll(const LinkPtr& link, Instant now) {
  DetachAll(*link);
  link->attached = true;
  for (const auto& [number, entry] : publications_) {
    if (entry->owner == link) TryAttach(entry, now);
  }
  for (const auto& [number, entry] : subscriptions_) {
    if (entry->owner == link) TryAttach(entry, now);
  }
}

void ClientCore::DetachAll(Link& link) {
  link.attached = false;
  link.publications.clear();
  link.subscriptions.clear();
  for (const auto& [number, entry] : publications_) {
    if (entry->owner.get() != &link) continue;
    entry->core.Detach();
    entry->registered = 0;
  }
  for (const auto& [number, entry] : subscriptions_) {
    if (entry->owner.get() != &link) continue;
    entry->core.Detach();
    entry->registered = 0;
  }
}

void ClientCore::Settle(Link& link) {
  if (link.attached && !link.router.ready()) DetachAll(link);
}

bool ClientCore::MayAttach(const PublicationEntry& entry) const {
  return std::ranges::none_of(leaving_, [&](const PublicationPtr& other) {
    return other->core.number() < entry.core.number() && other->core.leaving() &&
           other->core.stream() == entry.core.stream();
  });
}

void ClientCore::TryAttach(const PublicationPtr& entry, Instant now) {
  if (entry->owner == nullptr || !entry->owner->attached || entry->core.attached()) return;
  if (entry->core.finished() || !MayAttach(*entry)) return;
  entry->core.Attach(*entry->owner, now);
  Wake(entry->core.NextDeadline());
}

void ClientCore::TryAttach(const SubscriptionPtr& entry, Instant now) {
  if (entry->owner == nullptr || !entry->owner->attached || entry->core.attached()) return;
  entry->core.Attach(*entry->owner, now);
  Wake(entry->core.NextDeadline());
}

void ClientCore::After(const PublicationPtr& entry, Instant now) {
  const LinkPtr link = entry->owner;
  if (link != nullptr && entry->registered != entry->core.stream_id()) {
    if (entry->registered != 0) {
      const auto it = link->publications.find(entry->registered);
      if (it != link->publications.end()) {
        std::erase(it->second, entry);
        if (it->second.empty()) link->publications.erase(it);
      }
    }
    entry->registered = entry->core.stream_id();
    if (entry->registered != 0) link->publications[entry->registered].push_back(entry);
  }
  Wake(entry->core.NextDeadline());
  if (link != nullptr) Settle(*link);
  const bool finished = entry->core.finished();
  const auto listed = std::ranges::find(leaving_, entry);
  const bool was_leaving = listed != leaving_.end();
  if (entry->core.closing() && !was_leaving) leaving_.push_back(entry);
  if (finished && was_leaving) leaving_.erase(listed);
  if (finished) {
    // The handle may outlive both.
    entry->client = nullptr;
    publications_.erase(entry->core.number());
  }
  if (!was_leaving || entry->core.leaving()) return;
  // Whoever waited to take the name over may go on.
  for (const auto& [number, other] : publications_) {
    if (other->core.stream() == entry->core.stream()) TryAttach(other, now);
  }
}

void ClientCore::After(const SubscriptionPtr& entry) {
  const LinkPtr link = entry->owner;
  if (link != nullptr && entry->registered != entry->core.stream_id()) {
    const auto it = link->subscriptions.find(entry->registered);
    if (it != link->subscriptions.end() && it->second == entry) link->subscriptions.erase(it);
    entry->registered = entry->core.stream_id();
    if (entry->registered != 0) link->subscriptions[entry->registered] = entry;
  }
  Wake(entry->core.NextDeadline());
  if (link != nullptr) Settle(*link);
  if (!entry->core.finished()) return;
  entry->client = nullptr;
  subscriptions_.erase(entry->core.number());
  const auto current = subscription_of_.find(entry->core.stream());
  if (current != subscription_of_.end() && current->second == entry)
    subscription_of_.erase(current);
}

void ClientCore::OnTimer(Instant now) {
  next_deadline_ns_ = kNever;
  in_timer_ = true;
  std::vector<LinkPtr> links;
  for (const auto& [endpoint, link] : links_) links.push_back(link);
  for (const LinkPtr& link : links) {
    link->router.OnTimer(now);
    Settle(*link);
    Wake(link->router.NextDeadline());
  }
  // Observers may add and remove entries.
  std::vector<PublicationPtr> publications;
  for (const auto& [number, entry] : publications_) {
    const int64_t deadline_ns = entry->core.NextDeadline();
    if (deadline_ns <= now.mono_ns) publications.push_back(entry);
    Wake(deadline_ns <= now.mono_ns ? kNever : deadline_ns);
  }
  std::vector<SubscriptionPtr> subscriptions;
  for (const auto& [number, entry] : subscriptions_) {
    const int64_t deadline_ns = entry->core.NextDeadline();
    if (deadline_ns <= now.mono_ns) subscriptions.push_back(entry);
    Wake(deadline_ns <= now.mono_ns ? kNever : deadline_ns);
  }
  for (const PublicationPtr& entry : publications) {
    entry->core.OnTimer(now);
    After(entry, now);
  }
  for (const SubscriptionPtr& entry : subscriptions) {
    entry->core.OnTimer(now);
    After(entry);
  }
  in_timer_ = false;
}

}  // namespace millrace::bus
