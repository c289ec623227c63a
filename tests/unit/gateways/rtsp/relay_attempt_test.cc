#include "gateways/rtsp/relay_attempt.h"

#include <gtest/gtest.h>

#include <string>

#include "gateways/rtsp/protocol/errors.h"
#include "media/base/fault.h"

namespace millrace::rtsp {
namespace {

using relay::End;

TEST(PullReason, SaysWhatToMend) {
  const Url with_login{.user = "admin", .password = "x", .host = "cam"};
  const Url without{.host = "cam"};
  const struct {
    absl::Status status;
    Url url;
    End end;
    std::string reason;
  } cases[] = {
      {Fail(RtspError::kUnauthorized, "DESCRIBE"), with_login, End::kRefused,
       "401: wrong user or password"},
      {Fail(RtspError::kUnauthorized, "DESCRIBE"), without, End::kRefused,
       "401: the server wants a user and a password"},
      {Fail(RtspError::kRefused, "404 Stream Not Found"), without, End::kRefused,
       "the server answered 404 Stream Not Found"},
      {Fail(RtspError::kNoMedia, "video jpeg"), without, End::kRefused,
       "no video or audio track that is supported; there is: video jpeg"},
      {Fail(RtspError::kNoMedia), without, End::kRefused,
       "no video or audio track that is supported"},
      {Fail(RtspError::kResponseTimeout, "SETUP"), without, End::kLost, "no answer to SETUP"},
      {Fail(RtspError::kMediaTimeout), without, End::kLost, "no media comes"},
      {media::Fault("tls_handshake", "self-signed certificate"), without, End::kRefused,
       "TLS: self-signed certificate"},
      {absl::UnavailableError("cam:554: Connection refused"), without, End::kLost,
       "cam:554: Connection refused"},
  };
  for (const auto& c : cases) {
    const Ending ending = EndingOf(c.status, c.url);
    EXPECT_EQ(ending.reason, c.reason);
    EXPECT_EQ(ending.end, c.end) << c.reason;
  }
}

}  // namespace
}  // namespace millrace::rtsp
