// Any text as each of the header values and as a URL: what was read can be written and read again.

#include <string>

#include "gateways/rtsp/protocol/auth.h"
#include "gateways/rtsp/protocol/play_headers.h"
#include "gateways/rtsp/protocol/transport.h"
#include "gateways/rtsp/protocol/url.h"
#include "tests/support/require.h"

namespace {

using millrace::tests::Require;
using namespace millrace::rtsp;

void CheckUrl(std::string_view text) {
  if (const auto url = ParseUrl(text)) {
    const auto again = ParseUrl(url->Text());
    Require(again.has_value() && again->path == url->path, "a URL is read again");
    const std::string base = BaseUrl(*url, text, text);
    Require(ParseUrl(base).has_value(), "a base is a URL");
    Require(ControlUrl(base, "trackID=1").size() > base.size(), "a control makes it longer");
  }
  ResolveTarget(text);
  const std::string control(text.substr(0, text.size() / 2));
  const std::string uri = "rtsp://h/" + std::string(text);
  if (FindControl(uri, {control, "trackID=0"}).has_value()) WithoutControl(uri, control);
  DigestUriFits(text, uri);
  DigestUriFits(control, text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 8 * 1024) return 0;
  const std::string_view text = millrace::media::AsText(millrace::media::Bytes(data, size));
  for (const Transport& transport : ParseTransports(text)) {
    const std::string written = Format(transport);
    const auto again = ParseTransports(written);
    Require(again.size() <= 1, "one alternative stays one");
    if (again.size() == 1) Require(Format(again[0]) == written, "a transport is read again");
  }
  const SessionHeader session = ParseSession(text);
  Require(session.timeout_s.value_or(1) > 0, "a session lives");
  Require(ParseSession(Format(session)) == session, "a session is read again");
  if (const auto range = ParseRange(text)) {
    Require(ParseRange(Format(*range)).has_value(), "a range is read again");
  }
  ParseRtpInfo(Format(ParseRtpInfo(text)));
  ParseChallenge(text);
  ParseAuthorization(text);
  CheckUrl(text);
  return 0;
}
