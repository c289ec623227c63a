#include "router/counters.h"
#include "router/observer.h"

namespace millrace::router {

const char* EventName(EventKind kind) {
  switch (kind) {
    case EventKind::kPublished:
      return "published";
    case EventKind::kReattached:
      return "publisher re-attached";
    case EventKind::kPublishRefused:
      return "publish refused";
    case EventKind::kReplaced:
      return "publisher replaced";
    case EventKind::kPublisherLost:
      return "publisher lost, grace begins";
    case EventKind::kUnpublished:
      return "unpublished";
    case EventKind::kEnded:
      return "stream ended";
    case EventKind::kSubscribed:
      return "subscribed";
    case EventKind::kUnsubscribed:
      return "unsubscribed";
    case EventKind::kSkipped:
      return "subscriber skipped frames";
    case EventKind::kLost:
      return "publisher lost frames";
    case EventKind::kMoved:
      return "stream moved to another router";
    case EventKind::kTracksChanged:
      return "tracks changed";
    case EventKind::kNodeAttached:
      return "node attached";
    case EventKind::kNodeRestarted:
      return "node restarted";
    case EventKind::kNodeReconnected:
      return "node reconnected";
    case EventKind::kNodeGone:
      return "node stopped answering";
  }
  return "unknown";
}

const char* DropName(Drop drop) {
  switch (drop) {
    case Drop::kCredit:
      return "credit";
    case Drop::kLate:
      return "late";
    case Drop::kLost:
      return "lost";
    case Drop::kDuplicate:
      return "duplicate";
    case Drop::kStale:
      return "stale";
    case Drop::kGap:
      return "gap";
    case Drop::kMalformed:
      return "malformed";
    case Drop::kUnknownStream:
      return "unknown_stream";
  }
  return "unknown";
}

}  // namespace millrace::router
