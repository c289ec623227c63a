#include <fmt/format.h>

#include <chrono>

#include "control-plane/cli/command.h"
#include "control-plane/cli/json.h"
#include "control-plane/cli/text.h"

namespace millrace::cli {
namespace {

const char* RoleWord(v1::Role role) {
  switch (role) {
    case v1::ROLE_PUBLISHER:
      return "publisher";
    case v1::ROLE_VIEWER:
      return "viewer";
    default:
      return "–";
  }
}

Style StyleOf(const std::string& state) {
  if (state == "active") return Style::kGood;
  if (state == "lagging") return Style::kWarning;
  return Style::kFaint;
}

std::string OrNothing(const std::string& text) { return text.empty() ? "–" : text; }

int64_t Age(const v1::Session& session) {
  const int64_t now = std::chrono::duration_cast<std::chrono::milliseconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
  return now - session.started_unix_ms();
}

int List(const Context& context) {
  v1::ListSessionsRequest request;
  request.set_stream(context.arguments.Get("stream"));
  request.set_node(context.arguments.Get("node"));
  const std::string role = context.arguments.Get("role");
  if (role == "publisher") {
    request.set_role(v1::ROLE_PUBLISHER);
  } else if (role == "viewer") {
    request.set_role(v1::ROLE_VIEWER);
  } else if (!role.empty()) {
    return context.Usage(fmt::format("--role is publisher or viewer, not {}", role));
  }
  const auto sessions = context.client().ListSessions(request);
  if (!sessions.ok()) return context.Fail(sessions.status());
  if (context.json) {
    context.out << ToJsonList("sessions", *sessions) << "\n";
    return kOk;
  }
  if (sessions->empty()) {
    context.out << "No sessions.\n";
    return kOk;
  }
  Table table({"ID", "ROLE", "PROTOCOL", "STREAM", "ADDRESS", "STATE", "AGE", "IN", "OUT",
               "DROPPED", "NODE"},
              context.colours);
  for (const v1::Session& session : *sessions) {
    table.Add({{session.id()},
               {RoleWord(session.role())},
               {session.protocol()},
               {OrNothing(session.stream())},
               {OrNothing(session.address())},
               {OrNothing(session.state()), StyleOf(session.state())},
               {Duration(Age(session)), Style::kPlain, true},
               {Bytes(session.bytes_in()), Style::kPlain, true},
               {Bytes(session.bytes_out()), Style::kPlain, true},
               {fmt::format("{}", session.frames_dropped()), Style::kPlain, true},
               {session.node()}});
  }
  context.out << table.Render();
  return kOk;
}

int Get(const Context& context) {
  const auto session = context.client().GetSession(context.words[0]);
  if (!session.ok()) return context.Fail(session.status());
  if (context.json) {
    context.out << ToJson(*session) << "\n";
    return kOk;
  }
  const auto line = [&](const char* key, const std::string& value, Style style = Style::kPlain) {
    context.Line(key, value, style);
  };
  line("id", session->id(), Style::kBold);
  line("role", RoleWord(session->role()));
  line("stream", session->stream());
  line("protocol", session->protocol());
  line("state", session->state(), StyleOf(session->state()));
  line("address", session->address());
  line("user", session->user());
  line("user agent", session->user_agent());
  line("since", LocalTime(session->started_unix_ms()));
  line("received", Bytes(session->bytes_in()));
  line("sent", Bytes(session->bytes_out()));
  line("dropped", fmt::format("{} frames", session->frames_dropped()));
  line("node", session->node());
  return kOk;
}

int KickOne(const Context& context) {
  const absl::StatusOr<uint64_t> ban = context.Milliseconds("ban", 0);
  if (!ban.ok()) return context.Fail(ban.status());
  v1::KickSessionRequest request;
  request.set_id(context.words[0]);
  request.set_reason(context.arguments.Get("reason"));
  request.set_ban_ms(*ban);
  const std::string what = context.arguments.Get("ban-what");
  if (what == "stream") {
    request.set_ban(v1::BAN_STREAM);
  } else if (what == "user") {
    request.set_ban(v1::BAN_USER);
  } else if (what == "address") {
    request.set_ban(v1::BAN_ADDRESS);
  } else if (!what.empty()) {
    return context.Usage(fmt::format("--ban-what is address, stream or user, not {}", what));
  }
  if (!what.empty() && *ban == 0) return context.Usage("--ban-what needs --ban=DURATION");
  const auto response = context.client().KickSession(request);
  if (!response.ok()) return context.Fail(response.status());
  if (context.json) {
    context.out << ToJson(*response) << "\n";
    return kOk;
  }
  context.out << fmt::format("kicked {}\n", Harmless(request.id()));
  if (response->has_ban()) {
    context.out << fmt::format("banned {} until {}; undo: millrace bans remove {}\n",
                               Harmless(response->ban().value()),
                               LocalTime(response->ban().expires_unix_ms()), response->ban().id());
  }
  return kOk;
}

}  // namespace

std::vector<Command> SessionCommands() {
  return {
      {"sessions",
       "list",
       "",
       "Every client session of the cluster",
       "  --stream=NAME        only sessions on this stream\n"
       "  --node=NODE          only sessions of this node\n"
       "  --role=ROLE          only publisher or viewer\n\n"
       "  millrace sessions list --stream live/cam1 --role viewer\n",
       0,
       0,
       {"stream", "node", "role"},
       List},
      {"sessions",
       "get",
       "ID",
       "One session in full",
       "  millrace sessions get rtmp-1c9e-42\n",
       1,
       1,
       {},
       Get},
      {"sessions",
       "kick",
       "ID",
       "Close one session",
       "Its client is told the reason. With a ban it cannot just come back.\n\n"
       "  --reason=TEXT        what the client is told\n"
       "  --ban=DURATION       and ban its address for so long\n"
       "  --ban-what=WHAT      ban address (default), stream or user instead\n\n"
       "  millrace sessions kick rtmp-1c9e-42 --reason 'too many' --ban 10m\n",
       1,
       1,
       {"reason", "ban", "ban-what"},
       KickOne},
  };
}

}  // namespace millrace::cli
