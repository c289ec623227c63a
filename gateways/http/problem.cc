#include "gateways/http/problem.h"

#include <nlohmann/json.hpp>

namespace millrace::http {
namespace {

struct Row {
  const char* name;
  unsigned status;
  const char* title;
};

Row RowOf(Fault fault) {
  switch (fault) {
    case Fault::kMalformed:
      return {"malformed", 400, "The request is not HTTP"};
    case Fault::kBadTarget:
      return {"bad_target", 400, "The path is malformed"};
    case Fault::kBadQuery:
      return {"bad_query", 400, "A query argument is wrong"};
    case Fault::kInvalidName:
      return {"invalid_name", 400, "No stream can have this name"};
    case Fault::kUnknownPath:
      return {"unknown_path", 404, "Nothing is served at this path"};
    case Fault::kNoSuchStream:
      return {"no_such_stream", 404, "The stream is not being published"};
    case Fault::kNoSuchTracks:
      return {"no_such_tracks", 404, "The stream has no such tracks"};
    case Fault::kMethod:
      return {"method", 405, "The method is not allowed"};
    case Fault::kLogin:
      return {"login", 401, "Playing takes a user and a password"};
    case Fault::kWrongLogin:
      return {"wrong_login", 401, "The user or the password is wrong"};
    case Fault::kBanned:
      return {"banned", 403, "Playing is banned"};
    case Fault::kKicked:
      return {"kicked", 403, "The session was closed by an operator"};
    case Fault::kHeaderTooLarge:
      return {"header_too_large", 431, "The request's header is too large"};
    case Fault::kTooManyFields:
      return {"too_many_fields", 431, "The request's header has too many fields"};
    case Fault::kTargetTooLong:
      return {"target_too_long", 414, "The address is too long"};
    case Fault::kHeaderTimeout:
      return {"header_timeout", 408, "The request did not arrive in time"};
    case Fault::kTooManyConnections:
      return {"too_many_connections", 503, "This node is full"};
    case Fault::kConnectionsPerAddress:
      return {"connections_per_address", 429, "Too many connections from one address"};
    case Fault::kDraining:
      return {"draining", 503, "This node is about to stop"};
    case Fault::kBadUpgrade:
      return {"bad_upgrade", 400, "The request to upgrade is wrong"};
    case Fault::kUpgradeVersion:
      return {"upgrade_version", 426, "The WebSocket version is not spoken here"};
    case Fault::kOrigin:
      return {"origin", 403, "Pages of this origin are not served"};
  }
  return {"malformed", 400, "The request is not HTTP"};
}

}  // namespace

const char* FaultName(Fault fault) { return RowOf(fault).name; }
unsigned FaultStatus(Fault fault) { return RowOf(fault).status; }

bool IsProtocolError(Fault fault) {
  switch (fault) {
    case Fault::kMalformed:
    case Fault::kBadTarget:
    case Fault::kBadQuery:
    case Fault::kInvalidName:
    case Fault::kMethod:
    case Fault::kWrongLogin:
    case Fault::kHeaderTooLarge:
    case Fault::kTooManyFields:
    case Fault::kTargetTooLong:
    case Fault::kHeaderTimeout:
    case Fault::kBadUpgrade:
    case Fault::kUpgradeVersion:
      return true;
    default:
      return false;
  }
}

bool IsRefusal(Fault fault) {
  return fault == Fault::kTooManyConnections || fault == Fault::kConnectionsPerAddress ||
         fault == Fault::kDraining;
}

std::string RenderProblem(const Problem& problem) {
  const Row row = RowOf(problem.fault);
  nlohmann::ordered_json document;
  document["type"] = std::string("urn:millrace:problem:") + row.name;
  document["title"] = row.title;
  document["status"] = row.status;
  document["detail"] = problem.detail;
  if (!problem.instance.empty()) document["instance"] = problem.instance;
  document["code"] = row.name;
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace millrace::http
