#include <fmt/format.h>

#include <chrono>
#include <optional>

#include "control-plane/cli/command.h"
#include "control-plane/cli/json.h"
#include "control-plane/cli/text.h"

namespace millrace::cli {
namespace {

const char* KindText(v1::BanKind kind) {
  switch (kind) {
    case v1::BAN_STREAM:
      return "stream";
    case v1::BAN_ADDRESS:
      return "address";
    case v1::BAN_USER:
      return "user";
    default:
      return "?";
  }
}

std::optional<v1::BanKind> ReadKind(const std::string& word) {
  for (const v1::BanKind kind : {v1::BAN_STREAM, v1::BAN_ADDRESS, v1::BAN_USER}) {
    if (word == KindText(kind)) return kind;
  }
  return std::nullopt;
}

int List(const Context& context) {
  const auto bans = context.client().ListBans();
  if (!bans.ok()) return context.Fail(bans.status());
  if (context.json) {
    context.out << ToJsonList("bans", *bans) << "\n";
    return kOk;
  }
  if (bans->empty()) {
    context.out << "No bans.\n";
    return kOk;
  }
  const int64_t now = std::chrono::duration_cast<std::chrono::milliseconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
  Table table({"ID", "KIND", "VALUE", "LEFT", "REASON"}, context.colours);
  for (const v1::Ban& ban : *bans) {
    table.Add({{ban.id()},
               {KindText(ban.kind())},
               {ban.value()},
               {Duration(ban.expires_unix_ms() - now), Style::kPlain, true},
               {ban.reason().empty() ? "–" : ban.reason()}});
  }
  context.out << table.Render();
  return kOk;
}

int AddOne(const Context& context) {
  const std::optional<v1::BanKind> kind = ReadKind(context.words[0]);
  if (!kind) {
    return context.Usage(
        fmt::format("what to ban is stream, address or user, not {}", context.words[0]));
  }
  if (!context.arguments.Has("for"))
    return context.Usage("a ban needs --for=DURATION, as --for 10m");
  const absl::StatusOr<uint64_t> duration = context.Milliseconds("for", 0);
  if (!duration.ok()) return context.Fail(duration.status());
  v1::AddBanRequest request;
  request.set_kind(*kind);
  request.set_value(context.words[1]);
  request.set_reason(context.arguments.Get("reason"));
  request.set_duration_ms(*duration);
  const auto ban = context.client().AddBan(request);
  if (!ban.ok()) return context.Fail(ban.status());
  if (context.json) {
    context.out << ToJson(*ban) << "\n";
    return kOk;
  }
  context.out << fmt::format("banned {} {} until {}; undo: millrace bans remove {}\n",
                             KindText(ban->kind()), Harmless(ban->value()),
                             LocalTime(ban->expires_unix_ms()), ban->id());
  return kOk;
}

// By id, or by kind and value.
absl::StatusOr<std::string> IdOf(const Context& context) {
  if (context.words.size() == 1) return context.words[0];
  const std::optional<v1::BanKind> kind = ReadKind(context.words[0]);
  if (!kind) {
    return absl::InvalidArgumentError(
        fmt::format("what is banned is a stream, address or user, not {}", context.words[0]));
  }
  const auto bans = context.client().ListBans();
  if (!bans.ok()) return bans.status();
  for (const v1::Ban& ban : *bans) {
    if (ban.kind() == *kind && ban.value() == context.words[1]) return ban.id();
  }
  return absl::NotFoundError(fmt::format("no ban of {} `{}`; `millrace bans list` shows all",
                                         context.words[0], context.words[1]));
}

int RemoveOne(const Context& context) {
  const absl::StatusOr<std::string> id = IdOf(context);
  if (!id.ok()) return context.Fail(id.status());
  return context.Removed(context.client().RemoveBan(*id), *id);
}

}  // namespace

std::vector<Command> BanCommands() {
  return {
      {"bans", "list", "", "Every ban in force", "  millrace bans list\n", 0, 0, {}, List},
      {"bans",
       "add",
       "stream|address|user VALUE",
       "Keep a stream, an address or a user out",
       "New sessions are refused with the reason; those that are open go on (see `streams kick`). "
       "The same\n"
       "ban again changes its time and reason. Bans survive restarts.\n\n"
       "  --for=DURATION       how long; required\n"
       "  --reason=TEXT        what clients are told\n\n"
       "  millrace bans add address 203.0.113.7 --for 1h --reason 'too many connections'\n"
       "  millrace bans add stream live/cam1 --for 10m\n",
       2,
       2,
       {"for", "reason"},
       AddOne},
      {"bans",
       "remove",
       "ID | stream|address|user VALUE",
       "Let them in again",
       "  millrace bans remove ban-1c9e42ff\n"
       "  millrace bans remove stream live/cam1\n",
       1,
       2,
       {},
       RemoveOne},
  };
}

}  // namespace millrace::cli
