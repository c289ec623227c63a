#pragma once
// Private to client_core*.cc: links, entries and the handles that gateways hold.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "runtime/bus/client_core.h"
#include "runtime/bus/publication_core.h"
#include "runtime/bus/subscription_core.h"

namespace millrace::bus {

struct ClientCore::PublicationEntry {
  PublicationEntry(ClientCore* owner_client, uint64_t number, std::string stream,
                   PublishOptions options, PublicationObserver& observer)
      : client(owner_client),
        core(number, std::move(stream), std::move(options), observer, owner_client->stats_) {}

  ClientCore* client;       // nullptr: the client is gone
  LinkPtr owner;            // nullptr: no topology yet
  uint64_t owner_term = 0;  // since when `owner` owns the stream
  uint64_t registered = 0;  // stream id under which `owner` finds this entry
  PublicationCore core;
};

struct ClientCore::SubscriptionEntry {
  SubscriptionEntry(ClientCore* owner_client, uint64_t number, std::string stream,
                    SubscribeOptions options, SubscriptionObserver& observer)
      : client(owner_client),
        core(number, std::move(stream), options, observer, owner_client->stats_) {}

  ClientCore* client;
  LinkPtr owner;
  uint64_t owner_term = 0;
  uint64_t registered = 0;
  SubscriptionCore core;
};

// One router: its link, and the streams that it has granted, by the ids that it gave them.
class ClientCore::Link final : public Port, public RouterLink::Wire {
 public:
  Link(ClientCore& client, LinkId id, std::string endpoint)
      : router(client.identity_, *this), id(id), endpoint(std::move(endpoint)), client_(client) {}

  bool Send(v1::Channel channel, v1::Envelope& message) override {
    message.set_term(client_.term_);
    if (closed) return false;
    if (!client_.network_.SendControl(id, channel, message)) {
      router.OnDisconnected(channel);
      return false;
    }
    ++client_.stats_.messages_out;
    return true;
  }
  bool SendControl(v1::Envelope& message) override {
    return router.ready() && Send(v1::CHANNEL_MEDIA, message);
  }
  bool SendMedia(const BatchRef& batch) override {
    if (closed || !router.ready()) return false;
    if (!client_.network_.SendMedia(id, batch)) {
      router.OnDisconnected(v1::CHANNEL_MEDIA);
      return false;
    }
    ++client_.stats_.messages_out;
    return true;
  }
  uint64_t term() const override { return client_.term_; }
  uint64_t SendPing() override { return router.SendMediaPing(client_.clock_()); }
  int64_t clock_offset_ns() const override { return router.clock_offset_ns(); }

  template <typename Entry>
  static bool Believed(const Entry& entry, uint64_t term) {
    // A router that has no topology has no older one; one that has an older one may have been
    // deposed.
    return term == 0 || term >= entry.owner_term;
  }

  RouterLink router;
  const LinkId id;
  const std::string endpoint;
  bool attached = false;  // streams were attached since the last welcome
  bool closed = false;
  absl::flat_hash_map<uint64_t, std::vector<PublicationPtr>> publications;
  absl::flat_hash_map<uint64_t, SubscriptionPtr> subscriptions;

 private:
  ClientCore& client_;
};

class ClientCore::PublicationHandle final : public Publication {
 public:
  explicit PublicationHandle(PublicationPtr entry) : entry_(std::move(entry)) {}
  ~PublicationHandle() override {
    if (ClientCore* client = entry_->client; client != nullptr) {
      const Instant now = client->clock_();
      entry_->core.Forget(now);
      client->After(entry_, now);
    }
  }
  void SetTracks(const media::TrackSet& tracks) override {
    if (ClientCore* client = entry_->client; client != nullptr) {
      const Instant now = client->clock_();
      entry_->core.SetTracks(tracks, now);
      client->After(entry_, now);
    }
  }
  void Send(std::span<const media::Frame> frames) override {
    if (ClientCore* client = entry_->client; client != nullptr) {
      const Instant now = client->clock_();
      entry_->core.Send(frames, now);
      client->After(entry_, now);
    }
  }
  void SetGrace(uint32_t grace_ms, uint32_t grace_after_unpublish_ms) override {
    if (entry_->client != nullptr) entry_->core.SetGrace(grace_ms, grace_after_unpublish_ms);
  }
  void Unpublish(bool lost) override {
    if (ClientCore* client = entry_->client; client != nullptr) {
      const Instant now = client->clock_();
      entry_->core.Unpublish(lost, now);
      client->After(entry_, now);
    }
  }

 private:
  const PublicationPtr entry_;
};

class ClientCore::SubscriptionHandle final : public Subscription {
 public:
  explicit SubscriptionHandle(SubscriptionPtr entry) : entry_(std::move(entry)) {}
  ~SubscriptionHandle() override {
    if (ClientCore* client = entry_->client; client != nullptr) {
      entry_->core.Forget();
      client->After(entry_);
    }
  }

 private:
  const SubscriptionPtr entry_;
};

}  // namespace millrace::bus
