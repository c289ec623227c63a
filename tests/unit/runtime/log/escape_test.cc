#include "runtime/log/escape.h"

#include <gtest/gtest.h>

#include <string>

namespace millrace::log {
namespace {

std::string Escaped(std::string_view text) {
  std::string out;
  AppendEscaped(out, text);
  return out;
}

std::string Word(std::string_view text) {
  std::string out;
  AppendWord(out, text);
  return out;
}

TEST(Escape, LeavesHarmlessTextAlone) {
  EXPECT_EQ(Escaped("live/cam1"), "live/cam1");
  EXPECT_EQ(Escaped("größe 画面 🎥"), "größe 画面 🎥");
}

TEST(Escape, ControlCharactersCannotForgeALineOrDriveATerminal) {
  EXPECT_EQ(Escaped("a\nb\r\tc"), "a\\nb\\r\\tc");
  EXPECT_EQ(Escaped("\x1b[2J"), "\\u001b[2J");
  EXPECT_EQ(Escaped(std::string_view("\0", 1)), "\\u0000");
  EXPECT_EQ(Escaped("\x7f"), "\\u007f");
  EXPECT_EQ(Escaped("\xc2\x9b"), "\\u009b");      // C1: CSI
  EXPECT_EQ(Escaped("\xe2\x80\xae"), "\\u202e");  // right-to-left override
  EXPECT_EQ(Escaped("\xe2\x80\xa8"), "\\u2028");  // line separator
  EXPECT_EQ(Escaped("say \"hi\" \\"), "say \\\"hi\\\" \\\\");
}

TEST(Escape, BytesThatAreNotUtf8BecomeReplacementCharacters) {
  const std::string replacement = "\xef\xbf\xbd";
  EXPECT_EQ(Escaped("\xff"), replacement);
  EXPECT_EQ(Escaped("a\xc3"), "a" + replacement);             // cut short
  EXPECT_EQ(Escaped("\xc0\xaf"), replacement + replacement);  // overlong
  EXPECT_EQ(Escaped("\xe0\x80\xaf"), replacement + replacement + replacement);
  EXPECT_EQ(Escaped("\xed\xa0\x80"), replacement + replacement + replacement);  // surrogate
  EXPECT_EQ(Escaped("\xf5\x80\x80\x80").size(), 4 * replacement.size());
}

TEST(Escape, WordsAreQuotedWhereTheyCouldBeMisread) {
  EXPECT_EQ(Word("10.0.0.1:80"), "10.0.0.1:80");
  EXPECT_EQ(Word(""), "\"\"");
  EXPECT_EQ(Word("two words"), "\"two words\"");
  EXPECT_EQ(Word("a=b"), "\"a=b\"");
  EXPECT_EQ(Word("x\ny"), "\"x\\ny\"");
}

}  // namespace
}  // namespace millrace::log
