#pragma once
// RTSP URLs, and the control URLs of a description's media: how clients and servers put them
// together, which no two do alike.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::rtsp {

inline constexpr uint16_t kDefaultPort = 554;
inline constexpr uint16_t kDefaultTlsPort = 322;

struct Url {
  bool tls = false;      // rtsps
  std::string user;      // percent escapes are undone once
  std::string password;  // the same
  std::string host;      // without the brackets of IPv6
  uint16_t port = kDefaultPort;
  std::string path;  // as written, with its query: "/cam/realmonitor?channel=1&subtype=0"

  // Without user and password; the port only where it is not the scheme's own.
  std::string Text() const;
  friend bool operator==(const Url&, const Url&) = default;
};

// Nothing where it is no rtsp or rtsps URL with a host.
std::optional<Url> ParseUrl(std::string_view text);

// --- as a client ---

// The URL that controls of a description refer to: Content-Base, else Content-Location, else the
// URL of the request. Host and user stay those of `request`, since cameras behind a NAT name
// addresses that nobody reaches; a base that is only a path is taken; one that is neither is passed
// over.
std::string BaseUrl(const Url& request, std::string_view content_base,
                    std::string_view content_location);

// The URL of a control: `base` for "" and "*", the control itself where it is a URL (with the host
// of `base`), else both with one slash between them.
std::string ControlUrl(std::string_view base, std::string_view control);

// --- as a server ---

using Params = std::vector<std::pair<std::string, std::string>>;

// Which stream a request is about.
struct Target {
  std::string stream;  // "live/cam1"; not validated, perhaps empty
  Params params;       // of the query

  friend bool operator==(const Target&, const Target&) = default;
};
// Value of the parameter, or "".
std::string_view FindParam(const Params& params, std::string_view name);

// Of an absolute URL or a path, with or without a slash behind, which may stand in the query, too.
Target ResolveTarget(std::string_view uri);

// The media that a SETUP means: the index in `controls` (of the description, in order) of the one
// that `uri` ends with, in the path (GStreamer: "path/trackID=0?query"), behind the query (FFmpeg:
// "path?query/trackID=0") or as the whole URL. Nothing where it is none of them.
std::optional<size_t> FindControl(std::string_view uri, const std::vector<std::string>& controls);
// `uri` without the control at its end.
std::string WithoutControl(std::string_view uri, std::string_view control);

}  // namespace millrace::rtsp
