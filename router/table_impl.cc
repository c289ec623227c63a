// Messages: who they are from, and which stream they are about.

#include "router/table_impl.h"

#include <algorithm>
#include <utility>

#include "runtime/bus/stream_name.h"

namespace millrace::router {
namespace {

constexpr int64_t kSayAgainAfterNs = 100 * kMillisecond;
constexpr uint64_t kSaidHelloRequired = 1;

uint64_t Mix(uint64_t value) {
  value ^= value >> 30;
  value *= 0xbf58476d1ce4e5b9;
  value ^= value >> 27;
  value *= 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

}  // namespace

Table::Impl::Impl(Options options, Outbox& outbox, Time now, Observer* observer)
    : context_{.options = std::move(options),
               .outbox = outbox,
               .observer = observer != nullptr ? *observer : silent_},
      nodes_(context_) {
  context_.budget.limit = context_.options.cache_limit;
  context_.settled_at_ns = now.mono_ns + context_.options.settle_ms * kMillisecond;
  active_since_ns_ = now.mono_ns;
  // Ids of another router instance never mean anything here.
  next_stream_id_ = Mix(context_.options.incarnation) << 32;
}

void Table::Impl::OnControl(ConnectionId from, const v1::Envelope& envelope, Time now) {
  ++context_.counters.control_in;
  if (envelope.has_hello()) {
    OnHello(from, envelope.hello(), now);
    return;
  }
  Node* node = nodes_.Find(from);
  if (node == nullptr) {
    RequireHello(from, now);
    return;
  }
  if (envelope.has_ping()) {
    OnPing(from, *node, envelope.ping(), now);
    return;
  }
  if (node->media != from) {
    ++context_.counters.malformed_control;
    return;
  }
  const Sender sender{from, node->name, node->incarnation};
  switch (envelope.message_case()) {
    case v1::Envelope::kPublish:
      OnPublish(sender, envelope.publish(), now);
      break;
    case v1::Envelope::kSubscribe:
      OnSubscribe(sender, envelope.subscribe(), now);
      break;
    case v1::Envelope::kTrackSet: {
      const v1::TrackSetUpdate& tracks = envelope.track_set();
      if (Stream* stream = FindStream(tracks.stream_id())) {
        stream->SetTracks(from, tracks);
        Settle(*stream, now);
      } else {
        RefuseUnknown(from, tracks.stream_id(), tracks.epoch(), now);
      }
      break;
    }
    case v1::Envelope::kUnpublish:
      if (Stream* stream = FindStream(envelope.unpublish().stream_id())) {
        stream->Unpublish(sender, envelope.unpublish(), now);
        Settle(*stream, now);
      }
      break;
    case v1::Envelope::kUnsubscribe:
      if (Stream* stream = FindStream(envelope.unsubscribe().stream_id())) {
        stream->Unsubscribe(from, envelope.unsubscribe(), now);
        Settle(*stream, now);
      }
      break;
    case v1::Envelope::kCredit:
      OnCredit(from, envelope.credit());
      break;
    case v1::Envelope::kFetch:
      OnFetch(from, envelope.fetch());
      break;
    default:
      // Ours to say, or of a later version of the contract.
      ++context_.counters.malformed_control;
      break;
  }
}

void Table::Impl::OnMedia(ConnectionId from, const SharedBatch& batch, Time now) {
  ++context_.counters.media_in;
  context_.counters.media_in_bytes += batch.bytes.size();
  const absl::StatusOr<media::BatchHeader> header = media::DecodeBatchHeader(batch.bytes.bytes());
  if (!header.ok()) {
    context_.CountDropped(Drop::kMalformed, 1);
    return;
  }
  const Node* node = nodes_.Find(from);
  if (node == nullptr || node->media != from) {
    context_.CountDropped(Drop::kStale, header->frame_count);
    if (node == nullptr) RequireHello(from, now);
    return;
  }
  Stream* stream = FindStream(header->stream_id);
  if (stream == nullptr) {
    context_.CountDropped(Drop::kUnknownStream, header->frame_count);
    RefuseUnknown(from, header->stream_id, header->epoch, now);
    return;
  }
  switch (stream->Take(from, *header, batch, now)) {
    case Stream::Taken::kForwarded:
      break;
    case Stream::Taken::kDropped:
      return;
    case Stream::Taken::kUnknown:
      RefuseUnknown(from, header->stream_id, header->epoch, now);
      return;
  }
  CountDelay(*node, batch.bytes.bytes(), now);
  if (!stream->in_active_list) {
    stream->in_active_list = true;
    active_.push_back(stream->id());
  }
  if (context_.budget.used > context_.budget.limit) RelieveCache(*stream);
  Settle(*stream, now);
}

void Table::Impl::OnHello(ConnectionId from, const v1::Hello& hello, Time now) {
  Node* node = nullptr;
  for (const Nodes::Gone& gone : nodes_.Hello(from, hello, now, node)) DropConnection(gone, now);
  if (node == nullptr) {
    ++context_.counters.malformed_control;
    return;
  }
  deadlines_.Schedule({node->lease_end_ns, DeadlineOf::kNode, node->key}, node->scheduled_ns);
  v1::Envelope envelope = context_.Envelope();
  v1::Welcome& welcome = *envelope.mutable_welcome();
  welcome.set_router_incarnation(context_.options.incarnation);
  welcome.set_lease_ms(static_cast<uint32_t>(context_.options.lease_ms));
  const int64_t left = std::max<int64_t>(0, context_.settled_at_ns - now.mono_ns);
  welcome.set_settle_ms(static_cast<uint32_t>((left + kMillisecond - 1) / kMillisecond));
  context_.Send(from, envelope);
}

void Table::Impl::OnPing(ConnectionId from, Node& node, const v1::Ping& ping, Time now) {
  nodes_.Ping(from, node, ping, now);
  v1::Envelope envelope = context_.Envelope();
  v1::Pong& pong = *envelope.mutable_pong();
  pong.set_number(ping.number());
  pong.set_sent_wall_ns(ping.sent_wall_ns());
  pong.set_router_wall_ns(now.wall_ns);
  pong.set_router_incarnation(context_.options.incarnation);
  context_.Send(from, envelope);
}

void Table::Impl::OnPublish(const Sender& from, const v1::Publish& publish, Time now) {
  const auto refuse = [&](v1::RefusalReason reason, const std::string& text) {
    v1::Envelope envelope = context_.Envelope();
    v1::PublishRefused& refused = *envelope.mutable_publish_refused();
    refused.set_request_id(publish.request_id());
    refused.set_reason(reason);
    refused.set_text(text);
    context_.Send(from.connection, envelope);
  };
  if (publish.request_id() == 0) {
    refuse(v1::REFUSAL_INVALID, "request_id is missing");
    return;
  }
  if (const absl::Status name = bus::ValidateStreamName(publish.stream()); !name.ok()) {
    refuse(v1::REFUSAL_INVALID, std::string(name.message().data(), name.message().size()));
    return;
  }
  if (BelongsElsewhere(from.connection, publish.request_id(), publish.stream())) return;
  Stream* stream = FindOrAdd(publish.stream());
  if (stream == nullptr) {
    refuse(v1::REFUSAL_LIMIT, "the router has as many streams as it may have");
    return;
  }
  stream->Publish(from, publish, now);
  Settle(*stream, now);
}

void Table::Impl::OnSubscribe(const Sender& from, const v1::Subscribe& subscribe, Time now) {
  if (subscribe.request_id() == 0 || !bus::ValidateStreamName(subscribe.stream()).ok()) {
    ++context_.counters.malformed_control;
    return;
  }
  if (BelongsElsewhere(from.connection, subscribe.request_id(), subscribe.stream())) return;
  // Where the table is full nothing is answered: the node asks again.
  if (Stream* stream = FindOrAdd(subscribe.stream())) {
    stream->Subscribe(from, subscribe, now);
    Settle(*stream, now);
  }
}

void Table::Impl::OnCredit(ConnectionId from, const v1::Credit& credit) {
  Stream* stream = FindStream(credit.stream_id());
  if (stream != nullptr && stream->Credit(from, credit)) return;
  v1::Envelope envelope = context_.Envelope();
  v1::StreamEnded& ended = *envelope.mutable_stream_ended();
  ended.set_stream_id(credit.stream_id());
  ended.set_request_id(credit.request_id());
  ended.set_reason(v1::END_UNKNOWN_SUBSCRIPTION);
  context_.Send(from, envelope);
}

void Table::Impl::OnFetch(ConnectionId from, const v1::Fetch& fetch) {
  if (Stream* stream = FindStream(fetch.stream_id())) {
    stream->Fetch(from, fetch);
    return;
  }
  v1::Envelope envelope = context_.Envelope();
  envelope.mutable_fetched()->set_request_id(fetch.request_id());
  envelope.mutable_fetched()->set_stream_id(fetch.stream_id());
  envelope.mutable_fetched()->set_epoch(fetch.epoch());
  context_.Send(from, envelope);
}

void Table::Impl::RequireHello(ConnectionId from, Time now) {
  if (!MaySay(kSaidHelloRequired, from, now)) return;
  ++context_.counters.hello_required;
  v1::Envelope envelope = context_.Envelope();
  envelope.mutable_hello_required()->set_router_incarnation(context_.options.incarnation);
  context_.Send(from, envelope);
}

void Table::Impl::RefuseUnknown(ConnectionId from, uint64_t stream_id, uint64_t epoch, Time now) {
  if (!MaySay(Mix(stream_id ^ epoch) | 2, from, now)) return;
  v1::Envelope envelope = context_.Envelope();
  v1::PublishRefused& refused = *envelope.mutable_publish_refused();
  refused.set_stream_id(stream_id);
  refused.set_epoch(epoch);
  refused.set_reason(v1::REFUSAL_UNKNOWN);
  refused.set_text("the router does not know this publication");
  context_.Send(from, envelope);
}

bool Table::Impl::MaySay(uint64_t what, ConnectionId to, Time now) {
  Said& said = said_[Mix(what ^ Mix(to)) % said_.size()];
  if (said.what == what && said.to == to && now.mono_ns - said.at_ns < kSayAgainAfterNs) {
    return false;
  }
  said = {what, to, now.mono_ns};
  return true;
}

bool Table::Impl::BelongsElsewhere(ConnectionId from, uint64_t request_id,
                                   const std::string& stream) {
  if (Owns(stream)) return false;
  v1::Envelope envelope = context_.Envelope();
  envelope.mutable_not_owner()->set_request_id(request_id);
  envelope.mutable_not_owner()->set_stream(stream);
  context_.Send(from, envelope);
  return true;
}

void Table::Impl::CountDelay(const Node& node, media::Bytes message, Time now) {
  const int64_t ingest = media::DecodeFrameHeader(message, 0).ingest_wall_ns;
  if (ingest <= 0 || ingest > now.wall_ns + 3600 * kSecond) return;
  const int64_t delay = std::max<int64_t>(0, now.wall_ns - (ingest + node.clock_offset_ns));
  Counters& counters = context_.counters;
  const auto bucket = std::lower_bound(kDelayBoundsNs.begin(), kDelayBoundsNs.end(), delay);
  ++counters.hop_delay[static_cast<size_t>(bucket - kDelayBoundsNs.begin())];
  counters.hop_delay_sum_seconds += static_cast<double>(delay) * 1e-9;
}

}  // namespace millrace::router
