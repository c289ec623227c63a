#pragma once
// Responses as bytes.

#include <ctime>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateways/http/problem.h"

namespace millrace::http {

// Names and values must not hold line ends: they come from constants and from what was checked
// before.
struct Response {
  unsigned status = 200;
  std::vector<std::pair<std::string_view, std::string>> fields;
  std::string body;  // with Content-Length, also where it is empty
  // The body goes on until the connection ends: neither Content-Length nor `body`.
  bool close_delimited = false;

  void Set(std::string_view name, std::string value) {
    fields.emplace_back(name, std::move(value));
  }
};

struct RenderOptions {
  bool head_only = false;   // the answer to HEAD
  bool keep_alive = false;  // else "Connection: close"
  std::time_t now = 0;      // for Date
};
std::string Render(const Response& response, const RenderOptions& options);

Response ProblemResponse(const Problem& problem);
Response IndexResponse();
// What stands before the tags of a stream.
// `chunked`: the body comes in chunks rather than up to the end of the connection.
Response FlvResponse(bool chunked);
// What stands before the frames of a WebSocket. `key`: the request's Sec-WebSocket-Key.
Response UpgradeResponse(std::string_view key);

// Adds what lets pages of other origins read the response. `allowed`: "*", or origins as browsers
// send them
// ("https://example.com"). `origin`: the request's Origin, empty where it has none.
void AddCors(Response& response, std::span<const std::string> allowed, std::string_view origin);
// Whether a page of `origin` may open a WebSocket, which the browser does not ask about as it does
// for other answers: those that AddCors allows, those of the server's own `host`, and whoever is no
// browser (no origin).
bool MayOpenWebSocket(std::span<const std::string> allowed, std::string_view origin,
                      std::string_view host);
// The answer to OPTIONS: what may be asked, for a preflight (Fetch standard §4.8) or anybody else.
Response OptionsResponse(bool preflight);

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 §5.6.7).
std::string HttpDate(std::time_t time);

}  // namespace millrace::http
