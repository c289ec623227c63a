// What a message from a router means: the receiving half of ClientCore.

#include <algorithm>

#include "media/frame/batch.h"
#include "runtime/bus/client_core.h"
#include "runtime/bus/client_entries.h"

namespace millrace::bus {

void ClientCore::OnConnected(LinkId id, v1::Channel channel, Instant now) {
  const LinkPtr link = FindLink(id);
  if (link == nullptr) return;
  link->router.OnConnected(channel);
  Settle(*link);
}

void ClientCore::OnDisconnected(LinkId id, v1::Channel channel, Instant now) {
  const LinkPtr link = FindLink(id);
  if (link == nullptr) return;
  link->router.OnDisconnected(channel);
  Settle(*link);
}

void ClientCore::OnControl(LinkId id, v1::Channel channel, const v1::Envelope& message,
                           Instant now) {
  const LinkPtr link = FindLink(id);
  if (link == nullptr) return;
  ++stats_.messages_in;
  switch (message.message_case()) {
    case v1::Envelope::kHelloRequired:
    case v1::Envelope::kWelcome:
    case v1::Envelope::kPong:
      OnLinkControl(link, channel, message, now);
      break;
    default:
      // A router that has not welcomed us speaks of what was before.
      if (channel == v1::CHANNEL_MEDIA && link->attached) OnStreamControl(link, message, now);
      break;
  }
  Settle(*link);
}

void ClientCore::OnLinkControl(const LinkPtr& link, v1::Channel channel,
                               const v1::Envelope& message, Instant now) {
  RouterLink& router = link->router;
  if (message.has_hello_required()) {
    router.OnHelloRequired(channel);
  } else if (message.has_welcome()) {
    const uint64_t reconnects = router.reconnects();
    if (router.OnWelcome(channel, message.welcome(), now)) AttachAll(link, now);
    stats_.reconnects += router.reconnects() - reconnects;
  } else {
    router.OnPong(channel, message.pong(), now);
    if (channel == v1::CHANNEL_MEDIA && router.ready()) {
      OnMediaPong(*link, message.pong().number(), now);
    }
  }
}

void ClientCore::OnMediaPong(Link& link, uint64_t number, Instant now) {
  if (leaving_.empty()) return;
  const std::vector<PublicationPtr> leaving = leaving_;
  for (const PublicationPtr& entry : leaving) {
    if (entry->owner.get() != &link) continue;
    entry->core.OnPong(number);
    After(entry, now);
  }
}

void ClientCore::OnStreamControl(const LinkPtr& link, const v1::Envelope& message, Instant now) {
  const auto with_publications = [&](uint64_t stream_id, auto&& act) {
    const auto it = link->publications.find(stream_id);
    if (it == link->publications.end()) return;
    const std::vector<PublicationPtr> entries = it->second;
    for (const PublicationPtr& entry : entries) {
      act(entry->core);
      After(entry, now);
    }
  };
  const auto with_subscription = [&](uint64_t stream_id, auto&& act) {
    const auto it = link->subscriptions.find(stream_id);
    if (it == link->subscriptions.end()) return;
    const SubscriptionPtr entry = it->second;
    act(entry->core);
    After(entry);
  };
  switch (message.message_case()) {
    case v1::Envelope::kPublishGrant:
      return OnPublishGrant(*link, message.publish_grant(), message.term(), now);
    case v1::Envelope::kPublishRefused:
      return OnPublishRefused(*link, message.publish_refused(), message.term(), now);
    case v1::Envelope::kSubscribeGrant:
      return OnSubscribeGrant(*link, message.subscribe_grant(), message.term(), now);
    case v1::Envelope::kStreamEnded:
      return OnStreamEnded(*link, message.stream_ended(), now);
    case v1::Envelope::kNotOwner:
      return OnNotOwner(*link, message.not_owner(), message.term(), now);
    case v1::Envelope::kAck:
      return with_publications(message.ack().stream_id(),
                               [&](PublicationCore& core) { core.OnAck(message.ack(), now); });
    case v1::Envelope::kCredit:
      return with_publications(message.credit().stream_id(), [&](PublicationCore& core) {
        core.OnCredit(message.credit(), now);
      });
    case v1::Envelope::kTrackSet:
      return with_subscription(message.track_set().stream_id(), [&](SubscriptionCore& core) {
        core.OnTrackSet(message.track_set(), now);
      });
    case v1::Envelope::kSkipped:
      return with_subscription(message.skipped().stream_id(), [&](SubscriptionCore& core) {
        core.OnSkipped(message.skipped(), now);
      });
    case v1::Envelope::kMark:
      return with_subscription(message.mark().stream_id(),
                               [&](SubscriptionCore& core) { core.OnMark(message.mark()); });
    default:
      return;  // what nodes say, not routers
  }
}

void ClientCore::OnMedia(LinkId id, const media::Payload& message, Instant now) {
  const LinkPtr link = FindLink(id);
  if (link == nullptr || !link->attached) return;
  ++stats_.messages_in;
  const absl::StatusOr<media::BatchHeader> header = media::DecodeBatchHeader(message.bytes());
  if (!header.ok()) return;
  const auto it = link->subscriptions.find(header->stream_id);
  if (it == link->subscriptions.end()) return;
  const SubscriptionPtr entry = it->second;
  entry->core.OnBatch(*header, message, now);
  After(entry);
}

ClientCore::PublicationPtr ClientCore::FindPublication(uint64_t request_id) const {
  const auto it = publications_.find(StreamNumberOf(request_id));
  return it == publications_.end() ? nullptr : it->second;
}

ClientCore::SubscriptionPtr ClientCore::FindSubscription(uint64_t request_id) const {
  const auto it = subscriptions_.find(StreamNumberOf(request_id));
  return it == subscriptions_.end() ? nullptr : it->second;
}

void ClientCore::OnPublishGrant(Link& link, const v1::PublishGrant& grant, uint64_t term,
                                Instant now) {
  const PublicationPtr entry = FindPublication(grant.request_id());
  if (entry != nullptr) {
    if (entry->owner.get() != &link) return;
    if (Link::Believed(*entry, term)) {
      entry->core.OnGrant(grant, now);
    } else if (grant.request_id() == entry->core.request_id()) {
      entry->core.OnNotOwner(now);
    }
    return After(entry, now);
  }
  // Whoever asked has left in the meantime: the name is free again.
  v1::Envelope answer;
  v1::Unpublish& unpublish = *answer.mutable_unpublish();
  unpublish.set_stream_id(grant.stream_id());
  unpublish.set_epoch(grant.epoch());
  unpublish.set_request_id(grant.request_id());
  link.SendControl(answer);
}

void ClientCore::OnPublishRefused(Link& link, const v1::PublishRefused& refused, uint64_t term,
                                  Instant now) {
  const auto concerns = [&](const PublicationEntry& entry) {
    return entry.owner.get() == &link && Link::Believed(entry, term) &&
           (entry.core.request_id() == refused.request_id() ||
            (entry.core.epoch() != 0 && entry.core.epoch() == refused.epoch() &&
             entry.core.stream_id() == refused.stream_id()));
  };
  std::vector<PublicationPtr> entries;
  if (const PublicationPtr entry = FindPublication(refused.request_id()); entry != nullptr) {
    entries.push_back(entry);
  } else if (const auto it = link.publications.find(refused.stream_id());
             it != link.publications.end()) {
    entries = it->second;
  }
  for (const PublicationPtr& entry : entries) {
    if (!concerns(*entry)) continue;
    entry->core.OnRefused(refused, now);
    After(entry, now);
  }
}

void ClientCore::OnSubscribeGrant(Link& link, const v1::SubscribeGrant& grant, uint64_t term,
                                  Instant now) {
  const SubscriptionPtr entry = FindSubscription(grant.request_id());
  if (entry != nullptr) {
    if (entry->owner.get() != &link) return;
    if (Link::Believed(*entry, term)) {
      entry->core.OnGrant(grant, now);
    } else if (grant.request_id() == entry->core.request_id()) {
      entry->core.OnNotOwner(now);
    }
    return After(entry);
  }
  v1::Envelope answer;
  answer.mutable_unsubscribe()->set_stream_id(grant.stream_id());
  answer.mutable_unsubscribe()->set_request_id(grant.request_id());
  link.SendControl(answer);
}

void ClientCore::OnStreamEnded(Link& link, const v1::StreamEnded& ended, Instant now) {
  SubscriptionPtr entry = FindSubscription(ended.request_id());
  if (entry == nullptr && ended.request_id() == 0) {
    const auto it = link.subscriptions.find(ended.stream_id());
    if (it != link.subscriptions.end()) entry = it->second;
  }
  if (entry == nullptr || entry->owner.get() != &link) return;
  entry->core.OnEnded(ended, now);
  After(entry);
}

void ClientCore::OnNotOwner(Link& link, const v1::NotOwner& message, uint64_t term, Instant now) {
  // Either our topology is behind or the router's is: ask again until one of them has caught up.
  std::vector<PublicationPtr> publications;
  std::vector<SubscriptionPtr> subscriptions;
  const uint64_t request = message.request_id();
  const auto concerns = [&](const auto& entry) {
    if (entry->owner.get() != &link) return false;
    return request != 0 ? entry->core.request_id() == request
                        : entry->core.stream() == message.stream();
  };
  for (const auto& [number, entry] : publications_) {
    if (concerns(entry)) publications.push_back(entry);
  }
  for (const auto& [number, entry] : subscriptions_) {
    if (concerns(entry)) subscriptions.push_back(entry);
  }
  for (const PublicationPtr& entry : publications) {
    entry->core.OnNotOwner(now);
    After(entry, now);
  }
  for (const SubscriptionPtr& entry : subscriptions) {
    entry->core.OnNotOwner(now);
    After(entry);
  }
}

}  // namespace millrace::bus
