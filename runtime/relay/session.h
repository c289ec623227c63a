#pragma once
// What a gateway that fetches streams from other servers, or sends them there, brings: a Factory.
// Everything else (which, when, again and again, and telling the control plane) is the Runner's.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "millrace/v1/node.pb.h"

namespace millrace::relay {

// How an attempt ended.
enum class End {
  kLost,      // there was no connection, or it broke
  kRefused,   // the far end, or this cluster, said no
  kOver,      // the stream ended: the far end's of a pull, ours of a push
  kReplaced,  // of a pull: another publisher has taken the stream over
  kKicked,
  kStopped,  // because of Stop()
};
const char* EndName(End end);  // "lost" …: metric label and log field

enum class StopKind {
  kGoodbye,   // for good: a pulled stream ends here at once
  kHandOver,  // another attempt goes on soon, perhaps on another node: its viewers wait
              // (Ingest::Close with `lost`)
};

// What an attempt tells. From any thread; the Runner's own.
struct Events {
  // Once, when media flows: the router has granted the stream of a pull, the far end has accepted a
  // push. `session` is the id in the SessionRegistry.
  std::function<void(std::string session)> on_running;
  // Once, last, however the attempt ended; nothing of it may be left in the SessionRegistry then.
  // `reason` is a sentence for people; the Runner takes out of it what is secret of the URL.
  std::function<void(End end, std::string reason)> on_ended;
};

// One attempt, on whichever shard the factory has chosen. The handle lives on the home shard, until
// on_ended has come or the shards have stopped.
class Session {
 public:
  virtual ~Session() = default;
  // On the home shard, once, at any time, also after on_ended. on_ended (kStopped) follows within
  // two seconds, whatever the far end does.
  virtual void Stop(StopKind kind) = 0;
};

// All on the home shard. `pull.url` and `push.url` hold their secrets: never log them
// (relay::ShownUrl). Whoever starts an attempt
//  - opens a row in the SessionRegistry (a publisher's for a pull, protocol "rtmp-pull" or like it,
//    with the far end's address, a viewer's for a push) whose kick ends the attempt with kKicked;
//  - asks the bans first, as for a client's session: kRefused with the ban's reason;
//  - takes `node.settings(stream)` for a pull's Ingest, and closes that as lost unless the attempt
//    was stopped by kGoodbye;
//  - gives up by itself where the far end does not answer (10 s to connect and be accepted, then
//    publish_idle_timeout without media).
class Factory {
 public:
  virtual ~Factory() = default;
  // What Register says of this node: "rtmp", "rtmps" …; empty: none of that kind.
  virtual std::vector<std::string> pull_schemes() const = 0;
  virtual std::vector<std::string> push_schemes() const = 0;
  virtual std::unique_ptr<Session> StartPull(const v1::Pull& pull, Events events) = 0;
  // Called only where push_schemes() is not empty.
  virtual std::unique_ptr<Session> StartPush(const v1::Push& push, Events events) = 0;
};

}  // namespace millrace::relay
