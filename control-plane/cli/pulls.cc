#include <fmt/format.h>

#include <array>
#include <optional>
#include <utility>

#include "control-plane/cli/command.h"
#include "control-plane/cli/json.h"
#include "control-plane/cli/relay_text.h"
#include "control-plane/cli/text.h"

namespace millrace::cli {
namespace {

constexpr std::array<std::pair<v1::PullTransport, const char*>, 3> kTransports = {
    {{v1::PULL_UDP_THEN_TCP, "udp_then_tcp"}, {v1::PULL_TCP, "tcp"}, {v1::PULL_UDP, "udp"}}};
constexpr std::array<std::pair<v1::PullKeepAlive, const char*>, 4> kKeepAlives = {
    {{v1::KEEP_ALIVE_AUTO, "auto"},
     {v1::KEEP_ALIVE_GET_PARAMETER, "get_parameter"},
     {v1::KEEP_ALIVE_OPTIONS, "options"},
     {v1::KEEP_ALIVE_NONE, "none"}}};

template <class Choices>
auto Find(const Choices& choices, const std::string& word)
    -> std::optional<typename Choices::value_type::first_type> {
  for (const auto& [value, name] : choices) {
    if (word == name) return value;
  }
  return std::nullopt;
}

template <class Choices, class Value>
std::string NameOf(const Choices& choices, Value wanted) {
  for (const auto& [value, name] : choices) {
    if (value == wanted) return name;
  }
  return "";
}

std::string Mode(const v1::Pull& pull) { return pull.on_demand() ? "on demand" : "always"; }

int AddOne(const Context& context) {
  v1::AddPullRequest request;
  request.set_replace(context.arguments.Has("replace"));
  v1::Pull& pull = *request.mutable_pull();
  pull.set_stream(context.words[0]);
  pull.set_url(context.words[1]);
  pull.set_on_demand(context.arguments.Has("on-demand"));
  pull.set_insecure_tls(context.arguments.Has("insecure"));
  const absl::StatusOr<uint64_t> idle = context.Milliseconds("idle-timeout", 0);
  if (!idle.ok()) return context.Fail(idle.status());
  if (*idle > 0 && !pull.on_demand()) return context.Usage("--idle-timeout needs --on-demand");
  pull.set_idle_timeout_ms(*idle);
  if (context.arguments.Has("transport")) {
    const auto transport = Find(kTransports, context.arguments.Get("transport"));
    if (!transport) return context.Usage("--transport is udp_then_tcp, tcp or udp");
    pull.set_transport(*transport);
  }
  if (context.arguments.Has("keep-alive")) {
    const auto keep_alive = Find(kKeepAlives, context.arguments.Get("keep-alive"));
    if (!keep_alive) return context.Usage("--keep-alive is auto, get_parameter, options or none");
    pull.set_keep_alive(*keep_alive);
  }
  const auto added = context.client().AddPull(request);
  if (!added.ok()) return context.Fail(WithReplaceHint(added.status()));
  if (context.json) {
    context.out << ToJson(*added) << "\n";
    return kOk;
  }
  context.out << fmt::format("pulling {} from {}{}; how it goes: millrace pull get {}\n",
                             Harmless(added->stream()), Harmless(added->url()),
                             added->on_demand() ? " on demand" : "", Harmless(added->stream()));
  return kOk;
}

int List(const Context& context) {
  v1::ListPullsRequest request;
  request.set_prefix(context.arguments.Get("prefix"));
  const auto pulls = context.client().ListPulls(request);
  if (!pulls.ok()) return context.Fail(pulls.status());
  if (context.json) {
    context.out << ToJsonList("pulls", *pulls) << "\n";
    return kOk;
  }
  if (pulls->empty()) {
    context.out << "No pulls.\n";
    return kOk;
  }
  Table table({"STREAM", "STATE", "SINCE", "MODE", "NODE", "URL", "REASON"}, context.colours);
  for (const v1::Pull& pull : *pulls) {
    table.Add({{pull.stream()},
               {RelayStateWord(pull.status()), RelayStateStyle(pull.status())},
               {RelayAge(pull.status()), Style::kPlain, true},
               {Mode(pull)},
               {pull.status().node().empty() ? "–" : pull.status().node()},
               {pull.url()},
               {pull.status().reason().empty() ? "–" : pull.status().reason()}});
  }
  context.out << table.Render();
  return kOk;
}

int Get(const Context& context) {
  const auto pull = context.client().GetPull(context.words[0]);
  if (!pull.ok()) return context.Fail(pull.status());
  if (context.json) {
    context.out << ToJson(*pull) << "\n";
    return kOk;
  }
  context.Line("stream", pull->stream());
  context.Line("url", pull->url());
  context.Line("mode", Mode(*pull));
  if (pull->on_demand()) {
    context.Line("idle timeout", Duration(static_cast<int64_t>(pull->idle_timeout_ms())));
  }
  if (pull->transport() != v1::PULL_TRANSPORT_UNSPECIFIED) {
    context.Line("transport", NameOf(kTransports, pull->transport()));
    context.Line("keep alive", NameOf(kKeepAlives, pull->keep_alive()));
  }
  PrintStatus(context, pull->status());
  return kOk;
}

int RemoveOne(const Context& context) {
  return context.Removed(context.client().RemovePull(context.words[0]), context.words[0]);
}

}  // namespace

std::vector<Command> PullCommands() {
  return {
      {"pull",
       "add",
       "STREAM URL",
       "Fetch a stream from another server, from now on",
       "rtmp://, rtmps://, rtsp:// and rtsps://. One gateway runs it, another takes over when that "
       "one goes, and\n"
       "what breaks is tried again. Pulls survive restarts. Passwords in the URL are shown to "
       "nobody afterwards.\n\n"
       "  --on-demand              only while somebody plays it\n"
       "  --idle-timeout=DURATION  on demand: how long after the last viewer (default 30s)\n"
       "  --transport=WAY          RTSP: udp_then_tcp (default), tcp or udp\n"
       "  --keep-alive=WAY         RTSP: auto (default), get_parameter, options or none\n"
       "  --insecure               rtmps, rtsps: take any certificate\n"
       "  --replace                whatever is pulled under that name\n\n"
       "  millrace pull add live/news rtmp://origin.example/live/news\n"
       "  millrace pull add cams/gate 'rtsp://admin:secret@10.0.0.7/Streaming/Channels/101' "
       "--on-demand\n",
       2,
       2,
       {"on-demand", "idle-timeout", "transport", "keep-alive", "insecure", "replace"},
       AddOne},
      {"pull",
       "list",
       "",
       "Every pull and how it is doing",
       "  --prefix=TEXT        only streams whose name begins so\n\n"
       "  millrace pull list\n",
       0,
       0,
       {"prefix"},
       List},
      {"pull", "get", "STREAM", "One pull", "  millrace pull get live/news\n", 1, 1, {}, Get},
      {"pull",
       "remove",
       "STREAM",
       "End a pull; its stream ends, too",
       "  millrace pull remove live/news\n",
       1,
       1,
       {},
       RemoveOne},
  };
}

}  // namespace millrace::cli
