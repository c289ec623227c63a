#include "tests/support/live/http_flv_client.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace millrace::live {
namespace {

constexpr size_t kMaxHead = 16384, kMaxErrorBody = 4096;
constexpr size_t kFlvHeader = 9 + 4, kTagHeader = 11, kBackPointer = 4;
constexpr int kSwitchingProtocols = 101, kHttpOk = 200;

uint32_t Big(const uint8_t* data, int bytes) {
  uint32_t value = 0;
  for (int i = 0; i < bytes; ++i) value = value << 8 | data[i];
  return value;
}

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return text;
}

}  // namespace

HttpFlvClient::HttpFlvClient(Url url, Observer& observer)
    : url_(std::move(url)), observer_(observer), web_socket_(url_.scheme == "ws") {}

void HttpFlvClient::Start() {
  std::string request = "GET " + url_.path + " HTTP/1.1\r\nHost: " + url_.host + ":" +
                        std::to_string(url_.port) +
                        "\r\nUser-Agent: millrace-live\r\nAccept: */*\r\n";
  if (web_socket_) {
    request += "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";
    request += std::string("Sec-WebSocket-Key: ") + kWebSocketKey + "\r\n";
  }
  request += "\r\n";
  output_.assign(request.begin(), request.end());
}

bool HttpFlvClient::Feed(std::span<const uint8_t> bytes) {
  if (!error_.empty()) return false;
  if (status_ != 0) {
    Body(bytes);
    return error_.empty();
  }
  head_.append(bytes.begin(), bytes.end());
  const size_t end = head_.find("\r\n\r\n");
  if (end == std::string::npos) {
    if (head_.size() > kMaxHead) error_ = "response head without end";
    return error_.empty();
  }
  const std::string rest = head_.substr(end + 4);
  head_.resize(end);
  if (!Head()) return false;
  observer_.OnResponse(status_);
  Body(std::span(reinterpret_cast<const uint8_t*>(rest.data()), rest.size()));
  return error_.empty();
}

bool HttpFlvClient::Head() {
  if (!head_.starts_with("HTTP/1.1 ") ||
      std::from_chars(head_.data() + 9, head_.data() + head_.size(), status_).ec != std::errc()) {
    error_ = "not an HTTP/1.1 response";
    return false;
  }
  for (size_t line = head_.find("\r\n"); line != std::string::npos;) {
    const size_t next = head_.find("\r\n", line + 2);
    const std::string text =
        head_.substr(line + 2, next == std::string::npos ? next : next - line - 2);
    const size_t colon = text.find(':');
    if (colon == std::string::npos) {
      error_ = "header line without a colon";
      return false;
    }
    const size_t value = text.find_first_not_of(' ', colon + 1);
    headers_[Lower(text.substr(0, colon))] = value == std::string::npos ? "" : text.substr(value);
    line = next;
  }
  chunked_ = Lower(headers_["transfer-encoding"]) == "chunked";
  return UpgradeIsRight();
}

bool HttpFlvClient::UpgradeIsRight() {
  const bool switched = status_ == kSwitchingProtocols;
  if (switched && (!web_socket_ || headers_["sec-websocket-accept"] != kWebSocketAccept)) {
    error_ = "101 that answers another question";
  }
  if (web_socket_ && status_ == kHttpOk) error_ = "200 in place of 101";
  return error_.empty();
}

void HttpFlvClient::Body(std::span<const uint8_t> bytes) {
  if (status_ == kSwitchingProtocols) {
    const auto flv = [this](std::span<const uint8_t> payload) { Flv(payload); };
    if (!frames_.Feed(bytes, flv, output_)) error_ = frames_.error();
  } else if (chunked_) {
    Chunked(bytes);
  } else {
    Flv(bytes);
  }
}

void HttpFlvClient::Chunked(std::span<const uint8_t> bytes) {
  size_t at = 0;
  while (at < bytes.size() && error_.empty()) {
    if (complete_) {
      error_ = "bytes behind the last chunk";
      return;
    }
    if (chunk_left_ > 2) {  // the data, then its CRLF
      const size_t piece = std::min<uint64_t>(chunk_left_ - 2, bytes.size() - at);
      Flv(bytes.subspan(at, piece));
      at += piece;
      chunk_left_ -= piece;
      continue;
    }
    const char c = static_cast<char>(bytes[at++]);
    if (chunk_left_ > 0) {
      if (c != (chunk_left_ == 2 ? '\r' : '\n')) error_ = "chunk without CRLF at its end";
      --chunk_left_;
      continue;
    }
    chunk_line_ += c;
    if (chunk_line_ == "\r\n" && last_chunk_seen_) {
      complete_ = true;
    } else if (chunk_line_.ends_with("\r\n")) {
      uint64_t size = 0;
      const auto result =
          std::from_chars(chunk_line_.data(), chunk_line_.data() + chunk_line_.size(), size, 16);
      if (result.ec != std::errc()) error_ = "chunk size is not hexadecimal";
      chunk_line_.clear();
      if (size == 0) {
        last_chunk_seen_ = true;
      } else {
        chunk_left_ = size + 2;
      }
    } else if (chunk_line_.size() > 64) {
      error_ = "chunk size line without end";
    }
  }
}

void HttpFlvClient::Flv(std::span<const uint8_t> bytes) {
  if (status_ != kHttpOk && status_ != kSwitchingProtocols) {
    if (error_body_.size() < kMaxErrorBody) error_body_.append(bytes.begin(), bytes.end());
    return;
  }
  if (flv_at_ == flv_.size()) {
    flv_.clear();
    flv_at_ = 0;
  } else if (flv_at_ > flv_.size() / 2) {
    flv_.erase(flv_.begin(), flv_.begin() + static_cast<ptrdiff_t>(flv_at_));
    flv_at_ = 0;
  }
  flv_.insert(flv_.end(), bytes.begin(), bytes.end());
  if (!flv_header_seen_) {
    if (flv_.size() < kFlvHeader) return;
    static constexpr uint8_t kStart[] = {'F', 'L', 'V', 1};
    if (!std::equal(std::begin(kStart), std::end(kStart), flv_.begin()) || (flv_[4] & ~5) != 0 ||
        Big(&flv_[5], 4) != 9 || Big(&flv_[9], 4) != 0) {
      error_ = "FLV header is malformed";
      return;
    }
    flv_header_seen_ = true;
    observer_.OnFlvHeader((flv_[4] & 4) != 0, (flv_[4] & 1) != 0);
    flv_at_ = kFlvHeader;
  }
  while (error_.empty() && Tag()) {
  }
}

bool HttpFlvClient::Tag() {
  const size_t have = flv_.size() - flv_at_;
  if (have < kTagHeader) return false;
  const uint8_t* tag = flv_.data() + flv_at_;
  const size_t size = Big(tag + 1, 3);
  if (tag[0] != 8 && tag[0] != 9 && tag[0] != 18) {
    error_ = "FLV tag of type " + std::to_string(tag[0]);
    return false;
  }
  if (Big(tag + 8, 3) != 0) {
    error_ = "FLV stream id is not 0";
    return false;
  }
  if (have < kTagHeader + size + kBackPointer) return false;
  if (Big(tag + kTagHeader + size, 4) != kTagHeader + size) {
    error_ = "PreviousTagSize is wrong";
    return false;
  }
  const uint32_t timestamp = Big(tag + 4, 3) | static_cast<uint32_t>(tag[7]) << 24;
  flv_at_ += kTagHeader + size + kBackPointer;
  observer_.OnTag(tag[0], timestamp, std::span(tag + kTagHeader, size));
  return true;
}

}  // namespace millrace::live
