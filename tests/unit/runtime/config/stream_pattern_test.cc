#include "runtime/config/stream_pattern.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace millrace::config {
namespace {

struct Case {
  const char* pattern;
  std::vector<const char*> matches;
  std::vector<const char*> differs;
};

const Case kCases[] = {
    {"live/cam1", {"live/cam1"}, {"live/cam", "live/cam11", "live", "live/cam1/x", "x/live/cam1"}},
    {"live/*", {"live/cam1", "live/*"}, {"live", "live/a/b", "lives/cam1"}},
    {"*/low", {"cams/low"}, {"low", "cams/low/x", "cams/slow"}},
    {"cams/*/low", {"cams/a/low"}, {"cams/low", "cams/a/b/low", "cams/a/high"}},
    {"cams/**", {"cams", "cams/a", "cams/a/b/c"}, {"cam/a", "camss"}},
    {"**/low", {"low", "a/low", "a/b/low", "low/low"}, {"low/a", "a/slow"}},
    {"cams/**/low", {"cams/low", "cams/a/low", "cams/low/low/low"}, {"low", "cams/a/low/b"}},
    {"**", {"a", "a/b", "a/b/c/d"}, {}},
    {"**/a/**/b", {"a/b", "x/a/b", "a/x/b", "a/a/b/b"}, {"b/a", "a/b/x", "a"}},
    {"**/*/b", {"a/b", "x/a/b"}, {"b"}},
    {"**/**/a", {"a", "x/a", "x/y/a"}, {"a/x"}},
};

TEST(StreamPattern, Matches) {
  for (const Case& test : kCases) {
    const auto pattern = StreamPattern::Parse(test.pattern);
    ASSERT_TRUE(pattern.ok()) << pattern.status();
    for (const char* stream : test.matches) {
      EXPECT_TRUE(pattern->Matches(stream)) << test.pattern << " " << stream;
    }
    for (const char* stream : test.differs) {
      EXPECT_FALSE(pattern->Matches(stream)) << test.pattern << " " << stream;
    }
  }
}

TEST(StreamPattern, WhatIsNoneIsRefused) {
  for (const char* text :
       {"", "/", "a/", "/a", "a//b", "a/./b", "..", "cam*/x", "a/***", "a/*b", "a/\x01"}) {
    EXPECT_FALSE(StreamPattern::Parse(text).ok()) << text;
  }
  EXPECT_FALSE(StreamPattern::Parse(std::string(256, 'a')).ok());
  EXPECT_TRUE(StreamPattern::Parse(std::string(255, 'a')).ok());
}

TEST(StreamPattern, HostilePatternsAreCheap) {
  const auto pattern = StreamPattern::Parse("**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/b");
  ASSERT_TRUE(pattern.ok());
  std::string stream = "a";
  for (int i = 0; i < 120; ++i) stream += "/a";
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 1'000; ++i) EXPECT_FALSE(pattern->Matches(stream));
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(2));
}

TEST(StreamPattern, ThePlainPartInFront) {
  EXPECT_EQ(StreamPattern::Parse("cams/gate/*/low")->plain_prefix(), "cams/gate");
  EXPECT_EQ(StreamPattern::Parse("*/low")->plain_prefix(), "");
  EXPECT_EQ(StreamPattern::Parse("live/x")->plain_prefix(), "live/x");
  EXPECT_EQ(StreamPattern::Parse("cams/**")->first_part(), "cams");
  EXPECT_EQ(StreamPattern::Parse("**/x")->first_part(), "");
}

}  // namespace
}  // namespace millrace::config
