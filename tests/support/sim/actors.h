#pragma once
// Gateways of the simulated cluster: publishers whose every frame says what it is, and subscribers
// that check what they are told against the contract and against what was published.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/bus/client.h"
#include "tests/support/sim/cluster.h"

namespace millrace::sim {

// What was published, by stream and epoch: the truth that subscribers are held against.
struct EpochRecord {
  uint64_t publisher = 0;
  uint64_t last_sequence = 0;
  bool continues = false;  // the publisher was told where the epoch before ended
  std::vector<uint64_t> random_access;
  std::map<uint64_t, uint32_t> version_from;  // first sequence -> track set version
};
struct Ledger {
  std::map<std::string, std::map<uint64_t, EpochRecord>> streams;
  uint64_t publishers = 0;
  std::vector<std::string> violations;
  void Violation(const std::string& text) {
    if (violations.size() < 20) violations.push_back(text);
  }
};

struct PublisherOptions {
  std::string stream = "live/one";
  bus::PublishOptions publish;
  int64_t frame_ns = 40 * kMs;
  uint32_t frames_per_gop = 10;
  size_t payload_bytes = 200;
  size_t key_payload_bytes = 2'000;
  uint32_t tracks_change_every = 0;  // GOPs; 0: never
};

// Publishes as soon as it is granted: video in the order I P B P B …, with an audio frame behind
// every other, each batch at once.
class Publisher : private bus::PublicationObserver {
 public:
  Publisher(Cluster& cluster, Ledger& ledger, const std::string& node, PublisherOptions options);
  ~Publisher() override = default;

  void Unpublish(bool lost);
  // The process is gone: nothing is said or called any more.
  void Abandon();
  // Stops producing, stays published.
  void Hold() { producing_ = false; }
  void Continue() { producing_ = true; }
  // As a gateway does whose session ended.
  void DestroyHandle() { publication_.reset(); }

  const std::string& node() const { return node_; }
  bool granted() const { return grants_ > 0; }
  bool refused() const { return refused_; }
  v1::RefusalReason reason() const { return reason_; }
  uint64_t epoch() const { return epoch_; }
  uint64_t last_sequence() const { return sequence_; }
  const std::optional<bus::Timeline>& previous() const { return previous_; }
  uint64_t lost() const { return lost_; }

 private:
  void OnGranted(const bus::Grant& grant) override;
  void OnRefused(v1::RefusalReason reason, const std::string& text) override;
  void OnLost(uint64_t from_sequence, uint64_t to_sequence) override;
  void ScheduleTick();
  void Tick();
  void SendTracks();
  media::Frame MakeFrame(uint8_t track, bool key);

  Cluster& cluster_;
  Ledger& ledger_;
  const std::string node_;
  const PublisherOptions options_;
  const uint64_t id_;
  std::unique_ptr<bus::Publication> publication_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  bool producing_ = true;
  int grants_ = 0;
  bool refused_ = false;
  v1::RefusalReason reason_ = v1::REFUSAL_UNSPECIFIED;
  std::optional<bus::Timeline> previous_;
  uint64_t epoch_ = 0;
  uint64_t sequence_ = 0;
  uint64_t videos_ = 0;
  uint32_t gop_ = 0;
  uint32_t version_ = 0;
  int64_t dts_ns_ = 0;
  uint64_t lost_ = 0;
};

class Subscriber : private bus::SubscriptionObserver {
 public:
  Subscriber(Cluster& cluster, Ledger& ledger, const std::string& node, std::string stream,
             bus::SubscribeOptions options = {});

  void Abandon() { subscription_.reset(); }

  struct Received {
    uint64_t first = 0;  // first frame of the epoch that came or was skipped
    uint64_t last = 0;
    uint64_t frames = 0;
    uint64_t skipped = 0;
  };
  const std::map<uint64_t, Received>& epochs() const { return epochs_; }
  uint64_t epoch() const { return epoch_; }
  // Of the current epoch.
  uint64_t last_sequence() const;
  uint64_t frames() const { return frames_; }
  uint64_t skipped() const { return skipped_; }
  const std::vector<bus::Skip>& skips() const { return skips_; }
  int waits() const { return waits_; }
  int ends() const { return ends_; }
  bool ended() const { return ended_; }
  v1::EndReason end_reason() const { return end_reason_; }
  // The longest time between two deliveries, from `Watch()` on.
  void Watch() { longest_pause_ns_ = 0, last_delivery_ns_ = cluster_.now().mono_ns; }
  int64_t longest_pause_ns() const { return longest_pause_ns_; }

 private:
  void OnWaiting() override;
  void OnTracks(uint64_t epoch, const media::TrackSet& tracks) override;
  void OnFrames(uint64_t epoch, bool random_access, std::vector<media::Frame> frames) override;
  void OnSkipped(const bus::Skip& skip) override;
  void OnEnded(v1::EndReason reason, const std::string& text) override;
  void CheckFrame(const media::Frame& frame);
  void Violation(const std::string& text);

  Cluster& cluster_;
  Ledger& ledger_;
  const std::string name_;
  const std::string stream_;
  const bool live_start_;
  std::unique_ptr<bus::Subscription> subscription_;
  uint64_t epoch_ = 0;
  uint32_t version_ = 0;
  bool ended_ = false;
  bool need_random_access_ = false;
  std::map<uint64_t, Received> epochs_;
  std::vector<bus::Skip> skips_;
  uint64_t frames_ = 0;
  uint64_t skipped_ = 0;
  int waits_ = 0;
  int ends_ = 0;
  v1::EndReason end_reason_ = v1::END_UNSPECIFIED;
  int64_t last_delivery_ns_ = 0;
  int64_t longest_pause_ns_ = 0;
  int64_t pts_end_ns_ = 0;  // of all frames so far
};

}  // namespace millrace::sim
