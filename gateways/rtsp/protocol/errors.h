#pragma once
// Every way in which an RTSP peer can be wrong so that the connection has to end. The name is the
// test case's, the log field's and the value of
// millrace_protocol_errors_total{protocol="rtsp",error=…}. What a server may answer with a status
// and go on is no error here.

#include <string_view>

#include "absl/status/status.h"

namespace millrace::rtsp {

enum class RtspError {
  kNotRtsp,       // the first bytes are no request, no response and no interleaved frame
  kBadStartLine,  // neither "METHOD URI VERSION" nor "VERSION STATUS REASON"
  kBadHeader,     // a header line without a name
  kBadContentLength,
  kLineTooLong,
  kTooManyHeaders,
  kBodyTooLarge,
  kLostSync,          // too much between two interleaved frames that is neither
  kTooMuchPending,    // more bytes than may wait while a request is being answered
  kLoginFailed,       // wrong credentials, time and again
  kSessionTimeout,    // nothing was heard for longer than the session's timeout
  kHandshakeTimeout,  // no whole request came in time
  kIdleTimeout,       // the client neither publishes nor plays
  kUnsupportedCodec,  // of a media that is left out
  // Of servers, when we are the client.
  kBadSdp,        // media::sdp names what exactly in the detail
  kBadTransport,  // a SETUP reply whose Transport cannot be used
  kNoMedia,       // nothing in the description that we carry
  kUnauthorized,  // no credentials, wrong ones, or no scheme that we know
  kRefused,       // a final status of 3xx to 5xx
  kResponseTimeout,
  kMediaTimeout,  // PLAY went well and no packet comes
  kTooManyRedirects,
};
const char* RtspErrorName(RtspError error);  // "rtsp_not_rtsp" …

// The peer's fault, by name (media::FaultName reads it back).
absl::Status Fail(RtspError error, std::string_view detail = {});

}  // namespace millrace::rtsp
