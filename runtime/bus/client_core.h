#pragma once
// A node's whole side of the bus without I/O: which router owns which stream, the links to the
// routers, every publication and subscription. Messages and time in, messages out through Network.
// One thread.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "media/base/payload.h"
#include "runtime/bus/client.h"
#include "runtime/bus/port.h"
#include "runtime/bus/router_link.h"

namespace millrace::bus {

using LinkId = uint32_t;

// Connections to routers: two a link, one for each channel, which come and go by themselves between
// Open and Close. Messages on one of them arrive in order, once, or not at all when it breaks.
class Network {
 public:
  virtual ~Network() = default;
  // Ids are never reused.
  virtual void Open(LinkId link, const std::string& endpoint) = 0;
  virtual void Close(LinkId link) = 0;
  // False: no connection at the moment; the message is dropped. Neither calls back into the core.
  virtual bool SendControl(LinkId link, v1::Channel channel, const v1::Envelope& message) = 0;
  virtual bool SendMedia(LinkId link, const BatchRef& batch) = 0;
  // NextDeadline() is earlier than it was. Not called from within OnTimer.
  virtual void OnDeadline(int64_t deadline_ns) = 0;
};

class ClientCore final : public Client {
 public:
  // `clock` serves calls that come from gateways, which do not bring the time; it agrees with the
  // `now` of all others. `network` outlives the core.
  ClientCore(NodeIdentity identity, Network& network, std::function<Instant()> clock);
  // Publications and subscriptions may outlive the core; they are dead then.
  ~ClientCore() override;
  ClientCore(const ClientCore&) = delete;
  ClientCore& operator=(const ClientCore&) = delete;

  void SetTopology(const v1::Topology& topology) override;
  std::unique_ptr<Publication> Publish(std::string_view stream, PublishOptions options,
                                       PublicationObserver& observer) override;
  std::unique_ptr<Subscription> Subscribe(std::string_view stream, SubscribeOptions options,
                                          SubscriptionObserver& observer) override;
  bool connected() const override;

  // From the network. Messages of unknown links are ignored.
  void OnConnected(LinkId link, v1::Channel channel, Instant now);
  void OnDisconnected(LinkId link, v1::Channel channel, Instant now);
  void OnControl(LinkId link, v1::Channel channel, const v1::Envelope& message, Instant now);
  // A whole batch; frames that observers keep share its owner.
  void OnMedia(LinkId link, const media::Payload& message, Instant now);
  void OnTimer(Instant now);
  // mono_ns at which OnTimer wants to be called; earlier calls do no harm. Any call may bring it
  // forward.
  int64_t NextDeadline() const { return next_deadline_ns_; }

  ClientStats& stats() { return stats_; }
  uint64_t term() const { return term_; }
  size_t publications() const { return publications_.size(); }
  size_t subscriptions() const { return subscriptions_.size(); }

 private:
  class Link;
  struct PublicationEntry;
  struct SubscriptionEntry;
  class PublicationHandle;
  class SubscriptionHandle;
  using LinkPtr = std::shared_ptr<Link>;
  using PublicationPtr = std::shared_ptr<PublicationEntry>;
  using SubscriptionPtr = std::shared_ptr<SubscriptionEntry>;

  LinkPtr FindLink(LinkId id) const;
  LinkPtr OwnerOf(const std::string& stream) const;
  void AttachAll(const LinkPtr& link, Instant now);
  void DetachAll(Link& link);
  // Detaches what hangs on a link whose connection was found broken.
  void Settle(Link& link);
  bool MayAttach(const PublicationEntry& entry) const;
  void TryAttach(const PublicationPtr& entry, Instant now);
  void TryAttach(const SubscriptionPtr& entry, Instant now);
  void Move(Instant now);

  void OnLinkControl(const LinkPtr& link, v1::Channel channel, const v1::Envelope& message,
                     Instant now);
  void OnStreamControl(const LinkPtr& link, const v1::Envelope& message, Instant now);
  void OnPublishGrant(Link& link, const v1::PublishGrant& grant, uint64_t term, Instant now);
  void OnPublishRefused(Link& link, const v1::PublishRefused& refused, uint64_t term, Instant now);
  void OnSubscribeGrant(Link& link, const v1::SubscribeGrant& grant, uint64_t term, Instant now);
  void OnStreamEnded(Link& link, const v1::StreamEnded& ended, Instant now);
  void OnNotOwner(Link& link, const v1::NotOwner& message, uint64_t term, Instant now);
  void OnMediaPong(Link& link, uint64_t number, Instant now);

  // After anything happened to an entry: bookkeeping, deadlines, removal where it is finished.
  void After(const PublicationPtr& entry, Instant now);
  void After(const SubscriptionPtr& entry);
  PublicationPtr FindPublication(uint64_t request_id) const;
  SubscriptionPtr FindSubscription(uint64_t request_id) const;
  void Wake(int64_t deadline_ns) {
    if (deadline_ns >= next_deadline_ns_) return;
    next_deadline_ns_ = deadline_ns;
    if (!in_timer_) network_.OnDeadline(deadline_ns);
  }

  const NodeIdentity identity_;
  Network& network_;
  const std::function<Instant()> clock_;
  ClientStats stats_;
  uint64_t term_ = 0;
  std::vector<std::string> endpoints_;
  std::map<std::string, LinkPtr> links_;  // by endpoint
  LinkId last_link_ = 0;
  uint64_t last_number_ = 0;
  // By number, that is in the order of creation, which is also that of re-attachment.
  std::map<uint64_t, PublicationPtr> publications_;
  std::map<uint64_t, SubscriptionPtr> subscriptions_;
  absl::flat_hash_map<std::string, SubscriptionPtr> subscription_of_;
  std::vector<PublicationPtr> leaving_;  // unpublished and not yet finished
  int64_t next_deadline_ns_ = kNever;
  bool in_timer_ = false;
};

}  // namespace millrace::bus
