#include "gateways/rtsp/protocol/message_reader.h"

#include <algorithm>

#include "gateways/rtsp/protocol/errors.h"
#include "media/base/text.h"

namespace millrace::rtsp {
namespace {

using media::AsText;
using media::Bytes;

// Enough to begin with: who sends them means RTSP.
constexpr std::string_view kKnownStarts[] = {
    "OPTIONS ", "DESCRIBE ", "ANNOUNCE ", "SETUP ",         "PLAY ",          "RECORD ",
    "PAUSE ",   "TEARDOWN ", "REDIRECT ", "GET_PARAMETER ", "SET_PARAMETER ", "RTSP/1."};
constexpr std::string_view kVersionPrefix = "RTSP/";

bool IsTokenByte(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '-' || c == '/' ||
         c == '.' || (c >= '0' && c <= '9');
}

bool IsBlank(uint8_t byte) {
  return byte == '\r' || byte == '\n' || byte == ' ' || byte == '\t' || byte == 0;
}

absl::StatusOr<Message> ParseStartLine(std::string_view line) {
  const size_t first = line.find(' ');
  if (line.starts_with(kVersionPrefix)) {
    Response response;
    response.version = line.substr(0, first);
    std::string_view rest = first == std::string_view::npos ? "" : media::Trim(line.substr(first));
    const auto status = media::ParseNumber<int>(media::CutFront(rest, " "));
    if (!status.has_value() || *status < 100 || *status > 999) {
      return Fail(RtspError::kBadStartLine, line.substr(0, 64));
    }
    response.status = *status;
    response.reason = media::Trim(rest);
    return response;
  }
  // A URI may hold spaces that nobody escaped: it is what stands between the first and the last.
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || last <= first || first == 0 ||
      !line.substr(last + 1).starts_with(kVersionPrefix)) {
    return Fail(RtspError::kBadStartLine, line.substr(0, 64));
  }
  Request request;
  request.method = line.substr(0, first);
  request.uri = media::Trim(line.substr(first, last - first));
  request.version = line.substr(last + 1);
  if (request.uri.empty()) return Fail(RtspError::kBadStartLine, line.substr(0, 64));
  return request;
}

}  // namespace

absl::StatusOr<std::optional<Message>> MessageReader::Next() {
  if (!status_.ok()) return status_;
  while (true) {
    if (state_ == State::kBody) return ReadBody();
    if (state_ == State::kStart) {
      const auto found = FindStart();
      if (!found.ok()) return status_ = found.status();
      if (!*found) return std::nullopt;
      if (queue_.view().front() == '$') return ReadInterleaved();
    }
    auto line = ReadLine();
    if (!line.ok()) return status_ = line.status();
    if (!line->has_value()) return std::nullopt;
    const absl::Status status =
        state_ == State::kStart ? OnStartLine(**line) : OnHeaderLine(**line);
    if (!status.ok()) return status_ = status;
    queue_.Consume(line_size_);
  }
}

MessageReader::Front MessageReader::Look(Bytes bytes, bool known_only) const {
  if (bytes.empty()) return Front::kNeedMore;
  if (bytes[0] == '$') {
    if (!known_only) return Front::kInterleaved;
    if (bytes.size() < 2) return Front::kNeedMore;
    return bytes[1] < channels_ ? Front::kInterleaved : Front::kNeither;
  }
  const std::string_view text = AsText(bytes);
  if (!known_only) return IsTokenByte(text[0]) ? Front::kText : Front::kNeither;
  bool perhaps = false;
  for (const std::string_view start : kKnownStarts) {
    if (text.starts_with(start)) return Front::kText;
    perhaps = perhaps || start.starts_with(text);
  }
  return perhaps ? Front::kNeedMore : Front::kNeither;
}

// Puts the next message at the front of the queue; false where it has not come yet.
absl::StatusOr<bool> MessageReader::FindStart() {
  if (scanned_ > 0) return true;  // in the middle of a start line
  while (true) {
    Bytes view = queue_.view();
    if (!lost_) {
      const auto* text = std::find_if_not(view.data(), view.data() + view.size(), IsBlank);
      queue_.Consume(static_cast<size_t>(text - view.data()));
      view = queue_.view();
    }
    switch (Look(view, interleaving_)) {
      case Front::kNeedMore:
        return false;
      case Front::kInterleaved:
      case Front::kText:
        lost_ = false;
        skipped_now_ = 0;
        return true;
      case Front::kNeither:
        if (!interleaving_) return Fail(RtspError::kNotRtsp);
        if (absl::Status status = Resynchronise(); !status.ok()) return status;
    }
  }
}

// Drops at least one byte, up to the next that may begin something.
absl::Status MessageReader::Resynchronise() {
  lost_ = true;
  const Bytes view = queue_.view();
  size_t drop = 1;
  while (drop < view.size() && Look(view.subspan(drop), true) == Front::kNeither) ++drop;
  queue_.Consume(drop);
  skipped_ += drop;
  skipped_now_ += drop;
  if (skipped_now_ > limits_.max_skipped) return Fail(RtspError::kLostSync);
  return absl::OkStatus();
}

std::optional<Message> MessageReader::ReadInterleaved() {
  const Bytes view = queue_.view();
  if (view.size() < kInterleavedHeaderSize) return std::nullopt;
  const size_t size = static_cast<size_t>(view[2]) << 8 | view[3];
  if (view.size() < kInterleavedHeaderSize + size) return std::nullopt;
  Interleaved frame;
  frame.channel = view[1];
  frame.payload = media::Payload::Copy(view.subspan(kInterleavedHeaderSize, size));
  queue_.Consume(kInterleavedHeaderSize + size);
  interleaving_ = true;
  return frame;
}

absl::StatusOr<std::optional<std::string_view>> MessageReader::ReadLine() {
  const std::string_view text = AsText(queue_.view());
  const size_t end = text.find('\n', scanned_);
  if (std::min(end, text.size()) > limits_.max_line) return Fail(RtspError::kLineTooLong);
  if (end == std::string_view::npos) {
    scanned_ = text.size();
    return std::nullopt;
  }
  scanned_ = 0;
  line_size_ = end + 1;
  std::string_view line = text.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

absl::Status MessageReader::OnStartLine(std::string_view line) {
  auto message = ParseStartLine(line);
  if (!message.ok()) return message.status();
  message_ = *std::move(message);
  state_ = State::kHeaders;
  return absl::OkStatus();
}

absl::Status MessageReader::OnHeaderLine(std::string_view line) {
  if (line.empty()) return OnHeadersEnd();
  Headers& lines = headers();
  if (line[0] == ' ' || line[0] == '\t') {
    if (lines.lines().empty()) return Fail(RtspError::kBadHeader, "continues nothing");
    if (lines.lines().back().second.size() + line.size() > limits_.max_line) {
      return Fail(RtspError::kLineTooLong);
    }
    lines.Continue(media::Trim(line));
    return absl::OkStatus();
  }
  if (lines.lines().size() == limits_.max_headers) return Fail(RtspError::kTooManyHeaders);
  std::string_view value = line;
  const std::string_view name = media::Trim(media::CutFront(value, ":"));
  if (name.empty() || name.size() == line.size()) {
    return Fail(RtspError::kBadHeader, line.substr(0, 64));
  }
  lines.Add(name, media::Trim(value));
  return absl::OkStatus();
}

absl::Status MessageReader::OnHeadersEnd() {
  body_size_ = 0;
  for (const std::string_view value : headers().All("Content-Length")) {
    const auto size = media::ParseNumber<size_t>(value);
    if (!size.has_value() || (body_size_ != 0 && *size != body_size_)) {
      return Fail(RtspError::kBadContentLength, value.substr(0, 64));
    }
    body_size_ = *size;
  }
  if (body_size_ > limits_.max_body) return Fail(RtspError::kBodyTooLarge);
  state_ = State::kBody;
  return absl::OkStatus();
}

std::optional<Message> MessageReader::ReadBody() {
  if (queue_.size() < body_size_) return std::nullopt;
  const std::string_view body = AsText(queue_.view().first(body_size_));
  if (auto* request = std::get_if<Request>(&message_)) request->body = body;
  if (auto* response = std::get_if<Response>(&message_)) response->body = body;
  queue_.Consume(body_size_);
  state_ = State::kStart;
  return std::move(message_);
}

Headers& MessageReader::headers() {
  if (auto* request = std::get_if<Request>(&message_)) return request->headers;
  return std::get<Response>(message_).headers;
}

}  // namespace millrace::rtsp
