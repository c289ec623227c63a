#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "control-plane/cli/command.h"
#include "control-plane/cli/json.h"
#include "control-plane/cli/text.h"

namespace millrace::cli {
namespace {

std::string KindText(v1::NodeKind kind) {
  std::string text = v1::NodeKind_Name(kind);
  constexpr std::string_view kPrefix = "NODE_KIND_";
  if (text.starts_with(kPrefix)) text.erase(0, kPrefix.size());
  std::ranges::transform(text, text.begin(), [](char c) {
    return c == '_' ? '-' : (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  });
  return text;
}

Table::Cell StateCell(const v1::Node& node) {
  if (!node.attached()) return {"gone", Style::kBad};
  if (node.draining()) return {"draining", Style::kWarning};
  return node.ready() ? Table::Cell{"ready", Style::kGood}
                      : Table::Cell{"starting", Style::kWarning};
}

std::string AddressText(const v1::Node& node) {
  const v1::Register& registration = node.registration();
  std::string text = registration.bus_endpoint();
  for (const auto& [name, address] : registration.addresses()) {
    if (!text.empty()) text += ", ";
    text += fmt::format("{}://{}", name, address);
  }
  return text.empty() ? node.address() : text;
}

// The revision that the node runs; one that lags behind the others shows.
Table::Cell ConfigurationCell(const v1::Node& node, uint64_t newest) {
  const uint64_t revision = node.configuration_revision();
  if (revision == 0) return {"–", Style::kFaint};
  return {fmt::format("{}", revision), revision < newest ? Style::kWarning : Style::kPlain};
}

int List(const Context& context) {
  const auto nodes = context.client().ListNodes();
  if (!nodes.ok()) return context.Fail(nodes.status());
  if (context.json) {
    context.out << ToJsonList("nodes", *nodes) << "\n";
    return kOk;
  }
  if (nodes->empty()) {
    context.out << "No nodes. Start them with --control-plane=HOST:PORT of this control plane.\n";
    return kOk;
  }
  const int64_t now = std::chrono::duration_cast<std::chrono::milliseconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
  Table table({"NODE", "KIND", "STATE", "SESSIONS", "ATTACHED", "ADDRESSES", "METRICS", "VERSION",
               "CONFIG"},
              context.colours);
  uint64_t newest = 0;
  for (const v1::Node& node : *nodes) newest = std::max(newest, node.configuration_revision());
  for (const v1::Node& node : *nodes) {
    const int64_t attached = node.attached() ? now - node.attached_unix_ms() : 0;
    table.Add({{node.registration().node()},
               {KindText(node.registration().kind())},
               StateCell(node),
               {fmt::format("{}", node.sessions()), Style::kPlain, true},
               {Duration(attached), Style::kPlain, true},
               {AddressText(node)},
               {node.registration().metrics_address()},
               {node.registration().version()},
               ConfigurationCell(node, newest)});
  }
  context.out << table.Render();
  return kOk;
}

}  // namespace

std::vector<Command> NodeCommands() {
  return {
      {"nodes",
       "list",
       "",
       "Every process that has registered",
       "A node is `ready` when it takes clients, `starting` before that, `draining` when it ends, "
       "and\n"
       "`gone` for a minute after it was last heard of. CONFIG is the revision of the "
       "configuration "
       "that it\n"
       "runs (`millrace config show` says which one is in force).\n\n"
       "  millrace nodes list\n",
       0,
       0,
       {},
       List},
  };
}

}  // namespace millrace::cli
