#include "gateways/http/response.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace millrace::http {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(Response, FlvGoesOnUntilTheConnectionEnds) {
  const std::string text = Render(FlvResponse(false), {.keep_alive = true, .now = 784111777});
  EXPECT_THAT(text, StartsWith("HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nContent-Type: video/x-flv\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nCache-Control: no-store\r\n"));
  EXPECT_THAT(text, Not(HasSubstr("Content-Length")));
  EXPECT_THAT(text, EndsWith("Connection: close\r\n\r\n"));
}

TEST(Response, TheAnswerToHeadHasAnEnd) {
  EXPECT_THAT(Render(FlvResponse(false), {.head_only = true, .keep_alive = true}),
              EndsWith("Connection: keep-alive\r\n\r\n"));
  const std::string index = Render(IndexResponse(), {.head_only = true});
  EXPECT_THAT(index, HasSubstr("Content-Length: "));
  EXPECT_THAT(index, EndsWith("\r\n\r\n"));
}

TEST(Response, NoContentHasNoLength) {
  const std::string text = Render(OptionsResponse(true), {.keep_alive = true});
  EXPECT_THAT(text, StartsWith("HTTP/1.1 204 No Content\r\n"));
  EXPECT_THAT(text, Not(HasSubstr("Content-Length")));
  EXPECT_THAT(text, HasSubstr("Access-Control-Allow-Methods: GET, HEAD, OPTIONS\r\n"));
  EXPECT_THAT(Render(OptionsResponse(false), {}), Not(HasSubstr("Access-Control-Allow-Methods")));
}

TEST(Cors, AnyOrigin) {
  Response response;
  AddCors(response, std::vector<std::string>{"*"}, "https://a.example");
  EXPECT_THAT(Render(response, {}), HasSubstr("Access-Control-Allow-Origin: *\r\n"));
}

TEST(Cors, OnlyOriginsThatAreListed) {
  const std::vector<std::string> allowed = {"https://a.example"};
  const auto rendered = [&](std::string_view origin) {
    Response response;
    AddCors(response, allowed, origin);
    return Render(response, {});
  };
  EXPECT_THAT(rendered("https://a.example"),
              HasSubstr("Access-Control-Allow-Origin: https://a.example\r\n"));
  for (const char* origin : {"https://b.example", "https://a.example.evil", "", "null"}) {
    EXPECT_THAT(rendered(origin), Not(HasSubstr("Access-Control-Allow-Origin"))) << origin;
    EXPECT_THAT(rendered(origin), HasSubstr("Vary: Origin\r\n"));
  }
}

TEST(Problem, IsADocumentThatSaysWhatToDo) {
  const Response response =
      ProblemResponse({Fault::kNoSuchStream, "Publish it, then ask again.", "/live/\xff.flv"});
  EXPECT_EQ(response.status, 404u);
  const auto document = nlohmann::json::parse(response.body);
  EXPECT_EQ(document["type"], "urn:millrace:problem:no_such_stream");
  EXPECT_EQ(document["status"], 404);
  EXPECT_EQ(document["detail"], "Publish it, then ask again.");
  EXPECT_EQ(document["instance"], "/live/\xef\xbf\xbd.flv");
  EXPECT_FALSE(document["title"].empty());
  EXPECT_THAT(Render(response, {}), HasSubstr("Content-Type: application/problem+json\r\n"));
}

TEST(Problem, StatusesBringTheirFields) {
  EXPECT_THAT(Render(ProblemResponse({Fault::kMethod, "", ""}), {}),
              HasSubstr("Allow: GET, HEAD, OPTIONS\r\n"));
  EXPECT_THAT(Render(ProblemResponse({Fault::kTooManyConnections, "", ""}), {}),
              HasSubstr("Retry-After: 5\r\n"));
  EXPECT_THAT(Render(ProblemResponse({Fault::kHeaderTooLarge, "", ""}), {}),
              StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(Render(ProblemResponse({Fault::kHeaderTimeout, "", ""}), {}),
              StartsWith("HTTP/1.1 408 "));
}

}  // namespace
}  // namespace millrace::http
