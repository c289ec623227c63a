#include "runtime/net/proxy_header.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "media/base/fault.h"
#include "tests/support/hex.h"
#include "tests/support/seeds.h"
#include "tests/support/split_feed.h"

namespace millrace::net {
namespace {

using tests::Hex;

constexpr char kSignature[] = "0d0a0d0a000d0a515549540a";

struct Case {
  const char* name;
  std::vector<uint8_t> bytes;
  const char* expected;  // the client, "local", "unknown", or the fault's name
};

std::vector<uint8_t> Line(std::string_view text) {
  std::vector<uint8_t> bytes(text.begin(), text.end());
  bytes.insert(bytes.end(), {'\r', '\n'});
  return bytes;
}
std::vector<uint8_t> Binary(std::string_view rest, size_t more = 0) {
  std::vector<uint8_t> bytes = Hex(std::string(kSignature) + std::string(rest));
  bytes.resize(bytes.size() + more, 7);
  return bytes;
}

std::vector<Case> Cases() {
  return {
      {"line TCP4", Line("PROXY TCP4 203.0.113.7 10.0.0.1 56324 1935"), "203.0.113.7:56324"},
      {"line TCP6", Line("PROXY TCP6 2001:db8::7 ::1 443 65535"), "[2001:db8::7]:443"},
      {"line TCP6 of a mapped address", Line("PROXY TCP6 ::ffff:203.0.113.7 ::1 1 2"),
       "203.0.113.7:1"},
      {"line UNKNOWN", Line("PROXY UNKNOWN"), "unknown"},
      {"line UNKNOWN with rubbish", Line("PROXY UNKNOWN ffff:x y z"), "unknown"},
      {"longest line",
       Line("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535"),
       "unknown"},
      {"line too long", Line("PROXY UNKNOWN " + std::string(92, 'x')), "proxy_line_too_long"},
      {"line without an end", Line(std::string("PROXY UNKNOWN ") + std::string(200, 'x')),
       "proxy_line_too_long"},
      {"line with a bare line feed", Hex("'PROXY TCP4 1.2.3.4 5.6.7.8 1 2' 0a"), "proxy_line"},
      {"line that ends too early", Hex("'PROXY TCP4' 0d0a 'more of it'"), "proxy_line"},
      {"line of two lines in the first read", Hex("'PROXY ' 0d0a 'GET / HTTP'"), "proxy_line"},
      {"line of no family", Line("PROXY TCP5 1.2.3.4 5.6.7.8 1 2"), "proxy_family"},
      {"line in lower case", Line("PROXY tcp4 1.2.3.4 5.6.7.8 1 2"), "proxy_family"},
      {"line with an IPv6 address as TCP4", Line("PROXY TCP4 ::1 ::1 1 2"), "proxy_line"},
      {"line with an IPv4 address as TCP6", Line("PROXY TCP6 1.2.3.4 5.6.7.8 1 2"), "proxy_line"},
      {"line with a port at the address", Line("PROXY TCP4 1.2.3.4:5 5.6.7.8 1 2"), "proxy_line"},
      {"line with a port that is none", Line("PROXY TCP4 1.2.3.4 5.6.7.8 65536 2"), "proxy_line"},
      {"line with a negative port", Line("PROXY TCP4 1.2.3.4 5.6.7.8 1 -2"), "proxy_line"},
      {"line with two spaces", Line("PROXY TCP4  1.2.3.4 5.6.7.8 1 2"), "proxy_line"},
      {"line with one word more", Line("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3"), "proxy_line"},
      {"line with one word less", Line("PROXY TCP4 1.2.3.4 5.6.7.8 1"), "proxy_line"},

      {"binary IPv4", Binary("21 11 000c cb007107 0a000001 dc04 078f"), "203.0.113.7:56324"},
      {"binary IPv6",
       Binary("21 21 0024 20010db8000000000000000000000007 00000000000000000000000000000001 "
              "01bb ffff"),
       "[2001:db8::7]:443"},
      {"binary AWS with a TLV", Binary("21 11 0012 cb007107 0a000001 dc04 078f ea 0003 017670"),
       "203.0.113.7:56324"},
      {"binary with 64 KiB of TLVs", Binary("21 11 ffff cb007107 0a000001 dc04 078f", 0xffff - 12),
       "203.0.113.7:56324"},
      {"binary UDP", Binary("21 12 000c cb007107 0a000001 dc04 078f"), "203.0.113.7:56324"},
      {"binary LOCAL", Binary("20 00 0000"), "local"},
      {"binary LOCAL with addresses", Binary("20 11 000c cb007107 0a000001 dc04 078f"), "local"},
      {"binary LOCAL of no family", Binary("20 ff 0001 00"), "local"},
      {"binary of no family", Binary("21 00 0000"), "unknown"},
      {"binary Unix", Binary("21 31 00d8", 216), "unknown"},
      {"binary Unix too short", Binary("21 31 00d7", 215), "proxy_addresses"},
      {"binary IPv4 too short", Binary("21 11 000b cb007107 0a000001 dc04 07"), "proxy_addresses"},
      {"binary IPv6 too short", Binary("21 21 0023", 35), "proxy_addresses"},
      {"binary version 1", Binary("11 11 0000"), "proxy_version"},
      {"binary command 2", Binary("22 11 0000"), "proxy_command"},
      {"binary family 4", Binary("21 41 0000"), "proxy_family"},
      {"binary transport 3", Binary("21 13 0000"), "proxy_family"},

      {"RTMP without a header", Hex("03 00000000 00000000"), "proxy_no_header"},
      {"HTTP without a header", Hex("'GET / HTTP/1.1' 0d0a"), "proxy_no_header"},
      {"HTTP verb that begins alike", Hex("'PROPFIND / HTTP/1.1' 0d0a"), "proxy_no_header"},
      {"TLS without a header", Hex("16 0301 0200 01"), "proxy_no_header"},
      {"almost the signature", Hex("0d0a0d0a000d0a515549540d 21110000"), "proxy_no_header"},
  };
}

std::string Text(const absl::StatusOr<std::optional<ProxyHeader>>& result) {
  if (!result.ok()) return media::FaultName(result.status());
  if (!result->has_value()) return "more";
  const ProxyHeader& header = **result;
  if (header.local) return header.client ? "local with a client" : "local";
  return header.client ? header.client->ToString() : "unknown";
}

TEST(ProxyHeader, EachCaseHoweverItsBytesArrive) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("proxy_header_fuzz", c.name, c.bytes);
    const auto text = tests::ExpectSameForAllSplits(c.bytes, [](const auto& feed) {
      ProxyHeaderReader reader;
      std::string seen;
      feed([&](media::Bytes bytes) {
        if (seen.empty() || seen == "more") seen = Text(reader.Consume(bytes));
      });
      return seen;
    });
    EXPECT_EQ(text, c.expected);
  }
}

TEST(ProxyHeader, WhatFollowsIsLeft) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    if (std::string_view(c.expected).starts_with("proxy_")) continue;
    std::vector<uint8_t> all = c.bytes;
    all.insert(all.end(), {3, 'x', '\n'});
    ProxyHeaderReader reader;
    media::Bytes rest(all);
    EXPECT_EQ(Text(reader.Consume(rest)), c.expected);
    EXPECT_EQ(rest.size(), 3u);
  }
}

// Who reads what is wanted, never more, stops exactly behind the header.
TEST(ProxyHeader, NeverWantsMoreThanTheHeader) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    if (std::string_view(c.expected).starts_with("proxy_")) continue;
    ProxyHeaderReader reader;
    size_t at = 0;
    std::string seen = "more";
    while (seen == "more" && at < c.bytes.size()) {
      const size_t wanted = reader.wanted();
      ASSERT_GE(wanted, 1u);
      ASSERT_LE(at + wanted, c.bytes.size());
      media::Bytes piece = media::Bytes(c.bytes).subspan(at, wanted);
      at += wanted;
      seen = Text(reader.Consume(piece));
    }
    EXPECT_EQ(seen, c.expected);
    EXPECT_EQ(at, c.bytes.size());
  }
}

TEST(ProxyHeader, FailsForGood) {
  ProxyHeaderReader reader;
  const std::vector<uint8_t> bad = Hex("03"), good = Line("PROXY UNKNOWN");
  media::Bytes bytes(bad);
  EXPECT_EQ(Text(reader.Consume(bytes)), "proxy_no_header");
  bytes = good;
  EXPECT_EQ(Text(reader.Consume(bytes)), "proxy_no_header");
}

}  // namespace
}  // namespace millrace::net
