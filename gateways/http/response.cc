#include "gateways/http/response.h"

#include <fmt/format.h>

#include <algorithm>

#include "gateways/http/websocket/upgrade.h"

namespace millrace::http {
namespace {

constexpr std::string_view kMethods = "GET, HEAD, OPTIONS";
constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

std::string_view ReasonPhrase(unsigned status) {
  switch (status) {
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 414:
      return "URI Too Long";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "";
  }
}

constexpr std::string_view kIndex =
    "Millrace http-gateway\n"
    "\n"
    "A stream that is published as app/name (by RTMP: rtmp://HOST/app/name) plays here at\n"
    "\n"
    "  /app/name.flv              HTTP-FLV: mpegts.js, flv.js, ffplay, VLC\n"
    "  /app/name.flv?only=audio   its sound alone\n"
    "  /app/name.flv?only=video   its pictures alone\n"
    "  /app/name.flv?start=live   from the next key frame; start=key: from the last one;\n"
    "                             start=oldest: from the oldest one that is held\n"
    "\n"
    "and over WebSocket (WS-FLV) at the same paths, ws:// in front.\n"
    "\n"
    "A stream that nobody publishes yet is waited for, then answered with 404.\n";

}  // namespace

std::string HttpDate(std::time_t time) {
  std::tm utc{};
  gmtime_r(&time, &utc);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[utc.tm_wday], utc.tm_mday,
                     kMonths[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

std::string Render(const Response& response, const RenderOptions& options) {
  std::string text =
      fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\nServer: Millrace/{}\r\n", response.status,
                  ReasonPhrase(response.status), HttpDate(options.now), MILLRACE_VERSION);
  for (const auto& [name, value] : response.fields) {
    text += fmt::format("{}: {}\r\n", name, value);
  }
  // RFC 9110 §8.6: never with 1xx and 204.
  if (!response.close_delimited && response.status != 204 && response.status != 101) {
    text += fmt::format("Content-Length: {}\r\n", response.body.size());
  }
  const bool keep = options.keep_alive && (options.head_only || !response.close_delimited);
  // RFC 9110 §7.8: who sends Upgrade says so in Connection.
  if (response.status == 101) {
    text += "Connection: Upgrade\r\n\r\n";
  } else {
    text += fmt::format("Connection: {}{}\r\n\r\n", keep ? "keep-alive" : "close",
                        response.status == 426 ? ", Upgrade" : "");
  }
  if (!options.head_only && !response.close_delimited) text += response.body;
  return text;
}

Response ProblemResponse(const Problem& problem) {
  Response response;
  response.status = FaultStatus(problem.fault);
  response.Set("Content-Type", "application/problem+json");
  response.Set("Cache-Control", "no-store");
  if (problem.fault == Fault::kMethod) response.Set("Allow", std::string(kMethods));
  if (IsRefusal(problem.fault)) response.Set("Retry-After", "5");
  if (problem.fault == Fault::kLogin || problem.fault == Fault::kWrongLogin) {  // RFC 7617 §2
    response.Set("WWW-Authenticate", "Basic realm=\"millrace\", charset=\"UTF-8\"");
  }
  if (problem.fault == Fault::kUpgradeVersion) {
    response.Set("Upgrade", "websocket");
    response.Set("Sec-WebSocket-Version", "13");  // RFC 6455 §4.4
  }
  response.body = RenderProblem(problem);
  return response;
}

Response IndexResponse() {
  Response response;
  response.Set("Content-Type", "text/plain; charset=utf-8");
  response.Set("Cache-Control", "no-cache");
  response.Set("X-Content-Type-Options", "nosniff");
  response.body = kIndex;
  return response;
}

Response FlvResponse(bool chunked) {
  Response response;
  response.Set("Content-Type", "video/x-flv");
  response.Set("Cache-Control", "no-store");
  response.Set("X-Accel-Buffering", "no");  // nginx in front would hold the stream back
  if (chunked) response.Set("Transfer-Encoding", "chunked");
  response.close_delimited = true;
  return response;
}

Response UpgradeResponse(std::string_view key) {
  Response response;
  response.status = 101;
  response.Set("Upgrade", "websocket");
  response.Set("Sec-WebSocket-Accept", AcceptKey(key));
  return response;
}

void AddCors(Response& response, std::span<const std::string> allowed, std::string_view origin) {
  const auto has = [&](std::string_view wanted) {
    return std::find(allowed.begin(), allowed.end(), wanted) != allowed.end();
  };
  if (has("*")) {
    response.Set("Access-Control-Allow-Origin", "*");
  } else {
    response.Set("Vary", "Origin");
    if (origin.empty() || !has(origin)) return;
    response.Set("Access-Control-Allow-Origin", std::string(origin));
  }
  response.Set("Access-Control-Expose-Headers", "Content-Length, Content-Range, Date, Retry-After");
}

bool MayOpenWebSocket(std::span<const std::string> allowed, std::string_view origin,
                      std::string_view host) {
  if (origin.empty()) return true;
  const auto is = [&](std::string_view one) { return one == "*" || one == origin; };
  if (std::any_of(allowed.begin(), allowed.end(), is)) return true;
  const size_t scheme = origin.find("://");
  return scheme != std::string_view::npos && origin.substr(scheme + 3) == host;
}

Response OptionsResponse(bool preflight) {
  Response response;
  response.status = 204;
  response.Set("Allow", std::string(kMethods));
  if (preflight) {
    response.Set("Access-Control-Allow-Methods", std::string(kMethods));
    // '*' does not cover Authorization.
    response.Set("Access-Control-Allow-Headers", "*, Authorization");
    response.Set("Access-Control-Max-Age", "86400");
  }
  return response;
}

}  // namespace millrace::http
