#include <fmt/format.h>

#include "control-plane/cli/command.h"
#include "control-plane/cli/json.h"
#include "control-plane/cli/relay_text.h"
#include "control-plane/cli/text.h"

namespace millrace::cli {
namespace {

int AddOne(const Context& context) {
  v1::AddPushRequest request;
  request.set_replace(context.arguments.Has("replace"));
  v1::Push& push = *request.mutable_push();
  push.set_stream(context.words[0]);
  push.set_url(context.words[1]);
  push.set_name(context.arguments.Get("name"));
  push.set_insecure_tls(context.arguments.Has("insecure"));
  const auto added = context.client().AddPush(request);
  if (!added.ok()) return context.Fail(WithReplaceHint(added.status()));
  if (context.json) {
    context.out << ToJson(*added) << "\n";
    return kOk;
  }
  context.out << fmt::format(
      "pushing {} to {} whenever it is live; how it goes: millrace push get {}\n",
      Harmless(added->stream()), Harmless(added->url()), Harmless(added->name()));
  return kOk;
}

int List(const Context& context) {
  v1::ListPushesRequest request;
  request.set_stream(context.arguments.Get("stream"));
  const auto pushes = context.client().ListPushes(request);
  if (!pushes.ok()) return context.Fail(pushes.status());
  if (context.json) {
    context.out << ToJsonList("pushes", *pushes) << "\n";
    return kOk;
  }
  if (pushes->empty()) {
    context.out << "No pushes.\n";
    return kOk;
  }
  Table table({"NAME", "STREAM", "STATE", "SINCE", "NODE", "URL", "REASON"}, context.colours);
  for (const v1::Push& push : *pushes) {
    table.Add({{push.name()},
               {push.stream()},
               {RelayStateWord(push.status()), RelayStateStyle(push.status())},
               {RelayAge(push.status()), Style::kPlain, true},
               {push.status().node().empty() ? "–" : push.status().node()},
               {push.url()},
               {push.status().reason().empty() ? "–" : push.status().reason()}});
  }
  context.out << table.Render();
  return kOk;
}

int Get(const Context& context) {
  const auto push = context.client().GetPush(context.words[0]);
  if (!push.ok()) return context.Fail(push.status());
  if (context.json) {
    context.out << ToJson(*push) << "\n";
    return kOk;
  }
  context.Line("name", push->name());
  context.Line("stream", push->stream());
  context.Line("url", push->url());
  PrintStatus(context, push->status());
  return kOk;
}

int RemoveOne(const Context& context) {
  return context.Removed(context.client().RemovePush(context.words[0]), context.words[0]);
}

}  // namespace

std::vector<Command> PushCommands() {
  return {
      {"push",
       "add",
       "STREAM URL",
       "Send a stream to another server whenever it is live",
       "rtmp://, rtmps://, rtsp:// and rtsps:// (over TCP). Pushes survive restarts, and what "
       "breaks is tried again.\n"
       "User, password and the stream key, the last part of the URL, are shown to nobody "
       "afterwards.\n\n"
       "  --name=NAME          what to call it, where a stream has several (default: the stream)\n"
       "  --insecure           rtmps, rtsps: take any certificate\n"
       "  --replace            whatever push has that name\n\n"
       "  millrace push add live/show rtmp://ingest.example/live2/KEY\n"
       "  millrace push add live/show rtmps://other.example/app/KEY --name other\n"
       "  millrace push add live/show rtsp://user:secret@archive.example/in/show --name archive\n",
       2,
       2,
       {"name", "insecure", "replace"},
       AddOne},
      {"push",
       "list",
       "",
       "Every push and how it is doing",
       "  --stream=NAME        only pushes of that stream\n\n"
       "  millrace push list\n",
       0,
       0,
       {"stream"},
       List},
      {"push", "get", "NAME", "One push", "  millrace push get live/show\n", 1, 1, {}, Get},
      {"push",
       "remove",
       "NAME",
       "End a push",
       "  millrace push remove live/show\n",
       1,
       1,
       {},
       RemoveOne},
  };
}

}  // namespace millrace::cli
