#include "gateways/rtmp/relay_target.h"

#include <cctype>
#include <string_view>

namespace millrace::rtmp {
namespace {

std::string Escape(std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~') {
      escaped.push_back(c);
    } else {
      escaped.push_back('%');
      escaped.push_back(kDigits[byte >> 4]);
      escaped.push_back(kDigits[byte & 15]);
    }
  }
  return escaped;
}

uint16_t DefaultPort(const relay::RelayUrl& url) { return url.secure() ? 443 : 1935; }

}  // namespace

RelayTarget TargetOf(const relay::RelayUrl& url) {
  RelayTarget target;
  const size_t slash = url.path.rfind('/');
  target.app = url.path.substr(0, slash);
  if (slash != std::string::npos) target.key = url.path.substr(slash + 1);
  if (!url.query.empty()) target.key += "?" + url.query;
  if (!url.user.empty()) {
    target.app += "?user=" + Escape(url.user) + "&pass=" + Escape(url.password);
  }
  const bool v6 = url.host.find(':') != std::string::npos;
  target.tc_url = url.scheme + "://" + (v6 ? "[" + url.host + "]" : url.host);
  if (url.port != DefaultPort(url)) target.tc_url += ":" + std::to_string(url.port);
  target.tc_url += "/" + target.app;
  return target;
}

}  // namespace millrace::rtmp
