#include "runtime/config/spelling.h"

#include <gtest/gtest.h>

namespace millrace::config {
namespace {

const std::vector<std::string> kKnown = {"flush", "audio_hold", "grace", "grace_after_unpublish"};

TEST(Spelling, FindsWhatWasMeant) {
  const struct {
    const char* word;
    const char* meant;
  } cases[] = {
      {"flsh", "flush"},
      {"fluhs", "flush"},
      {"Flush", "flush"},
      {"audio-hold", "audio_hold"},
      {"audioHold", "audio_hold"},
      {"audiohold", "audio_hold"},
      {"grace_after_unpublished", "grace_after_unpublish"},
      {"xyz", nullptr},
      {"", nullptr},
      {"a", nullptr},
  };
  for (const auto& test : cases) {
    EXPECT_EQ(ClosestWord(test.word, kKnown).value_or("nothing"),
              test.meant == nullptr ? "nothing" : test.meant)
        << test.word;
  }
  EXPECT_FALSE(ClosestWord(std::string(100'000, 'f'), kKnown));
}

}  // namespace
}  // namespace millrace::config
