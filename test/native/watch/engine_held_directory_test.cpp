// Directories that are removed while a process has them, or a file in them, open.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "support/unique_fd.h"
#include "watch/engine_test.h"

namespace lookout {
namespace {

class HeldDirectoryTest : public EngineTest {
 protected:
  // The path of a directory is that of another one now, and the old one still exists.
  void replace(const std::string& name) {
    held_.reset(::open(home_.at(name).c_str(), O_PATH | O_CLOEXEC));
    home_.remove(name);
    home_.directory(name);
    home_.write(name + "/new");
  }

  UniqueFd held_;
};

TEST_F(HeldDirectoryTest, P1ARootThatIsRemovedWhileItIsHeldIsDeletedAndTheNextOneWatched) {
  home_.directory("in");
  ASSERT_EQ(watcher_.watch({home_.at("in")}), std::nullopt);
  replace("in");
  EXPECT_EQ(synced(), (Told{"root_deleted in", "root_created in", "created file in/new"}));
  home_.write("in/later");
  EXPECT_EQ(synced(), (Told{"created file in/later"}));
}

TEST_F(HeldDirectoryTest, P1TheTargetOfALinkThatIsRemovedWhileItIsHeldIsWatchedAgain) {
  home_.directory("in");
  home_.directory("out/d");
  home_.symlink("../out/d", "in/l");
  ASSERT_EQ(watcher_.watch({home_.at("in")}, {.follow_symlinks = true}), std::nullopt);
  replace("out/d");
  EXPECT_EQ(synced(),
            (Told{"deleted directory in/l", "created directory in/l", "created file in/l/new"}));
}

// The check of a link that was asked for by a second name of its inode forgot where it leads.
TEST_F(HeldDirectoryTest, P1ALinkWithASecondNameShowsItsDirectoryWhenTheFirstPlaceGoes) {
  home_.directory("in");
  home_.directory("out");
  home_.write("out/x");
  home_.symlink("../out", "in/a");
  home_.symlink("../out", "in/b");
  ASSERT_EQ(watcher_.watch({home_.at("in")}, {.follow_symlinks = true}), std::nullopt);
  let_a_tick_pass();  // only a link that is older than the first check may have another name
  synced();
  ASSERT_EQ(::linkat(AT_FDCWD, home_.at("in/b").c_str(), AT_FDCWD, home_.at("in/c").c_str(), 0), 0);
  synced();
  home_.remove("in/c");
  synced();
  home_.remove("in/a");
  const Told told = synced();
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.back(), "created file in/b/x");
}

}  // namespace
}  // namespace lookout
