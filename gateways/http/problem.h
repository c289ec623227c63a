#pragma once
// Every way in which a request is refused, as an RFC 9457 problem document.

#include <string>
#include <string_view>

namespace millrace::http {

enum class Fault {
  kMalformed,     // not HTTP
  kBadTarget,     // a path that cannot be decoded
  kBadQuery,      // a query argument with a value that does not exist
  kInvalidName,   // no stream can have this name
  kUnknownPath,   // nothing is served here
  kNoSuchStream,  // nobody publishes it, and nobody came while the request waited
  kNoSuchTracks,  // the stream has nothing of what was asked for
  kMethod,        // not GET, HEAD or OPTIONS
  kLogin,         // the stream's viewers log in, and this one did not
  kWrongLogin,
  kBanned,  // a ban is in force
  kKicked,  // closed by an operator before the first byte
  kHeaderTooLarge,
  kTooManyFields,
  kTargetTooLong,
  kHeaderTimeout,  // the request did not arrive in time
  kTooManyConnections,
  kConnectionsPerAddress,  // the client's address has as many as it may
  kDraining,               // this node is about to stop
  kBadUpgrade,             // asks for a WebSocket, but not as RFC 6455 has it
  kUpgradeVersion,         // … of another version
  kOrigin,                 // a page of this origin may not open one
};

// "no_such_stream" …: the document's `code`, the log field and the metric label.
const char* FaultName(Fault fault);
unsigned FaultStatus(Fault fault);
// The client's doing, rather than ours or an operator's.
bool IsProtocolError(Fault fault);

// There is no room: counted by millrace_refusals_total.
bool IsRefusal(Fault fault);

// What is wrong and, in `detail`, what to do about it. `instance`: the path asked for, without its
// query (which may hold secrets).
struct Problem {
  Fault fault = Fault::kMalformed;
  std::string detail;
  std::string instance;
};

// The JSON document, ending with a line feed. Text that is not UTF-8 is replaced.
std::string RenderProblem(const Problem& problem);

}  // namespace millrace::http
