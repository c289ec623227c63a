#pragma once
// A stream that comes as RTP: packets through a Receiver into an Ingest. What a publisher's session
// is made of, and whoever else brings packets. Belongs to one shard.

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gateways/rtsp/receiver.h"
#include "media/base/payload.h"
#include "media/sdp/sources.h"
#include "millrace/v1/config.pb.h"
#include "runtime/node/node.h"
#include "runtime/stream/ingest.h"

namespace millrace::rtsp {

struct PublicationOptions {
  std::string stream;
  std::string session;  // id
  std::vector<media::sdp::Source> sources;
  bool datagrams = false;  // packets may be lost or come late
  uint32_t ssrc = 0;       // of our reports
};

class Publication {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // `shard` is the caller's, where `observer` is called; it outlives the publication.
  Publication(node::Node& node, boost::asio::io_context& shard, PublicationOptions options,
              stream::IngestObserver& observer);

  // A packet of the media (index in the description). A fault names what is wrong with it; go on
  // with the next one.
  absl::Status OnPacket(size_t media, bool rtcp, const media::Payload& packet, TimePoint now);
  // Behind some datagrams, and now and then: gives up those that do not come.
  void OnTimer(TimePoint now);
  // See Receiver::Report.
  std::vector<uint8_t> Report(size_t media, TimePoint now);
  // See Receiver::ended.
  bool ended() const { return receiver_.ended(); }
  // How long nothing more should be read: see Ingest::Wait.
  std::chrono::nanoseconds Wait() { return ingest_->Wait(); }
  // That no media comes is not the publisher's doing.
  void Excuse(TimePoint now) { last_media_ = now; }
  // Takes over a configuration that has changed. Nothing has come for publish_idle_timeout: true.
  bool IdleAt(TimePoint now);
  // `lost`: the connection broke.
  void Close(bool lost) { ingest_->Close(lost); }

  const v1::AppSettings& settings() const { return settings_; }

 private:
  void Push(TimePoint now);
  void CountLosses();

  node::Node& node_;
  const std::string stream_;
  std::shared_ptr<const v1::Configuration> configuration_;  // that settings_ is from
  v1::AppSettings settings_;
  Receiver receiver_;
  std::vector<Receiver::Item> items_;
  Receiver::Counters counted_;
  std::unique_ptr<stream::Ingest> ingest_;
  TimePoint last_media_;
};

}  // namespace millrace::rtsp
