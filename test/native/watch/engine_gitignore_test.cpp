// The visible subtree with `gitignore`: what git's own files say, as it changes (P1, P2).
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>

#include "watch/counted_calls.h"
#include "watch/disk/mount_watch.h"
#include "watch/disk/remote_mounts.h"
#include "watch/disk/rule_files.h"
#include "watch/engine_test.h"

namespace lookout {
namespace {

class GitignoreTest : public EngineTest {
 protected:
  void SetUp() override {
    ::umask(022);
    home_.directory("in");
    ::setenv("HOME", home_.path().c_str(), 1);
    ::unsetenv("XDG_CONFIG_HOME");
    options_.gitignore = true;
  }

  WatchOptions options_;
};

TEST_F(GitignoreTest, WhatGitIgnoresIsInvisibleAndGitsOwnDirectoryToo) {
  home_.directory("in/.git/objects");
  home_.write("in/.gitignore", "*.o\nbuild/\n");
  home_.directory("in/build/x");
  home_.directory("in/lib");
  home_.write("in/lib/.gitignore", "!kept.o\n");
  watch({"in"}, options_);
  EXPECT_EQ(watcher_.engine().info().watches, 2U);
  for (const char* name : {"a.o", "lib/a.o", "lib/kept.o", "build/x/y", ".git/objects/z"}) {
    home_.write("in/" + std::string(name));
  }
  EXPECT_EQ(synced(), (Told{"created file in/lib/kept.o"}));
}

// A readlink(2) of /proc/self/fd takes longer the deeper the directory is.
TEST_F(GitignoreTest, TheRulesOfADirectoryAreReadWithoutItsPath) {
  MountWatch table;
  table.changes();
  RemoteMounts mounts;
  mounts.load(table.mounts(), table.types());
  if (!mounts.none()) GTEST_SKIP() << "the path is compared with the remote mounts of this machine";
  constexpr std::uint64_t kDirectories = 50;
  for (std::uint64_t i = 0; i < kDirectories; ++i) home_.directory("in/" + std::to_string(i));
  const std::uint64_t before = link_calls();
  watch({"in"}, options_);
  EXPECT_EQ(watcher_.engine().info().watches, kDirectories + 1);
  EXPECT_LT(link_calls() - before, kDirectories / 2);
}

TEST_F(GitignoreTest, AChangeOfTheRulesHidesAndShows) {
  home_.write("in/.gitignore", "*.o\n");
  home_.directory("in/build/deep");
  home_.write("in/build/deep/x.o");
  home_.write("in/build/deep/y");
  watch({"in"}, options_);
  home_.write("in/.gitignore", "y\n");
  EXPECT_EQ(sorted(synced()),
            (Told{"created file in/build/deep/x.o", "deleted file in/build/deep/y",
                  "modified file in/.gitignore"}));
  home_.save("in/.gitignore", "build/\n");
  EXPECT_EQ(sorted(synced()),
            (Told{"deleted directory in/build", "deleted directory in/build/deep",
                  "deleted file in/build/deep/x.o", "modified file in/.gitignore"}));
  EXPECT_EQ(watcher_.engine().info().watches, 1U);
  home_.remove("in/.gitignore");
  EXPECT_EQ(sorted(synced()), (Told{"created directory in/build", "created directory in/build/deep",
                                    "created file in/build/deep/x.o",
                                    "created file in/build/deep/y", "deleted file in/.gitignore"}));
}

TEST_F(GitignoreTest, WhatWasHiddenAltogetherIsReportedWhenTheRulesAreGone) {
  home_.directory("in/d/e");
  home_.write("in/d/x");
  home_.write("in/d/.gitignore", "*\n");
  watch({"in"}, options_);
  EXPECT_EQ(synced(), Told{});
  home_.remove("in/d/.gitignore");
  EXPECT_EQ(sorted(synced()), (Told{"created directory in/d/e", "created file in/d/x"}));
}

TEST_F(GitignoreTest, RulesThatHideTheirOwnFileAreFollowedAllTheSame) {
  home_.write("in/.gitignore", ".gitignore\nx\n");
  home_.write("in/x");
  watch({"in"}, options_);
  home_.write("in/.gitignore", ".gitignore\n");
  EXPECT_EQ(synced(), (Told{"created file in/x"}));
}

TEST_F(GitignoreTest, RulesComeWithADirectoryThatIsMovedIn) {
  home_.directory("out");
  home_.write("out/.gitignore", "x\n");
  home_.write("out/x");
  watch({"in"}, options_);
  home_.move("out", "in/out");
  EXPECT_EQ(synced(), (Told{"created directory in/out", "created file in/out/.gitignore"}));
}

TEST_F(GitignoreTest, TheRulesOfTheRepositoryAndOfTheUserCount) {
  home_.directory("in/.git/info");
  home_.write("in/.git/info/exclude", "excluded\n");
  home_.directory("in/.config");
  home_.write(".gitconfig", "[core]\nexcludesFile = ~/my ignore\n");
  home_.write("my ignore", "mine\n/in\n");
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
  for (const char* name : {"in/excluded", "in/mine", "in/x"}) home_.write(name);
  EXPECT_EQ(synced(), (Told{"created file in/x"}));
}

TEST_F(GitignoreTest, RulesAboveTheRootCountUpToTheTopOfTheRepository) {
  home_.directory("in/.git");
  home_.write(".gitignore", "beyond\n");
  home_.write("in/.gitignore", "/a/b/x\n/a/b/sub/y\n");
  home_.directory("in/a/b/sub");
  home_.write("in/a/.gitignore", "!x\nz\n");
  ASSERT_EQ(watcher_.watch({home_.at("in/a/b")}, options_), std::nullopt);
  for (const char* name : {"beyond", "x", "z", "sub/y", "y"}) {
    home_.write("in/a/b/" + std::string(name));
  }
  EXPECT_EQ(sorted(synced()),
            (Told{"created file in/a/b/beyond", "created file in/a/b/x", "created file in/a/b/y"}));
}

TEST_F(GitignoreTest, ARepositoryWithinAnotherHasItsOwnRules) {
  home_.directory("in/.git");
  home_.write("in/.gitignore", "*.o\n");
  home_.directory("in/module/.git");
  home_.write("in/module/.gitignore", "*.c\n");
  options_.ignore = {"*.tmp"};
  watch({"in"}, options_);
  for (const char* name : {"x.o", "x.c", "x.tmp"}) home_.write("in/module/" + std::string(name));
  EXPECT_EQ(synced(), (Told{"created file in/module/x.o"}));
}

TEST_F(GitignoreTest, OptionsWinOverFiles) {
  home_.write("in/.gitignore", "*.o\n!b\n");
  options_.ignore = {"!a.o", "b"};
  watch({"in"}, options_);
  for (const char* name : {"in/a.o", "in/b"}) home_.write(name);
  EXPECT_EQ(synced(), (Told{"created file in/a.o"}));
}

TEST_F(GitignoreTest, AFileOfRulesThatIsTooBigDoesNotCountAndThatIsSaid) {
  home_.write("in/.gitignore", "x\n" + std::string(kMaxRuleFile, '#'));
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
  home_.write("in/x");
  EXPECT_EQ(sorted(synced()), (Told{"created file in/x", "unreadable in/.gitignore efbig"}));
}

TEST_F(GitignoreTest, ARootThatComesIntoSightIsToldByTheOuterOneFromThenOn) {
  home_.write("in/.gitignore", "build/\n");
  home_.directory("in/build/docs");
  home_.write("in/build/docs/x");
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
  ASSERT_EQ(watcher_.watch({home_.at("in/build/docs")}), std::nullopt);
  watcher_.sync();
  EXPECT_EQ(watcher_.told(), (Told{"created file in/build/docs/x"}));
  home_.write("in/.gitignore", "");
  watcher_.sync();
  Told told = watcher_.told();
  std::erase_if(told, [](const std::string& line) { return line.starts_with("root_"); });
  EXPECT_LT(std::find(told.begin(), told.end(), "deleted file in/build/docs/x"),
            std::find(told.begin(), told.end(), "created directory in/build"));
  EXPECT_EQ(sorted(told), (Told{"created directory in/build", "created directory in/build/docs",
                                "created file in/build/docs/x", "deleted file in/build/docs/x",
                                "modified file in/.gitignore"}));
}

TEST_F(GitignoreTest, ASocketOfThatNameHoldsNoRules) {
  ASSERT_EQ(::mknod(home_.at("in/.gitignore").c_str(), S_IFSOCK | 0644, 0), 0);
  watch({"in"}, options_);
  EXPECT_EQ(synced(), Told{});
}

TEST_F(GitignoreTest, WhatWasOutOfSightWhenAllWasComparedIsComparedWhenItIsBack) {
  std::ifstream limit("/proc/sys/fs/inotify/max_queued_events");
  long most = 0;
  limit >> most;
  if (most <= 0 || most > 50'000) GTEST_SKIP() << "the kernel's queue is too long to be filled";
  home_.directory("in/many");
  for (const char* name : {"in/x", "in/0", "in/1"}) home_.write(name, "x");
  Watcher watcher(home_.path(), 0);
  ASSERT_EQ(watcher.watch({home_.at("in")}, options_), std::nullopt);
  watcher.mirror_from_listing({home_.at("in")});
  for (long i = 0; i < most + 2; ++i) {
    home_.set_mode(i % 2 == 0 ? "in/0" : "in/1", i % 4 < 2 ? 0600 : 0644);
  }
  // Hints of these are lost. The first batch is full when `in` has been compared, without x.
  home_.append("in/x", "y");
  home_.write("in/.gitignore", "x\n");
  for (int i = 0; i < 400; ++i) home_.write("in/many/" + std::to_string(i));
  let_a_tick_pass();
  watcher.engine().grant(1);
  watcher.until("the credit was used", [&] { return watcher.last_seq() == 1; });
  EXPECT_EQ(watcher.engine().info().overflows, 1U);
  EXPECT_TRUE(watcher.has_told("created file in/.gitignore"));

  home_.remove("in/.gitignore");
  watcher.engine().grant(Engine::kUnlimited);
  watcher.sync();
  watcher.expect_mirror_is_disk();
  EXPECT_FALSE(watcher.has_told("deleted file in/x"));
  EXPECT_TRUE(watcher.has_told("modified file in/x"));
}

}  // namespace
}  // namespace lookout
