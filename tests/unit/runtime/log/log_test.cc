#include "runtime/log/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

namespace millrace::log {
namespace {

class LogTest : public testing::Test {
 protected:
  Logger Make(Format format, Level level = Level::kInfo) {
    Options options;
    options.format = format;
    options.level = level;
    options.node = "rtmp-a";
    options.stream = &out_;
    return Logger::Create(options);
  }
  nlohmann::json Json() { return nlohmann::json::parse(out_.str()); }

  std::ostringstream out_;
};

TEST_F(LogTest, JsonLinesHoldTimeLevelNodeMessageAndFields) {
  const std::string stream = "live/cam1";
  Make(Format::kJson)
      .With({{"session", "rtmp-1-2"}})
      .Info("publish accepted", {{"stream", stream},
                                 {"bytes", 12u},
                                 {"delta", -3},
                                 {"ratio", 0.5},
                                 {"first", true},
                                 {"nothing", static_cast<const char*>(nullptr)}});
  const nlohmann::json line = Json();
  EXPECT_EQ(line["level"], "info");
  EXPECT_EQ(line["node"], "rtmp-a");
  EXPECT_EQ(line["msg"], "publish accepted");
  EXPECT_EQ(line["session"], "rtmp-1-2");
  EXPECT_EQ(line["stream"], "live/cam1");
  EXPECT_EQ(line["bytes"], 12);
  EXPECT_EQ(line["delta"], -3);
  EXPECT_EQ(line["ratio"], 0.5);
  EXPECT_EQ(line["first"], true);
  EXPECT_EQ(line["nothing"], "");
  const std::string time = line["time"];
  EXPECT_EQ(time.size(), std::string("2026-01-01T00:00:00.000000Z").size());
  EXPECT_EQ(time.back(), 'Z');
}

TEST_F(LogTest, HostileFieldsStayOneValidJsonLine) {
  Make(Format::kJson).Warning("bad\nmessage", {{"path", "/\"},\n{\"level\":\"error\xff\x1b[31m"}});
  const std::string text = out_.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_EQ(Json()["level"], "warning");
  EXPECT_EQ(Json()["msg"], "bad\nmessage");
}

TEST_F(LogTest, NumbersThatJsonLacksAreNull) {
  Make(Format::kJson).Info("x", {{"v", std::numeric_limits<double>::infinity()}});
  EXPECT_TRUE(Json()["v"].is_null());
}

TEST_F(LogTest, TextIsOneReadableLine) {
  Make(Format::kText).Info("viewer\x1b left", {{"stream", "a b"}, {"n", 1}});
  const std::string text = out_.str();
  EXPECT_NE(text.find("viewer\\u001b left node=rtmp-a stream=\"a b\" n=1\n"), std::string::npos)
      << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST_F(LogTest, NoFieldIsSaidTwice) {
  Make(Format::kJson).Info("node attached", {{"node", "http-b"}, {"msg", "x"}});
  EXPECT_EQ(Json()["node"], "rtmp-a");
  EXPECT_EQ(Json()["about_node"], "http-b");
  EXPECT_EQ(Json()["msg"], "node attached");
}

TEST_F(LogTest, FormatCharactersMeanNothing) {
  Make(Format::kText).Info("{} %v %n {0}", {{"a", "{}%v"}});
  EXPECT_NE(out_.str().find("{} %v %n {0} node=rtmp-a a={}%v"), std::string::npos) << out_.str();
}

TEST_F(LogTest, LevelsBelowTheChosenOneAreLeftOut) {
  const Logger logger = Make(Format::kText, Level::kWarning);
  logger.Info("quiet");
  EXPECT_TRUE(out_.str().empty());
  EXPECT_FALSE(logger.Enabled(Level::kInfo));
  logger.Error("loud");
  EXPECT_FALSE(out_.str().empty());
}

TEST_F(LogTest, ADefaultLoggerWritesNothing) {
  const Logger logger;
  logger.With({{"a", 1}}).Error("nobody hears");
  logger.Flush();
  EXPECT_FALSE(logger.Enabled(Level::kError));
}

TEST(LogFlags, NamesOfLevelsAndFormats) {
  EXPECT_EQ(*ParseLevel("warn"), Level::kWarning);
  EXPECT_EQ(*ParseLevel("debug"), Level::kDebug);
  EXPECT_FALSE(ParseLevel("loud").ok());
  EXPECT_EQ(*ParseFormat("json"), Format::kJson);
  EXPECT_FALSE(ParseFormat("xml").ok());
}

TEST(LogQueue, LinesReachStandardErrorBeforeTheLastLoggerIsGone) {
  testing::internal::CaptureStderr();
  {
    Options options;
    options.format = Format::kJson;
    const Logger logger = Logger::Create(options);
    for (int i = 0; i < 100; ++i) logger.Info("line", {{"i", i}});
    logger.Flush();
  }
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 100);
}

}  // namespace
}  // namespace millrace::log
