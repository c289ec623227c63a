#include "gateways/rtsp/relay_attempt.h"

#include <string_view>

#include "gateways/rtsp/protocol/errors.h"
#include "media/base/fault.h"

namespace millrace::rtsp {

using relay::End;

Url UrlOf(const relay::RelayUrl& from) {
  Url url;
  url.tls = from.secure();
  url.user = from.user;
  url.password = from.password;
  url.host = from.host;
  url.port = from.port;
  url.path = "/" + from.path + (from.query.empty() ? "" : "?" + from.query);
  return url;
}

Ending EndingOf(const absl::Status& status, const Url& url) {
  const std::string name = media::FaultName(status);
  const std::string message(status.message());
  const auto is = [&](RtspError error) { return name == RtspErrorName(error); };
  // Behind the name of the fault.
  const std::string detail =
      message.size() > name.size() + 2 ? message.substr(name.size() + 2) : "";

  if (is(RtspError::kUnauthorized)) {
    return {End::kRefused, url.user.empty() && url.password.empty()
                               ? "401: the server wants a user and a password"
                               : "401: wrong user or password"};
  }
  if (is(RtspError::kRefused)) return {End::kRefused, "the server answered " + detail};
  if (is(RtspError::kNoMedia)) {
    return {End::kRefused, "no video or audio track that is supported" +
                               (detail.empty() ? "" : "; there is: " + detail)};
  }
  if (is(RtspError::kBadSdp)) return {End::kRefused, "the description is broken: " + detail};
  if (is(RtspError::kBadTransport)) {
    return {End::kRefused, "the server set up a transport that was not offered: " + detail};
  }
  if (is(RtspError::kTooManyRedirects)) return {End::kRefused, "the server redirects in circles"};
  if (is(RtspError::kResponseTimeout)) return {End::kLost, "no answer to " + detail};
  if (is(RtspError::kMediaTimeout)) return {End::kLost, "no media comes"};
  if (name == "tls_handshake") return {End::kRefused, "TLS: " + detail};
  if (is(RtspError::kNotRtsp)) return {End::kRefused, "the server does not speak RTSP"};
  return {End::kLost, message};
}

}  // namespace millrace::rtsp
