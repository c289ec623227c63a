#include "gateways/rtsp/protocol/errors.h"

#include "media/base/fault.h"

namespace millrace::rtsp {

const char* RtspErrorName(RtspError error) {
  switch (error) {
    case RtspError::kNotRtsp:
      return "rtsp_not_rtsp";
    case RtspError::kBadStartLine:
      return "rtsp_bad_start_line";
    case RtspError::kBadHeader:
      return "rtsp_bad_header";
    case RtspError::kBadContentLength:
      return "rtsp_bad_content_length";
    case RtspError::kLineTooLong:
      return "rtsp_line_too_long";
    case RtspError::kTooManyHeaders:
      return "rtsp_too_many_headers";
    case RtspError::kBodyTooLarge:
      return "rtsp_body_too_large";
    case RtspError::kLostSync:
      return "rtsp_lost_sync";
    case RtspError::kTooMuchPending:
      return "rtsp_too_much_pending";
    case RtspError::kLoginFailed:
      return "rtsp_login_failed";
    case RtspError::kSessionTimeout:
      return "rtsp_session_timeout";
    case RtspError::kHandshakeTimeout:
      return "rtsp_handshake_timeout";
    case RtspError::kIdleTimeout:
      return "rtsp_idle_timeout";
    case RtspError::kUnsupportedCodec:
      return "rtsp_unsupported_codec";
    case RtspError::kBadSdp:
      return "rtsp_bad_sdp";
    case RtspError::kBadTransport:
      return "rtsp_bad_transport";
    case RtspError::kNoMedia:
      return "rtsp_no_media";
    case RtspError::kUnauthorized:
      return "rtsp_unauthorized";
    case RtspError::kRefused:
      return "rtsp_refused";
    case RtspError::kResponseTimeout:
      return "rtsp_response_timeout";
    case RtspError::kMediaTimeout:
      return "rtsp_media_timeout";
    case RtspError::kTooManyRedirects:
      return "rtsp_too_many_redirects";
  }
  return "rtsp_unknown";
}

absl::Status Fail(RtspError error, std::string_view detail) {
  return media::Fault(RtspErrorName(error), detail);
}

}  // namespace millrace::rtsp
