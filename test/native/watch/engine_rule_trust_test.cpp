// Whether a file with rules is trusted follows the mode of its directory.
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "watch/engine_test.h"

namespace lookout {
namespace {

class RuleTrustTest : public EngineTest {
 protected:
  void SetUp() override {
    home_.directory("in/d");
    home_.write("in/d/.gitignore", "*.o\n");
    home_.set_mode("in/d/.gitignore", 0600);
    home_.write("in/d/a.o");
  }
  void watch() { ASSERT_EQ(watcher_.watch({home_.at("in")}, {.gitignore = true}), std::nullopt); }
};

TEST_F(RuleTrustTest, P7RulesThatNotAllMayReadHaveNoEffectWhenAllMayWriteToTheDirectory) {
  home_.set_mode("in/d", 0755);
  watch();
  EXPECT_EQ(synced(), Told{});
  home_.set_mode("in/d", 0777);
  EXPECT_EQ(sorted(synced()), (Told{"attributes directory in/d", "created file in/d/a.o",
                                    "unreadable in/d/.gitignore untrusted"}));
}

TEST_F(RuleTrustTest, RulesHaveAnEffectWhenOthersMayWriteToTheDirectoryNoMore) {
  home_.set_mode("in/d", 0777);
  watch();
  EXPECT_EQ(synced(), (Told{"unreadable in/d/.gitignore untrusted"}));
  home_.set_mode("in/d", 0755);
  EXPECT_EQ(synced(), (Told{"attributes directory in/d", "deleted file in/d/a.o"}));
}

// The watch of no directory above reports the mode of a root.
TEST_F(RuleTrustTest, P7TheRulesOfARootFollowItsModeAsWell) {
  home_.write("in/.gitignore", "*.o\n");
  home_.set_mode("in/.gitignore", 0600);
  home_.write("in/b.o");
  home_.set_mode("in/d", 0755);
  home_.set_mode("in", 0755);
  watch();
  EXPECT_EQ(synced(), Told{});
  home_.set_mode("in", 0777);
  EXPECT_EQ(sorted(synced()), (Told{"created file in/b.o", "unreadable in/.gitignore untrusted"}));
  home_.set_mode("in", 0755);
  EXPECT_EQ(synced(), (Told{"deleted file in/b.o"}));
}

}  // namespace
}  // namespace lookout
