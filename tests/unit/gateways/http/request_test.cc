#include "gateways/http/request.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>

namespace millrace::http {
namespace {

TEST(Route, WhatIsServed) {
  const struct {
    const char* target;
    const char* stream;  // nullptr: the index
    Selection selection;
  } cases[] = {
      {"/", nullptr, Selection::kAll},
      {"/?x=1", nullptr, Selection::kAll},
      {"http://host:8080", nullptr, Selection::kAll},
      {"/live/cam1.flv", "live/cam1", Selection::kAll},
      {"/site3/gate/cam1.flv", "site3/gate/cam1", Selection::kAll},
      {"/live/a.b.flv", "live/a.b", Selection::kAll},
      {"/live/cam1.flv?only=audio", "live/cam1", Selection::kAudio},
      {"/live/cam1.flv?token=a%26b&only=video", "live/cam1", Selection::kVideo},
      {"/live/cam1.flv?only=%61udio", "live/cam1", Selection::kAudio},
      {"/live/cam1.flv?unknown=1&Only=audio", "live/cam1", Selection::kAll},
      {"/live/cam%201.flv", "live/cam 1", Selection::kAll},
      {"/live/cam+1.flv", "live/cam+1", Selection::kAll},
      {"/live/%E7%94%BB.flv", "live/画", Selection::kAll},
      {"/live%2Fcam1%2eflv", "live/cam1", Selection::kAll},
      {"http://host:8080/live/cam1.flv?only=audio", "live/cam1", Selection::kAudio},
      {"/live/cam1.flv#there", "live/cam1", Selection::kAll},
  };
  for (const auto& c : cases) {
    const Route route = RouteRequest(c.target);
    if (c.stream == nullptr) {
      EXPECT_TRUE(std::holds_alternative<Index>(route)) << c.target;
      continue;
    }
    const auto* play = std::get_if<Play>(&route);
    ASSERT_NE(play, nullptr) << c.target;
    EXPECT_EQ(play->stream, c.stream);
    EXPECT_EQ(play->choice.selection, c.selection) << c.target;
  }
}

TEST(Route, WhereAViewerStarts) {
  const auto start = [](const char* target) { return std::get<Play>(RouteRequest(target)).start; };
  EXPECT_EQ(start("/live/cam1.flv"), v1::START_SETTING_UNSPECIFIED);
  EXPECT_EQ(start("/live/cam1.flv?start=live"), v1::live);
  EXPECT_EQ(start("/live/cam1.flv?only=video&start=key"), v1::key);
  EXPECT_EQ(start("/live/cam1.flv?start=oldest"), v1::oldest);
}

TEST(Route, TheFormIsChosenByCodec) {
  using media::flv::Form;
  const auto form = [](const char* target) {
    return std::get<Play>(RouteRequest(target)).choice.form;
  };
  EXPECT_EQ(form("/live/cam1.flv"), Form::kAuto);
  EXPECT_EQ(form("/live/cam1.flv?codec=legacy"), Form::kLegacy);
  EXPECT_EQ(form("/live/cam1.flv?only=video&codec=enhanced"), Form::kEnhanced);
}

TEST(Route, WhatIsRefused) {
  const struct {
    const char* target;
    Fault fault;
  } cases[] = {
      {"", Fault::kBadTarget},
      {"*", Fault::kBadTarget},
      {"live/cam1.flv", Fault::kBadTarget},
      {"/live/cam%.flv", Fault::kBadTarget},
      {"/live/cam%4.flv%4", Fault::kBadTarget},
      {"/live/cam%zz.flv", Fault::kBadTarget},
      {"/live/cam1", Fault::kUnknownPath},
      {"/live/cam1.flv/", Fault::kUnknownPath},
      {"/live/cam1.m3u8", Fault::kUnknownPath},
      {"/live/cam1.FLV", Fault::kUnknownPath},
      {"/.flv", Fault::kInvalidName},
      {"/cam1.flv", Fault::kInvalidName},
      {"/live/.flv", Fault::kInvalidName},
      {"//live/cam1.flv", Fault::kInvalidName},
      {"/live/../cam1.flv", Fault::kInvalidName},
      {"/live/%2e%2e/cam1.flv", Fault::kInvalidName},
      {"/live/a%00b.flv", Fault::kInvalidName},
      {"/live/a%0d%0ab.flv", Fault::kInvalidName},
      {"/live/%ff.flv", Fault::kInvalidName},
      {"/live/cam1.flv?only=", Fault::kBadQuery},
      {"/live/cam1.flv?only", Fault::kBadQuery},
      {"/live/cam1.flv?only=text", Fault::kBadQuery},
      {"/live/cam1.flv?only=audio+", Fault::kBadQuery},
      {"/live/cam1.flv?start=", Fault::kBadQuery},
      {"/live/cam1.flv?start=now", Fault::kBadQuery},
      {"/live/cam1.flv?start=START_SETTING_UNSPECIFIED", Fault::kBadQuery},
      {"/live/cam1.flv?codec=h264", Fault::kBadQuery},
      {"/live/cam1.flv?codec=", Fault::kBadQuery},
  };
  for (const auto& c : cases) {
    const Route route = RouteRequest(c.target);
    const auto* problem = std::get_if<Problem>(&route);
    ASSERT_NE(problem, nullptr) << c.target;
    EXPECT_EQ(problem->fault, c.fault) << c.target << " " << FaultName(problem->fault);
    EXPECT_FALSE(problem->detail.empty()) << c.target;
  }
  const Route long_name = RouteRequest("/live/" + std::string(300, 'x') + ".flv");
  EXPECT_EQ(std::get<Problem>(long_name).fault, Fault::kInvalidName);
}

TEST(Route, SecretsOfTheQueryStayOutOfTheProblem) {
  const Route route = RouteRequest("/live/cam1.mp4?token=secret");
  EXPECT_EQ(std::get<Problem>(route).instance, "/live/cam1.mp4");
}

TEST(Credentials, OfTheQuery) {
  const Route route = RouteRequest("/live/cam1.flv?user=eye&pass=p%2Bq%20r");
  ASSERT_TRUE(std::holds_alternative<Play>(route));
  EXPECT_EQ(std::get<Play>(route).credentials.user, "eye");
  EXPECT_EQ(std::get<Play>(route).credentials.password, "p+q r");
  EXPECT_EQ(std::get<Play>(RouteRequest("/live/cam1.flv")).credentials.user, "");
}

TEST(Credentials, OfBasic) {
  const struct {
    const char* authorization;
    const char* user;  // nullptr: none
    const char* password;
  } cases[] = {
      {"Basic ZXllOnM6MQ==", "eye", "s:1"},
      {"bAsIc   ZXllOg==", "eye", ""},
      {"Basic ZXll", nullptr, ""},  // no colon
      {"Basic !!", nullptr, ""},
      {"Digest username=\"eye\"", nullptr, ""},
      {"Basic", nullptr, ""},
      {"", nullptr, ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.authorization);
    const auto credentials = ParseBasic(c.authorization);
    ASSERT_EQ(credentials.has_value(), c.user != nullptr);
    if (!credentials.has_value()) continue;
    EXPECT_EQ(credentials->user, c.user);
    EXPECT_EQ(credentials->password, c.password);
  }
}

TEST(CleanText, IsPrintableAndBounded) {
  EXPECT_EQ(CleanText("Lavf/59.27", 256), "Lavf/59.27");
  EXPECT_EQ(CleanText("a\x1b[31m\xff", 256), "a?[31m?");
  EXPECT_EQ(CleanText("abcdef", 3), "abc");
}

}  // namespace
}  // namespace millrace::http
