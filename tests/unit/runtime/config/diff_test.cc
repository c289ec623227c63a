#include "runtime/config/diff.h"

#include <gtest/gtest.h>

#include "runtime/config/app_settings.h"
#include "runtime/config/yaml.h"

namespace millrace::config {
namespace {

// "section/key: before > after", one a line.
std::string Differences(const char* before, const char* after) {
  std::string text;
  for (const Change& change :
       Diff(WithDefaults(*ParseYaml(before, "before")), WithDefaults(*ParseYaml(after, "after")))) {
    text += change.section + "/" + change.key + ": " + change.before.value_or("none") + " > " +
            change.after.value_or("none") + "\n";
  }
  return text;
}

TEST(Diff, OfEffectiveSettings) {
  EXPECT_EQ(Differences("", "defaults: {grace: 15s, flush: 0}"), "") << "as the defaults are";
  EXPECT_EQ(Differences("defaults: {grace: 1s}", ""), "defaults/grace: 1s > 15s\n");
  EXPECT_EQ(Differences("defaults: {publish_policy: reject, viewer_backlog: 1MiB}",
                        "metrics: {per_stream: true}"),
            "defaults/publish_policy: reject > replace\n"
            "defaults/viewer_backlog: 1MiB > 4MiB\n"
            "metrics/per_stream: false > true\n");
}

TEST(Diff, OfApplicationsAndPatterns) {
  EXPECT_EQ(Differences("applications: {a: {flush: 1ms}, b: {flush: 1ms, grace: 1s}}",
                        "applications: {b: {flush: 2ms}, c: {}}\nstreams: {\"*/x\": {flush: 0}}"),
            "applications.a/flush: 1ms > none\n"
            "applications.b/flush: 1ms > 2ms\n"
            "applications.b/grace: 1s > none\n"
            "applications.c/: none > {}\n"
            "streams.*/x/flush: none > 0\n");
}

TEST(Diff, OfLists) {
  EXPECT_EQ(Differences("routers: [tcp://a:1]", "routers: [tcp://b:1, tcp://a:1]"),
            "/routers: [tcp://a:1] > [tcp://b:1, tcp://a:1]\n");
  EXPECT_EQ(Differences("", "http: {allow_origins: [https://a.example]}\npublic_host: a"),
            "http/allow_origins: [*] > [https://a.example]\n"
            "/public_host: none > a\n");
}

TEST(Diff, PasswordsAreComparedButNotTold) {
  EXPECT_EQ(Differences("defaults: {publishers: {ann: one, joe: two, tim: same}}",
                        "defaults: {publishers: {ann: other, sue: two, tim: same}}"),
            "defaults/publishers.ann: (hidden) > (hidden)\n"
            "defaults/publishers.joe: (hidden) > none\n"
            "defaults/publishers.sue: none > (hidden)\n");
}

}  // namespace
}  // namespace millrace::config
