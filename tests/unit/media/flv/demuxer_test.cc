#include "media/flv/demuxer.h"

#include <gtest/gtest.h>

#include <string>

#include "media/base/fault.h"
#include "tests/support/hex.h"
#include "tests/support/seeds.h"
#include "tests/support/split_feed.h"

namespace millrace::media::flv {
namespace {

using tests::Hex;

// What came out, as comparable lines: "header av", "9@40:1701…", "error flv_…".
std::vector<std::string> Demuxed(const std::vector<uint8_t>& bytes, DemuxerOptions options = {}) {
  return tests::ExpectSameForAllSplits(bytes, [&](const auto& feed) {
    Demuxer demuxer(options);
    std::vector<std::string> lines;
    feed([&](Bytes piece) {
      demuxer.Append(piece);
      while (true) {
        auto event = demuxer.Next();
        if (!event.ok()) {
          const std::string line = "error " + FaultName(event.status());
          if (lines.empty() || lines.back() != line) lines.push_back(line);
          return;
        }
        if (!event->has_value()) return;
        if (const auto* header = std::get_if<FileHeader>(&**event)) {
          lines.push_back(std::string("header ") + (header->has_audio ? "a" : "") +
                          (header->has_video ? "v" : ""));
          continue;
        }
        const Tag& tag = std::get<Tag>(**event);
        std::string line = std::to_string(static_cast<int>(tag.type)) + "@" +
                           std::to_string(tag.timestamp_ms) + ":" + std::to_string(tag.body.size());
        for (uint8_t byte : tag.body.bytes().first(std::min<size_t>(tag.body.size(), 4))) {
          line += " " + std::to_string(byte);
        }
        lines.push_back(line);
      }
    });
    return lines;
  });
}

constexpr char kHeader[] = "'FLV' 01 05 00000009 00000000";

TEST(Demuxer, Reads) {
  const struct {
    const char* name;
    std::string hex;
    std::vector<std::string> lines;
  } cases[] = {
      {"header alone", kHeader, {"header av"}},
      {"audio only", "'FLV' 01 04 00000009 00000000", {"header a"}},
      {"longer header",
       "'FLV' 01 01 0000000b 0000 00000000 09 000001 000000 00 000000 17 0000000c",
       {"header v", "9@0:1 23"}},
      {"tags",
       std::string(kHeader) + "09 000002 000028 00 000000 1701 0000000d"
                              "08 000001 00002a 00 000000 af 0000000c"
                              "12 000000 00002b 00 000000 0000000b",
       {"header av", "9@40:2 23 1", "8@42:1 175", "18@43:0"}},
      {"extended timestamp",
       std::string(kHeader) + "08 000001 000001 01 000000 af 0000000c",
       {"header av", "8@16777217:1 175"}},
      {"wrap after 49 days",
       std::string(kHeader) + "08 000001 fffff0 ff 000000 af 0000000c"
                              "08 000001 000010 00 000000 af 0000000c",
       {"header av", "8@4294967280:1 175", "8@4294967312:1 175"}},
      {"wrong PreviousTagSize",
       std::string(kHeader) + "08 000001 000000 00 000000 af ffffffff"
                              "08 000001 000001 00 000000 af 00000000",
       {"header av", "8@0:1 175", "8@1:1 175"}},
      {"unknown tag type is skipped",
       std::string(kHeader) + "0f 000003 000000 00 000000 010203 0000000e"
                              "08 000001 000001 00 000000 af 0000000c",
       {"header av", "8@1:1 175"}},
      {"cut tag", std::string(kHeader) + "09 000005 000000 00 000000 1701", {"header av"}},
      {"bad signature", "'FLW'", {"error flv_bad_signature"}},
      {"bad version", "'FLV' 02 05 00000009 00000000", {"error flv_bad_version"}},
      {"bad header size", "'FLV' 01 05 00000008 00000000", {"error flv_bad_header_size"}},
      {"absurd header size", "'FLV' 01 05 7fffffff 00000000", {"error flv_bad_header_size"}},
      {"tag too large",
       std::string(kHeader) + "09 ffffff 000000 00 000000",
       {"header av", "error flv_tag_too_large"}},
      {"encrypted",
       std::string(kHeader) + "29 000001 000000 00 000000 00",
       {"header av", "error flv_encrypted_tag"}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const std::vector<uint8_t> bytes = Hex(c.hex);
    tests::WriteSeed("flv_demuxer_fuzz", c.name, bytes);
    EXPECT_EQ(Demuxed(bytes), c.lines);
  }
}

TEST(Demuxer, SkipsALargeUnknownTagWithoutHoldingIt) {
  Demuxer demuxer;
  demuxer.Append(Hex(std::string(kHeader) + "0f 100000 000000 00 000000"));
  const std::vector<uint8_t> piece(4096);
  ASSERT_TRUE(demuxer.Next().ok());
  for (size_t i = 0; i < (0x100000 + 4) / piece.size(); ++i) {
    ASSERT_FALSE(demuxer.Next()->has_value());
    demuxer.Append(piece);
    EXPECT_LE(demuxer.buffered(), piece.size());
  }
}

}  // namespace
}  // namespace millrace::media::flv
