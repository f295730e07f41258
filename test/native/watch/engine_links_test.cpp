// Symbolic links that are followed.
#include <cstdint>
#include <string>
#include <utility>

#include "watch/engine_test.h"
#include "watch/reconcile/retries.h"

namespace lookout {
namespace {

class LinksTest : public EngineTest {
 protected:
  void SetUp() override {
    home_.directory("in");
    home_.directory("out/d");
    home_.write("out/d/x");
  }

  void follow() {
    ASSERT_EQ(watcher_.watch({home_.at("in")}, {.follow_symlinks = true}), std::nullopt);
    EXPECT_EQ(synced(), Told{});
  }

  Told listed() {
    Told lines;
    for (const Entry& entry : watcher_.list().entries) {
      const std::string type = entry.type == EntryType::directory ? "directory "
                               : entry.type == EntryType::symlink ? "symlink "
                                                                  : "file ";
      lines.push_back(type + entry.path.substr(home_.path().size() + 1));
    }
    return sorted(lines);
  }
};

TEST_F(LinksTest, ALinkThatStandsThereIsTheDirectoryThatItLeadsTo) {
  home_.symlink("../out/d", "in/l");
  follow();
  EXPECT_EQ(listed(), (Told{"directory in/l", "file in/l/x"}));
  home_.append("out/d/x", "y");
  home_.write("out/d/new");
  EXPECT_EQ(sorted(synced()), (Told{"created file in/l/new", "modified file in/l/x"}));
}

// No event reports that a directory on the path of a link may be searched.
TEST_F(LinksTest, P1ALinkThroughADirectoryThatMayNotBeSearchedIsFollowedWhenItMay) {
  if (!Unprivileged::reaches(home_.path())) GTEST_SKIP() << "only root can reach " << home_.path();
  home_.symlink("../out/d", "in/l");
  home_.set_mode("out", 0444);
  {
    const Unprivileged user;
    follow();
    EXPECT_EQ(listed(), (Told{"symlink in/l"}));
  }
  home_.set_mode("out", 0755);
  const Unprivileged user;
  EXPECT_EQ(synced(),
            (Told{"deleted symlink in/l", "created directory in/l", "created file in/l/x"}));
}

// The directory that contains the target is not watched.
TEST_F(LinksTest, P1ATargetThatMayNotBeReadIsReadWhenItMay) {
  if (!Unprivileged::reaches(home_.path())) GTEST_SKIP() << "only root can reach " << home_.path();
  home_.symlink("../out/d", "in/l");
  for (const ::mode_t mode : {0000U, 0444U}) {
    home_.set_mode("out/d", mode);
    {
      const Unprivileged user;
      watcher_.watch({home_.at("in")}, {.follow_symlinks = true});
      EXPECT_EQ(synced(), (Told{"unreadable in/l eacces"}));
    }
    home_.set_mode("out/d", 0755);
    const Unprivileged user;
    EXPECT_EQ(synced(), (Told{"attributes directory in/l", "created file in/l/x"}));
    watcher_.unwatch(home_.at("in"));
    watcher_.told();
  }
}

TEST_F(LinksTest, P1ASyncReadsAllTargetsThatMayBeReadNow) {
  if (!Unprivileged::reaches(home_.path())) GTEST_SKIP() << "only root can reach " << home_.path();
  constexpr std::size_t kLinks = kFailuresPerPoll + 50;
  for (std::size_t i = 0; i < kLinks; ++i) {
    const std::string target = "out/" + std::to_string(i);
    home_.directory(target);
    home_.symlink("../" + target, "in/l" + std::to_string(i));
    home_.set_mode(target, 0000);
  }
  const auto set_modes = [&](::mode_t mode) {
    for (std::size_t i = 0; i < kLinks; ++i) home_.set_mode("out/" + std::to_string(i), mode);
  };
  {
    const Unprivileged user;
    watcher_.watch({home_.at("in")}, {.follow_symlinks = true});
    EXPECT_EQ(synced().size(), kLinks);
  }
  set_modes(0755);
  const Unprivileged user;
  EXPECT_EQ(synced().size(), kLinks);
}

// "d/" hides a link as long as it stands for a directory.
TEST_F(LinksTest, P1ALinkIsVisibleAgainWhenAnotherPlaceReportsItsDirectory) {
  home_.directory("in/d/x");
  home_.directory("in/m");
  home_.symlink("../y/x", "in/m/d");
  ASSERT_EQ(watcher_.watch({home_.at("in")}, {.follow_symlinks = true, .ignore = {"d/"}}),
            std::nullopt);
  watcher_.sync();
  EXPECT_EQ(listed(), (Told{"directory in/m", "symlink in/m/d"}));
  home_.move("in/d", "in/y");
  watcher_.sync();
  EXPECT_EQ(listed(),
            (Told{"directory in/m", "directory in/y", "directory in/y/x", "symlink in/m/d"}));
}

TEST_F(LinksTest, P1ALinkIsVisibleWhenAnotherLinkReportsItsDirectory) {
  home_.directory("in/d/x");
  home_.directory("in/m");
  ASSERT_EQ(watcher_.watch({home_.at("in")}, {.follow_symlinks = true, .ignore = {"d/"}}),
            std::nullopt);
  home_.symlink("../d/x", "in/m/d");
  watcher_.sync();
  home_.symlink("d/x", "in/l");
  watcher_.sync();
  EXPECT_EQ(listed(), (Told{"directory in/l", "directory in/m", "symlink in/m/d"}));
}

// Such a path is not watched, but the kernel resolves it: it is polled.
TEST_F(LinksTest, P1ALinkThroughMoreComponentsThanAreWatchedIsFollowedByPolling) {
  watcher_.engine().set({.poll_interval = 20});
  std::string below;
  for (int i = 0; i < 300; ++i) below += "/a";
  home_.directory("one" + below);
  home_.directory("two" + below);
  home_.symlink(home_.at("out/d"), "two" + below + "/l");
  home_.symlink(home_.at("two" + below + "/l"), "one" + below + "/l");
  follow();
  home_.symlink(home_.at("one" + below + "/l"), "in/l");
  EXPECT_EQ(synced(), (Told{"created directory in/l", "created file in/l/x"}));
  home_.remove("two" + below + "/l");
  watcher_.until("the link leads nowhere",
                 [&] { return watcher_.has_told("created symlink in/l"); });
}

TEST_F(LinksTest, WithoutTheOptionALinkIsALink) {
  home_.symlink("../out/d", "in/l");
  watch({"in"});
  EXPECT_EQ(listed(), (Told{"symlink in/l"}));
}

TEST_F(LinksTest, ANewLinkIsFollowedAndOneThatGoesTakesItsEntriesWithIt) {
  follow();
  home_.symlink("../out/d", "in/l");
  EXPECT_EQ(synced(), (Told{"created directory in/l", "created file in/l/x"}));
  home_.remove("in/l");
  EXPECT_EQ(synced(), (Told{"deleted file in/l/x", "deleted directory in/l"}));
  home_.write("out/d/new");
  EXPECT_EQ(synced(), Told{});
}

// As pnpm lays out node_modules: links to directories that are in the tree themselves.
TEST_F(LinksTest, ARenamedDirectoryChecksOnlyTheLinksThatLeadThroughIt) {
  constexpr int kLinks = 200;
  for (int i = 0; i < kLinks; ++i) {
    const std::string number = std::to_string(i);
    home_.directory("in/store/p" + number + "/lib");
    home_.symlink("../store/p" + number + "/lib", "in/links" + number);
    home_.directory("in/modules");
    home_.symlink("../store/p" + number + "/lib", "in/modules/l" + number);
  }
  home_.directory("in/other");
  follow();
  auto checks = [this, before = std::uint64_t{0}]() mutable {
    const std::uint64_t now = watcher_.engine().info().entry_checks;
    return now - std::exchange(before, now);
  };
  checks();
  home_.move("in/other", "in/another");
  EXPECT_EQ(synced(), (Told{"renamed directory in/other -> in/another"}));
  EXPECT_LE(checks(), 8U);
  home_.move("in/store/p7/lib", "in/store/p7/lib2");
  EXPECT_EQ(synced(), (Told{"renamed directory in/store/p7/lib -> in/store/p7/lib2"}));
  EXPECT_LE(checks(), 16U);
  home_.remove("in/store/p8");
  EXPECT_EQ(synced(), (Told{"deleted directory in/store/p8/lib", "deleted directory in/store/p8"}));
  EXPECT_LE(checks(), 16U);
}

TEST_F(LinksTest, ALinkThatIsSwitchedLeadsToTheOther) {
  home_.directory("out/e");
  home_.write("out/e/y");
  home_.symlink("../out/d", "in/l");
  follow();
  home_.symlink("../out/e", "in/next");
  EXPECT_EQ(synced(), (Told{"created directory in/next", "created file in/next/y"}));
  home_.move("in/next", "in/l");
  synced();
  EXPECT_EQ(listed(), (Told{"directory in/l", "file in/l/y"}));
}

TEST_F(LinksTest, ADanglingLinkIsALinkUntilItsTargetIsThere) {
  home_.symlink("../out/later/d", "in/l");
  follow();
  EXPECT_EQ(listed(), (Told{"symlink in/l"}));
  home_.directory("out/later/d");
  home_.write("out/later/d/x");
  EXPECT_EQ(synced(),
            (Told{"deleted symlink in/l", "created directory in/l", "created file in/l/x"}));
  home_.remove("out/later");
  EXPECT_EQ(synced(),
            (Told{"deleted file in/l/x", "deleted directory in/l", "created symlink in/l"}));
}

TEST_F(LinksTest, ATargetThatIsMovedAwayByADirectoryAboveItIsGone) {
  home_.symlink("../out/d", "in/l");
  follow();
  home_.move("out", "elsewhere");
  EXPECT_EQ(synced(),
            (Told{"deleted file in/l/x", "deleted directory in/l", "created symlink in/l"}));
}

TEST_F(LinksTest, ALoopComesToAnEnd) {
  home_.symlink("..", "in/up");
  home_.symlink(".", "in/self");
  home_.write("in/x");
  follow();
  const Told all = listed();
  EXPECT_EQ(std::count(all.begin(), all.end(), "symlink in/self"), 1);
  // What is above is told once, but for what the root tells already.
  EXPECT_EQ(std::count(all.begin(), all.end(), "file in/up/out/d/x"), 1);
  home_.write("in/y");
  synced();
  EXPECT_EQ(listed().size(), all.size() + 2) << "under the root, and under the way up and down";
}

TEST_F(LinksTest, LinksToOneDirectoryTellItOnceAndTheOtherFollowsWhenTheFirstGoes) {
  home_.symlink("../out/d", "in/a");
  follow();
  home_.symlink("../out/d", "in/b");
  EXPECT_EQ(synced(), (Told{"created symlink in/b"}));
  home_.remove("in/a");
  synced();
  EXPECT_EQ(listed(), (Told{"directory in/b", "file in/b/x"}));
}

TEST_F(LinksTest, ALinkIntoTheSameTreeStaysALink) {
  home_.directory("in/real");
  home_.write("in/real/x");
  home_.symlink("real", "in/alias");
  follow();
  EXPECT_EQ(listed(), (Told{"directory in/real", "file in/real/x", "symlink in/alias"}));
}

TEST_F(LinksTest, ARenamedLinkIsARenamedDirectory) {
  home_.symlink("../out/d", "in/l");
  follow();
  home_.move("in/l", "in/m");
  EXPECT_EQ(synced(), (Told{"renamed directory in/l -> in/m"}));
  home_.write("out/d/new");
  EXPECT_EQ(synced(), (Told{"created file in/m/new"}));
}

TEST_F(LinksTest, ALinkToAFileIsTheLink) {
  home_.symlink("../out/d/x", "in/l");
  follow();
  EXPECT_EQ(listed(), (Told{"symlink in/l"}));
}

TEST_F(LinksTest, TheModeOfATargetIsTold) {
  home_.symlink("../out/d", "in/l");
  follow();
  home_.set_mode("out/d", 0700);
  EXPECT_EQ(synced(), (Told{"attributes directory in/l"}));
}

TEST_F(LinksTest, ADirectoryThatTurnsUpItselfIsToldThereAndNoLongerUnderALink) {
  home_.symlink("../out/d", "in/l");
  follow();
  home_.symlink("../out", "in/all");
  synced();
  EXPECT_EQ(listed(),
            (Told{"directory in/all", "directory in/all/d", "file in/all/d/x", "symlink in/l"}));
}

TEST_F(LinksTest, P5ALinkThatIsSwitchedToATargetThatWasReportedBelowItIsRead) {
  home_.directory("out/e");
  home_.symlink("../../out/e", "out/d/l");
  home_.symlink("../out/d", "in/l");
  follow();
  ASSERT_EQ(listed(), (Told{"directory in/l", "directory in/l/l", "file in/l/x"}));
  home_.remove("in/l");
  home_.symlink("../out/e", "in/l");
  synced();
  EXPECT_EQ(listed(), (Told{"directory in/l"}));
}

TEST_F(LinksTest, P5LinksThatSwapTheirTargetsAreRead) {
  home_.directory("out/e");
  home_.write("out/e/y");
  home_.symlink("../out/d", "in/l");
  home_.symlink("../out/e", "in/m");
  follow();
  ASSERT_EQ(listed(), (Told{"directory in/l", "directory in/m", "file in/l/x", "file in/m/y"}));
  home_.remove("in/l");
  home_.remove("in/m");
  home_.symlink("../out/e", "in/l");
  home_.symlink("../out/d", "in/m");
  synced();
  EXPECT_EQ(listed(), (Told{"directory in/l", "directory in/m", "file in/l/y", "file in/m/x"}));
}

TEST_F(LinksTest, P1ALinkIsVisibleWhenItsDirectoryMovesFromOneLinkToAnother) {
  home_.directory("in/a");
  home_.symlink("../../out/d", "in/a/f");
  ASSERT_EQ(watcher_.watch({home_.at("in")}, {.follow_symlinks = true, .ignore = {"e/"}}),
            std::nullopt);
  home_.symlink("../out/d", "in/e");
  home_.symlink("../out/d", "in/l");
  watcher_.sync();
  ASSERT_EQ(listed(), (Told{"directory in/a", "directory in/a/f", "file in/a/f/x", "symlink in/e",
                            "symlink in/l"}));
  home_.remove("in/a/f");
  for (const char* link : {"in/e", "in/l"}) {  // both are checked before `f` leaves the tree
    home_.remove(link);
    home_.symlink("../out/d", link);
  }
  watcher_.sync();
  EXPECT_EQ(listed(), (Told{"directory in/a", "directory in/l", "file in/l/x", "symlink in/e"}));
}

// The directory of the link is open still, so the link can be read, but its path cannot be watched.
TEST_F(LinksTest, P1ALinkWhosePathMayNotBeSearchedIsCheckedByASync) {
  if (!Unprivileged::reaches(home_.path())) GTEST_SKIP() << "only root can reach " << home_.path();
  home_.directory("in/a/b");
  home_.directory("other");
  home_.symlink(home_.at("other"), "in/a/b/k");  // its path is watched
  {
    const Unprivileged user;
    follow();
  }
  home_.write("in/a/b/x");  // keeps the directory open
  {
    const Unprivileged user;
    synced();
  }
  home_.set_mode("in/a", 0000);
  home_.symlink(home_.at("out/d"), "in/a/b/l");
  {
    const Unprivileged user;
    watcher_.sync();
    EXPECT_TRUE(watcher_.has_told("created directory in/a/b/l"));
  }
  home_.move("out", "elsewhere");
  home_.set_mode("in/a", 0755);
  const Unprivileged user;
  synced();
  EXPECT_EQ(listed(), (Told{"directory in/a", "directory in/a/b", "directory in/a/b/k",
                            "file in/a/b/x", "symlink in/a/b/l"}));
}

// Such a directory gets its new path in the tree only when the one that it replaces has left.
TEST_F(LinksTest, P1ALinkInADirectoryThatReplacesAnotherIsWatchedAtItsNewPath) {
  home_.directory("in/f/a");
  home_.directory("in/g");
  home_.symlink(home_.at("out/d"), "in/f/a/l");
  follow();
  home_.write("in/f/a/x");  // keeps the directory open
  synced();
  home_.move("in/f", "in/g");
  synced();
  home_.move("out", "elsewhere");
  synced();
  EXPECT_EQ(listed(),
            (Told{"directory in/g", "directory in/g/a", "file in/g/a/x", "symlink in/g/a/l"}));
}

// Below a link, the target of that link may be reported once more: both lead to the same files.
TEST_F(LinksTest, P1ATargetThatIsMovedOutOfALinkToItIsReportedAtOnePlace) {
  home_.directory("side/out/d");
  home_.symlink(home_.at("side/out"), "in/k");
  home_.symlink(home_.at("side"), "side/out/c");
  follow();
  ASSERT_EQ(listed(), (Told{"directory in/k", "directory in/k/c", "directory in/k/c/out",
                            "directory in/k/c/out/d", "directory in/k/d", "symlink in/k/c/out/c"}));
  home_.move("side/out/c", "in/m");
  synced();
  EXPECT_EQ(listed(),
            (Told{"directory in/m", "directory in/m/out", "directory in/m/out/d", "symlink in/k"}));
}

TEST_F(LinksTest, ARootIsToldThereAndNoLongerUnderALink) {
  home_.symlink("../out/d", "in/l");
  follow();
  ASSERT_EQ(watcher_.watch({home_.at("out/d")}, {}), std::nullopt);
  synced();
  EXPECT_EQ(listed(), (Told{"file out/d/x", "symlink in/l"}));
}

TEST_F(LinksTest, ADirectoryInWhosePlaceALinkToItIsPutGoesOn) {
  home_.move("out/d", "in/d");
  follow();
  home_.move("in/d", "out/d");
  home_.symlink("../out/d", "in/d");
  EXPECT_EQ(synced(), Told{});
  // More than are kept open.
  for (int i = 0; i < 300; ++i) home_.directory("in/e/" + std::to_string(i));
  synced();
  home_.write("out/d/new");
  EXPECT_EQ(synced(), (Told{"created file in/d/new"}));
}

TEST_F(LinksTest, ATargetThatIsMovedAwayAndComesBackIsFollowedAgain) {
  home_.symlink("../out/d", "in/l");
  follow();
  home_.move("out/d", "out/e");
  EXPECT_EQ(synced(),
            (Told{"deleted file in/l/x", "deleted directory in/l", "created symlink in/l"}));
  home_.move("out/e", "out/d");
  EXPECT_EQ(synced(),
            (Told{"deleted symlink in/l", "created directory in/l", "created file in/l/x"}));
}

TEST_F(LinksTest, ALinkToAFileIsFollowedWhenADirectoryTakesItsPlace) {
  home_.symlink("../out/d/x", "in/l");
  follow();
  home_.remove("out/d/x");
  home_.directory("out/d/x/y");
  EXPECT_EQ(synced(),
            (Told{"deleted symlink in/l", "created directory in/l", "created directory in/l/y"}));
}

TEST_F(LinksTest, WithoutRecursionTheTargetItselfIsWatched) {
  home_.symlink("../out/d", "in/l");
  const WatchOptions flat{.recursive = false, .follow_symlinks = true};
  ASSERT_EQ(watcher_.watch({home_.at("in")}, flat), std::nullopt);
  EXPECT_EQ(synced(), Told{});
  home_.write("out/d/new");
  home_.set_mode("out/d", 0700);
  EXPECT_EQ(synced(), (Told{"attributes directory in/l"}));
  home_.move("out/d", "out/e");
  EXPECT_EQ(synced(), (Told{"deleted directory in/l", "created symlink in/l"}));
}

}  // namespace
}  // namespace lookout
