#include "gateways/rtmp/protocol/login.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/support/hex.h"
#include "tests/support/seeds.h"
#include "tests/unit/gateways/rtmp/protocol/dialogue.h"

namespace millrace::rtmp {
namespace {

using media::amf::MakeObject;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

// "closed" takes Adobe's login, "keyed" one in the key, "closed/vault" one of its own.
class FakePublishers final : public Publishers {
 public:
  Door DoorOf(std::string_view path) const override {
    if (path.substr(0, 5) == "keyed") return Door::kKey;
    return path.substr(0, 6) == "closed" ? Door::kChallenge : Door::kOpen;
  }
  std::optional<std::string> PasswordOf(std::string_view path,
                                        std::string_view user) const override {
    if (user != "joe") return std::nullopt;
    return path.substr(0, 12) == "closed/vault" ? "other" : "s3cret";
  }
};

Login MakeLogin(const Publishers& publishers, uint8_t secret = 7) {
  Login::Secret bytes{};
  bytes[0] = secret;
  return Login(publishers, OpenSslMd5, OpenSslHmacSha256, bytes);
}

std::string Md5Base64(const std::string& text) { return Base64(OpenSslMd5(media::AsBytes(text))); }

// What an encoder reads out of a challenge.
std::map<std::string, std::string> Read(const std::string& description) {
  std::map<std::string, std::string> found;
  const size_t start = description.find("?reason=needauth");
  if (start == std::string::npos) return found;
  std::string rest = description.substr(start + 1);
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('&'), rest.size());
    const std::string pair = rest.substr(0, end);
    found[pair.substr(0, pair.find('='))] = pair.substr(pair.find('=') + 1);
    rest = rest.substr(std::min(end + 1, rest.size()));
  }
  return found;
}

// What it appends to its address.
std::string Respond(std::map<std::string, std::string> challenge, const std::string& password,
                    const std::string& own = "deadbeef", const std::string& rubbish = "") {
  const std::string inner = Md5Base64(challenge["user"] + challenge["salt"] + password);
  const std::string response = Md5Base64(inner + challenge["opaque"] + own);
  return "?authmod=adobe&user=" + challenge["user"] + "&challenge=" + own + rubbish +
         "&response=" + response + rubbish + "&opaque=" + challenge["opaque"];
}

class LoginTest : public testing::Test {
 protected:
  // One more connection, whose Server is `app`.
  Dialogue& Connect(const std::string& app, const std::string& version = "FMLE/3.0 (compatible)") {
    ConversationOptions options;
    options.login = login_ptr;
    dialogue_ = std::make_unique<Dialogue>(options);
    dialogue_->now_ms = now_ms;
    const ClientBytes client = ClientBytes().Command(
        {"connect", 1,
         MakeObject({{"app", app}, {"tcUrl", "rtmp://h/" + app}, {"flashVer", version}})});
    if (!seed.empty()) tests::WriteSeed("rtmp_conversation_fuzz", seed, client.bytes());
    events = dialogue_->Feed(client);
    answers = dialogue_->Answers();
    return *dialogue_;
  }
  std::string ConnectAndReadDescription(const std::string& app) {
    return Connect(app).description();
  }
  std::map<std::string, std::string> Challenge(const std::string& user = "joe") {
    return Read(ConnectAndReadDescription("closed?authmod=adobe&user=" + user));
  }
  bool Rejected() const {
    return answers.size() == 3 && answers[2] == "_error 1 NetConnection.Connect.Rejected";
  }
  bool Connected() const {
    return answers.size() == 4 && answers[2] == "_result 1 NetConnection.Connect.Success";
  }

  FakePublishers publishers;
  Login login = MakeLogin(publishers);
  const Login* login_ptr = &login;
  int64_t now_ms = 1'000'000;
  std::vector<std::string> events;
  std::vector<std::string> answers;
  std::string seed;  // name of what Connect writes

 private:
  std::unique_ptr<Dialogue> dialogue_;
};

// RFC 4648 §10, RFC 1321 A.5.
TEST(Login, Vectors) {
  EXPECT_EQ(Base64(media::AsBytes("")), "");
  EXPECT_EQ(Base64(media::AsBytes("f")), "Zg==");
  EXPECT_EQ(Base64(media::AsBytes("fo")), "Zm8=");
  EXPECT_EQ(Base64(media::AsBytes("foobar")), "Zm9vYmFy");
  EXPECT_EQ(Md5Base64("message digest"), Base64(tests::Hex("f96b697d7cb7938d525a2f31aaf161d0")));
}

TEST_F(LoginTest, ObsLarixAndFFmpegLogInByThreeConnections) {
  seed = "OBS: no login yet";
  const std::string demand = ConnectAndReadDescription("closed");
  EXPECT_TRUE(Rejected());
  EXPECT_THAT(demand, HasSubstr("code=403 need auth; authmod=adobe"));
  EXPECT_THAT(events, ElementsAre("login asked for closed"));

  seed = "OBS: a challenge is asked for";
  const std::string description = ConnectAndReadDescription("closed?authmod=adobe&user=joe");
  EXPECT_TRUE(Rejected());
  EXPECT_THAT(description, HasSubstr("authmod=adobe"));
  EXPECT_THAT(description, testing::Not(HasSubstr("code=403")));
  EXPECT_LT(description.size(), 280u);  // FFmpeg reads 300
  const auto challenge = Read(description);
  EXPECT_EQ(challenge.at("user"), "joe");
  EXPECT_EQ(challenge.at("challenge"), challenge.at("opaque"));

  seed = "OBS: a challenge is answered";
  Dialogue& encoder = Connect("closed" + Respond(challenge, "s3cret"));
  ASSERT_TRUE(Connected());
  const auto published = encoder.Feed(ClientBytes().CreateStream().Publish());
  ASSERT_EQ(published.size(), 1u);
  EXPECT_THAT(published[0], testing::StartsWith("publish closed/cam1 "));
  EXPECT_THAT(published[0], testing::EndsWith(" by joe"));
}

TEST_F(LoginTest, LibrtmpDoesNotEndItsTexts) {
  const auto challenge = Challenge();
  Connect("closed" + Respond(challenge, "s3cret", "q83vAA==", "\x7f\x01?&x"));
  EXPECT_TRUE(Connected());
  Connect("closed" + Respond(challenge, "wrong", "q83vAA==", "\x7f\x01?&x"));
  EXPECT_TRUE(Rejected());
}

TEST_F(LoginTest, WrongPasswordAndUnknownUserLookAlike) {
  for (const std::string user : {"joe", "jane"}) {
    SCOPED_TRACE(user);
    const auto challenge = Challenge(user);
    ASSERT_FALSE(challenge.empty());
    const std::string app = "closed" + Respond(challenge, user == "joe" ? "wrong" : "");
    EXPECT_THAT(ConnectAndReadDescription(app), HasSubstr("?reason=authfailed"));
    EXPECT_TRUE(Rejected());
    EXPECT_THAT(events, ElementsAre("login refused for closed of " + user));
  }
  EXPECT_THAT(ConnectAndReadDescription("closed?authmod=adobe"), HasSubstr("?reason=authfailed"));
  EXPECT_THAT(ConnectAndReadDescription("closed?authmod=adobe&user=" + std::string(65, 'u')),
              HasSubstr("?reason=authfailed"));
}

TEST_F(LoginTest, ChallengesEnd) {
  const std::string app = "closed" + Respond(Challenge(), "s3cret");
  now_ms += kChallengeLifetimeMs;
  Connect(app);
  EXPECT_TRUE(Connected());
  now_ms += 1;
  EXPECT_THAT(ConnectAndReadDescription(app), HasSubstr("?reason=needauth"));
  now_ms = 999'999;  // and none comes from the future
  EXPECT_THAT(ConnectAndReadDescription(app), HasSubstr("?reason=needauth"));
}

TEST_F(LoginTest, ChallengesThatTheServerNeverMade) {
  auto challenge = Challenge();
  const std::string good = challenge["opaque"];
  for (const std::string& opaque :
       {std::string(), std::string("x"), std::string(32, 'g'), std::string(32, '0'),
        good.substr(0, 30), "1" + good.substr(1), good.substr(0, 31) + "x"}) {
    SCOPED_TRACE(opaque);
    challenge["opaque"] = opaque;
    EXPECT_THAT(ConnectAndReadDescription("closed" + Respond(challenge, "s3cret")),
                HasSubstr("?reason=needauth"));
    EXPECT_TRUE(Rejected());
  }
  // Made for somebody else, or by another server.
  challenge["opaque"] = Challenge("jane")["opaque"];
  EXPECT_THAT(ConnectAndReadDescription("closed" + Respond(challenge, "s3cret")),
              HasSubstr("?reason=needauth"));
  challenge["opaque"] = good;
  const Login other = MakeLogin(publishers, 8);
  login_ptr = &other;
  EXPECT_THAT(ConnectAndReadDescription("closed" + Respond(challenge, "s3cret")),
              HasSubstr("?reason=needauth"));
}

TEST_F(LoginTest, PlayersNeedNoLogin) {
  Dialogue& player = Connect("closed", "LNX 9,0,124,2");
  ASSERT_TRUE(Connected());
  EXPECT_THAT(player.Feed(ClientBytes().CreateStream().Play()), ElementsAre("play closed/cam1"));
}

TEST_F(LoginTest, WhoPlaysMayHaveAnotherLoginBehindTheAddress) {
  Dialogue& player = Connect("closed?user=eye&pass=see", "LNX 9,0,124,2");
  ASSERT_TRUE(Connected());
  EXPECT_THAT(player.Feed(ClientBytes().CreateStream().Play()),
              ElementsAre("play closed/cam1 user=eye pass=see"));
}

TEST_F(LoginTest, WirecastPutsCredentialsBehindTheAddress) {
  seed = "Wirecast: credentials behind the address";
  Dialogue& encoder = Connect("closed?user=joe&pass=s3cret");
  ASSERT_TRUE(Connected());
  EXPECT_THAT(encoder.Feed(ClientBytes().Publish()),
              ElementsAre("publish closed/cam1 user=joe pass=s3cret by joe"));
  EXPECT_EQ(ConnectAndReadDescription("closed?user=joe&pass=wrong"), "wrong user or password");
  EXPECT_TRUE(Rejected());
  EXPECT_THAT(events, ElementsAre("login refused for closed of joe"));
}

TEST_F(LoginTest, ObsPutsCredentialsIntoTheKey) {
  Dialogue& encoder = Connect("keyed");
  ASSERT_TRUE(Connected());
  EXPECT_THAT(encoder.Feed(ClientBytes().Publish("cam1?username=joe&password=s3cret")),
              ElementsAre("publish keyed/cam1 username=joe password=s3cret by joe"));
}

TEST_F(LoginTest, WhoGivesNoneIsToldWhatToDo) {
  Dialogue& encoder = Connect("keyed");
  EXPECT_THAT(encoder.Feed(ClientBytes().CreateStream().Publish()),
              ElementsAre("login refused for keyed/cam1"));
  EXPECT_THAT(encoder.Answers(), Contains("onStatus NetStream.Publish.Unauthorized"));
  EXPECT_THAT(encoder.description(), HasSubstr("?user=...&pass=..."));
  // Media that is still on its way is nobody's.
  EXPECT_THAT(encoder.Feed(ClientBytes().Video(0)), testing::IsEmpty());

  Dialogue& wrong = Connect("keyed");
  EXPECT_THAT(wrong.Feed(ClientBytes().Publish("cam1?user=joe&pass=S3cret")),
              ElementsAre("login refused for keyed/cam1 of joe"));
  wrong.Answers();
  EXPECT_EQ(wrong.description(), "wrong user or password for this stream");
}

// A camera that does not say that it publishes.
TEST_F(LoginTest, WhoIsNotChallengedIsRefusedLater) {
  Dialogue& camera = Connect("closed", "camera");
  ASSERT_TRUE(Connected());
  EXPECT_THAT(camera.Feed(ClientBytes().Publish()), ElementsAre("login refused for closed/cam1"));
}

TEST_F(LoginTest, LoginHoldsWhereThePasswordIsTheSame) {
  Dialogue& encoder = Connect("closed?user=joe&pass=s3cret");
  EXPECT_THAT(encoder.Feed(ClientBytes().Publish("vault/a")),
              ElementsAre("login refused for closed/vault/a of joe"));
  Dialogue& again = Connect("closed?user=joe&pass=s3cret");
  const auto published = again.Feed(ClientBytes().Publish("vault/a?pass=other"));
  ASSERT_EQ(published.size(), 1u);
  EXPECT_THAT(published[0], testing::EndsWith(" by joe"));
}

TEST_F(LoginTest, OpenApplicationsAskNobody) {
  Dialogue& encoder = Connect("live?authmod=adobe&user=joe");
  ASSERT_TRUE(Connected());
  EXPECT_THAT(encoder.Feed(ClientBytes().Publish("cam1")),
              ElementsAre("publish live/cam1 authmod=adobe user=joe"));
}

}  // namespace
}  // namespace millrace::rtmp
