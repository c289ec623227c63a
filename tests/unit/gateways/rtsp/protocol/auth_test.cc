#include "gateways/rtsp/protocol/auth.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/gateways/rtsp/protocol/crypto.h"

namespace millrace::rtsp {
namespace {

using Verdict = ServerAuth::Verdict;

ServerAuth Server() {
  return ServerAuth(
      "millrace",
      [](std::string_view user) -> std::optional<std::string> {
        if (user != "admin") return std::nullopt;
        return "p@ss:word";
      },
      TestMd5, PredictableBytes);
}

const std::string kUri = "rtsp://10.0.0.5:554/live/cam1/trackID=0";

Request Asking(std::string_view authorization, std::string_view uri = kUri) {
  Request request{"SETUP", std::string(uri), "RTSP/1.0", {}, ""};
  if (!authorization.empty()) request.headers.Add("authorization", authorization);
  return request;
}

// What a client with `uri=` of its own choice sends.
std::string DigestOf(const std::string& uri, const Login& login = {"admin", "p@ss:word"}) {
  const Challenge challenge = ParseChallenge(Server().Challenges(Verdict::kMissing)[0]);
  Authorization of;
  of.realm = challenge.realm;
  of.nonce = challenge.nonce;
  of.uri = uri;
  return "Digest username=\"" + login.user + "\", realm=\"" + of.realm + "\", nonce=\"" + of.nonce +
         "\", uri=\"" + uri + "\", response=\"" + DigestResponse(TestMd5, login, "SETUP", of) +
         "\"";
}

// RFC 2617 §3.5, with the password of its erratum.
TEST(Digest, OfTheSpecification) {
  Authorization of;
  of.realm = "testrealm@host.com";
  of.nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
  of.uri = "/dir/index.html";
  of.qop = "auth";
  of.nonce_count = "00000001";
  of.cnonce = "0a4f113b";
  EXPECT_EQ(DigestResponse(TestMd5, {"Mufasa", "Circle Of Life"}, "GET", of),
            "6629fae49393a05397450978507c4ef1");
  of.qop.clear();
  EXPECT_EQ(DigestResponse(TestMd5, {"Mufasa", "Circle Of Life"}, "GET", of),
            "670fd8c2df070c60b045671b8b24ff02");
}

// "digest realm nonce opaque qop stale", as far as they are set.
std::string Text(const Challenge& challenge) {
  std::string text = challenge.scheme == Challenge::Scheme::kDigest  ? "digest"
                     : challenge.scheme == Challenge::Scheme::kBasic ? "basic"
                                                                     : "unknown";
  text += " " + challenge.realm + " " + challenge.nonce;
  if (challenge.has_opaque) text += " opaque=" + challenge.opaque;
  if (challenge.qop_auth) text += " qop";
  if (challenge.stale) text += " stale";
  return text;
}

TEST(Challenge, OfDevices) {
  const struct {
    std::string header;
    std::string challenge;
  } cases[] = {
      {"Digest realm=\"IP Camera(12345)\", nonce=\"abc\", stale=\"FALSE\"",
       "digest IP Camera(12345) abc"},
      {"digest realm=x,nonce=y,algorithm=MD5,qop=\"auth,auth-int\",stale=true",
       "digest x y qop stale"},
      {"Digest realm=\"a \\\"b\\\", c\", nonce=\"n\", opaque=\"\"", "digest a \"b\", c n opaque="},
      {"Digest realm=\"x\", nonce=\"y\", algorithm=\"SHA-256\"", "unknown x y"},
      {"Basic realm=\"/\"", "basic / "},
      {"Basic", "basic  "},
      {"Bearer realm=x", "unknown x "},
      {"", "unknown  "},
      {"Digest realm=\"unclosed", "digest unclosed "},
  };
  for (const auto& c : cases) EXPECT_EQ(Text(ParseChallenge(c.header)), c.challenge) << c.header;
}

TEST(ServerAuth, OffersDigestAndBasicAndNoSha256) {
  const auto lines = Server().Challenges(Verdict::kMissing);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_TRUE(lines[0].starts_with("Digest realm=\"millrace\", nonce=\"0112")) << lines[0];
  EXPECT_EQ(lines[0].find("stale"), std::string::npos);
  EXPECT_EQ(lines[1], "Basic realm=\"millrace\"");
  EXPECT_NE(Server().Challenges(Verdict::kStale)[0].find("stale=\"true\""), std::string::npos);
}

TEST(ServerAuth, TakesEachFormOfDigestUri) {
  const ServerAuth server = Server();
  const struct {
    const char* client;
    std::string uri;
    Verdict verdict = Verdict::kRight;
  } cases[] = {
      {"FFmpeg: the request's own", kUri},
      {"VLC: the presentation", "rtsp://10.0.0.5:554/live/cam1"},
      {"VLC: the presentation with a slash", "rtsp://10.0.0.5:554/live/cam1/"},
      {"HappyTime: a slash behind", kUri + "/"},
      {"Bosch: without the port", "rtsp://10.0.0.5/live/cam1"},
      {"relative", "/live/cam1/trackID=0"},
      {"relative presentation", "/live/cam1/"},
      {"of another stream", "rtsp://10.0.0.5:554/live/cam2", Verdict::kWrong},
      {"of a stream whose name begins alike", "/live/cam", Verdict::kWrong},
      {"of everything", "rtsp://10.0.0.5:554", Verdict::kWrong},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(server.Check(Asking(DigestOf(c.uri))), c.verdict) << c.client;
  }
  const std::string query = "rtsp://h/live/cam1?a=b";
  for (const std::string& request_uri : std::vector<std::string>{
           "rtsp://h/live/cam1?a=b/trackID=0", "rtsp://h/live/cam1/trackID=0?a=b"}) {
    EXPECT_EQ(server.Check(Asking(DigestOf(query), request_uri)), Verdict::kRight) << request_uri;
  }
}

TEST(ServerAuth, Judges) {
  const ServerAuth server = Server();
  std::string stale = DigestOf(kUri);
  stale.replace(stale.find("nonce=\"0"), 8, "nonce=\"f");
  const struct {
    const char* name;
    std::string header;
    Verdict verdict;
  } cases[] = {
      {"nothing", "", Verdict::kMissing},
      {"unknown scheme", "Bearer abc", Verdict::kMissing},
      {"Basic", "Basic YWRtaW46cEBzczp3b3Jk", Verdict::kRight},
      {"Basic, wrong password", "Basic YWRtaW46cGFzcw==", Verdict::kWrong},
      {"Basic that is no Base64", "Basic !!", Verdict::kMissing},
      {"Basic, unknown user", "Basic eDp5", Verdict::kWrong},
      {"Digest, wrong password", DigestOf(kUri, {"admin", "pass"}), Verdict::kWrong},
      {"Digest, unknown user", DigestOf(kUri, {"root", "p@ss:word"}), Verdict::kWrong},
      {"Digest with an old nonce", stale, Verdict::kStale},
  };
  for (const auto& c : cases) EXPECT_EQ(server.Check(Asking(c.header)), c.verdict) << c.name;
}

Headers Unauthorized(std::initializer_list<const char*> challenges) {
  Headers headers;
  for (const char* challenge : challenges) headers.Add("WWW-Authenticate", challenge);
  return headers;
}

TEST(ClientAuth, PrefersMd5DigestAmongSeveralLines) {
  ClientAuth client({"admin", "x"}, TestMd5, PredictableBytes);
  EXPECT_EQ(client.Header("PLAY", kUri), "");
  EXPECT_TRUE(
      client.OnUnauthorized(Unauthorized({"Digest realm=\"r\", nonce=\"1\", algorithm=SHA-256",
                                          "Basic realm=\"r\"", "Digest realm=\"r\", nonce=\"2\""}),
                            false));
  const Authorization sent = ParseAuthorization(client.Header("PLAY", kUri));
  EXPECT_EQ(sent.scheme, Challenge::Scheme::kDigest);
  EXPECT_EQ(sent.nonce, "2");
  EXPECT_EQ(sent.uri, kUri);
  EXPECT_EQ(sent.qop, "");
  EXPECT_EQ(sent.response, DigestResponse(TestMd5, {"admin", "x"}, "PLAY", sent));
}

TEST(ClientAuth, TakesBasicWhereThereIsNothingElse) {
  ClientAuth client({"admin", "p@ss:word"}, TestMd5, PredictableBytes);
  EXPECT_TRUE(client.OnUnauthorized(Unauthorized({"Basic realm=\"r\""}), false));
  EXPECT_EQ(client.Header("PLAY", kUri), "Basic YWRtaW46cEBzczp3b3Jk");
}

TEST(ClientAuth, CountsRequestsWhereTheServerWantsQop) {
  ClientAuth client({"a", "b"}, TestMd5, PredictableBytes);
  client.OnUnauthorized(Unauthorized({"Digest realm=r, nonce=n, qop=\"auth\", opaque=\"o\""}),
                        false);
  const Authorization first = ParseAuthorization(client.Header("PLAY", kUri));
  const std::string line = client.Header("PLAY", kUri);
  EXPECT_EQ(first.nonce_count, "00000001");
  EXPECT_EQ(ParseAuthorization(line).nonce_count, "00000002");
  EXPECT_EQ(first.response, DigestResponse(TestMd5, {"a", "b"}, "PLAY", first));
  EXPECT_NE(line.find("opaque=\"o\""), std::string::npos);
}

TEST(ClientAuth, TriesAgainOnlyWhereThatCanHelp) {
  ClientAuth client({"a", "b"}, TestMd5, PredictableBytes);
  EXPECT_TRUE(client.OnUnauthorized(Unauthorized({"Digest realm=r, nonce=1"}), false));
  client.Header("DESCRIBE", kUri);
  // Answered with credentials and refused: they are wrong.
  EXPECT_FALSE(client.OnUnauthorized(Unauthorized({"Digest realm=r, nonce=2"}), true));
  // Stale: the new nonce helps.
  EXPECT_TRUE(
      client.OnUnauthorized(Unauthorized({"Digest realm=r, nonce=3, stale=\"true\""}), true));
  client.Header("DESCRIBE", kUri);
  client.Header("SETUP", kUri);
  // A nonce that was good for a request before, and no word about why it is not any more.
  EXPECT_TRUE(client.OnUnauthorized(Unauthorized({"Digest realm=r, nonce=4"}), true));
  EXPECT_FALSE(client.OnUnauthorized(Unauthorized({"Bearer realm=r"}), true));
  EXPECT_FALSE(client.OnUnauthorized(Headers(), true));
  ClientAuth nobody({}, TestMd5, PredictableBytes);
  EXPECT_FALSE(nobody.OnUnauthorized(Unauthorized({"Digest realm=r, nonce=1"}), false));
}

}  // namespace
}  // namespace millrace::rtsp
