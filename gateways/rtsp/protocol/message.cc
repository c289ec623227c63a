#include "gateways/rtsp/protocol/message.h"

#include "media/base/text.h"

namespace millrace::rtsp {
namespace {

struct StatusText {
  int status;
  std::string_view reason;
};
constexpr StatusText kStatuses[] = {
    {100, "Continue"},
    {200, "OK"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {413, "Request Entity Too Large"},
    {414, "Request-URI Too Long"},
    {415, "Unsupported Media Type"},
    {451, "Parameter Not Understood"},
    {453, "Not Enough Bandwidth"},
    {454, "Session Not Found"},
    {455, "Method Not Valid in This State"},
    {457, "Invalid Range"},
    {459, "Aggregate Operation Not Allowed"},
    {460, "Only Aggregate Operation Allowed"},
    {461, "Unsupported Transport"},
    {463, "Destination Prohibited"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "RTSP Version Not Supported"},
    {551, "Option Not Supported"},
};

void AppendLine(std::initializer_list<std::string_view> parts, std::vector<uint8_t>& out) {
  for (const std::string_view part : parts) {
    for (const char c : part) {
      if (c != '\r' && c != '\n') out.push_back(static_cast<uint8_t>(c));
    }
  }
  out.push_back('\r');
  out.push_back('\n');
}

void AppendRest(const Headers& headers, std::string_view body, std::vector<uint8_t>& out) {
  for (const auto& [name, value] : headers.lines()) AppendLine({name, ": ", value}, out);
  if (!body.empty()) AppendLine({"Content-Length: ", std::to_string(body.size())}, out);
  AppendLine({}, out);
  out.insert(out.end(), body.begin(), body.end());
}

}  // namespace

const std::string* Headers::Find(std::string_view name) const {
  for (const auto& [known, value] : lines_) {
    if (media::EqualsIgnoringCase(known, name)) return &value;
  }
  return nullptr;
}

std::string_view Headers::Get(std::string_view name) const {
  const std::string* value = Find(name);
  return value == nullptr ? std::string_view() : std::string_view(*value);
}

std::vector<std::string_view> Headers::All(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const auto& [known, value] : lines_) {
    if (media::EqualsIgnoringCase(known, name)) values.push_back(value);
  }
  return values;
}

void Headers::Continue(std::string_view text) {
  std::string& value = lines_.back().second;
  if (!value.empty() && !text.empty()) value += ' ';
  value += text;
}

std::string_view ReasonOf(int status) {
  for (const StatusText& known : kStatuses) {
    if (known.status == status) return known.reason;
  }
  return "Unknown";
}

void Write(const Request& request, std::vector<uint8_t>& out) {
  AppendLine({request.method, " ", request.uri, " ", request.version}, out);
  AppendRest(request.headers, request.body, out);
}

void Write(const Response& response, std::vector<uint8_t>& out) {
  const std::string_view reason =
      response.reason.empty() ? ReasonOf(response.status) : std::string_view(response.reason);
  AppendLine({response.version, " ", std::to_string(response.status), " ", reason}, out);
  AppendRest(response.headers, response.body, out);
}

void WriteInterleavedHeader(uint8_t channel, uint16_t size, std::vector<uint8_t>& out) {
  media::ByteWriter writer(out);
  writer.U8('$');
  writer.U8(channel);
  writer.U16(size);
}

}  // namespace millrace::rtsp
