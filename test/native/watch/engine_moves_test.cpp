// Renames, and trees that come and go whole (P1, P2).
#include <gtest/gtest.h>

#include "watch/engine_test.h"

namespace lookout {
namespace {

class MovesTest : public EngineTest {
 protected:
  void SetUp() override {
    home_.directory("in");
    home_.directory("outside");
  }
};

TEST_F(MovesTest, ARenamedFileIsOneEvent) {
  home_.write("in/a", "x");
  watch({"in"});
  age();
  home_.move("in/a", "in/b");
  EXPECT_EQ(synced(), (Told{"renamed file in/a -> in/b"}));
}

TEST_F(MovesTest, AFileThatIsRenamedAWhileAfterItWasToldIsOneEvent) {
  watch({"in"});
  home_.write("in/a", "x");
  EXPECT_EQ(synced(), (Told{"created file in/a"}));
  age();
  home_.move("in/a", "in/b");
  EXPECT_EQ(synced(), (Told{"renamed file in/a -> in/b"}));
}

TEST_F(MovesTest, AFileThatStoodThereBeforeTheWatchIsOneEventWhenRenamed) {
  home_.write("in/a", "x");
  let_a_tick_pass();
  watch({"in"});
  home_.move("in/a", "in/b");
  EXPECT_EQ(synced(), (Told{"renamed file in/a -> in/b"}));
}

TEST_F(MovesTest, ARenamedFileIsOneEventWithoutASyncBetween) {
  watch({"in"});
  home_.write("in/a", "x");
  watcher_.until("the file was told", [&] { return watcher_.has_told("created file in/a"); });
  const auto told = std::chrono::steady_clock::now();
  watcher_.until("the engine was idle for a while", [&] {
    return std::chrono::steady_clock::now() > told + std::chrono::milliseconds(200);
  });
  home_.move("in/a", "in/b");
  watcher_.until("the move was told", [&] { return watcher_.peek().size() > 1; });
  EXPECT_EQ(synced(), (Told{"created file in/a", "renamed file in/a -> in/b"}));
}

TEST_F(MovesTest, ARenamedDirectoryIsOneEventAndChangesBelowComeUnderItsNewPath) {
  home_.directory("in/a/sub");
  home_.write("in/a/sub/x");
  watch({"in"});
  home_.move("in/a", "in/b");
  EXPECT_EQ(synced(), (Told{"renamed directory in/a -> in/b"}));
  home_.append("in/b/sub/x", "y");
  home_.write("in/b/sub/new");
  EXPECT_EQ(synced(), (Told{"modified file in/b/sub/x", "created file in/b/sub/new"}));
}

TEST_F(MovesTest, WritesRightAfterARenameComeUnderTheNewPath) {
  home_.directory("in/a/sub");
  home_.write("in/a/sub/x");
  watch({"in"});
  home_.move("in/a", "in/b");
  home_.append("in/b/sub/x", "y");
  EXPECT_EQ(sorted(synced()), (Told{"modified file in/b/sub/x", "renamed directory in/a -> in/b"}));
}

TEST_F(MovesTest, WritesRightBeforeARenameAreNotLost) {
  home_.write("in/a", "x");
  watch({"in"});
  age();
  home_.append("in/a", "y");
  home_.move("in/a", "in/b");
  home_.move("in/b", "in/c");
  EXPECT_EQ(synced(), (Told{"renamed file in/a -> in/c", "modified file in/c"}));
}

TEST_F(MovesTest, ARenameReplacesAFileAsRenameDoes) {
  home_.write("in/a", "new");
  home_.write("in/b", "old");
  watch({"in"});
  age();
  home_.move("in/a", "in/b");
  EXPECT_EQ(synced(), (Told{"renamed file in/a -> in/b"}));
}

TEST_F(MovesTest, ADirectoryMovesBetweenDirectories) {
  home_.directory("in/one/d");
  home_.directory("in/two");
  home_.write("in/one/d/x");
  watch({"in"});
  home_.move("in/one/d", "in/two/e");
  EXPECT_EQ(synced(), (Told{"renamed directory in/one/d -> in/two/e"}));
  home_.remove("in/two/e/x");
  EXPECT_EQ(synced(), (Told{"deleted file in/two/e/x"}));
}

TEST_F(MovesTest, ADirectoryMovesIntoOneThatIsNew) {
  home_.directory("in/d");
  home_.write("in/d/x");
  watch({"in"});
  home_.directory("in/new");
  home_.move("in/d", "in/new/d");
  EXPECT_EQ(synced(), (Told{"created directory in/new", "renamed directory in/d -> in/new/d"}));
}

TEST_F(MovesTest, ParentAndChildChangePlaces) {
  home_.directory("in/a/b");
  home_.write("in/a/b/x");
  watch({"in"});
  home_.move("in/a/b", "in/b");
  home_.move("in/a", "in/b/a");
  synced();
  home_.write("in/b/a/y");
  EXPECT_EQ(synced(), (Told{"created file in/b/a/y"}));
}

TEST_F(MovesTest, ATreeMovedInIsToldWhole) {
  home_.directory("outside/tree/sub");
  home_.write("outside/tree/sub/x", "x");
  watch({"in"});
  home_.move("outside/tree", "in/tree");
  EXPECT_EQ(synced(), (Told{"created directory in/tree", "created directory in/tree/sub",
                            "created file in/tree/sub/x"}));
  home_.append("in/tree/sub/x", "y");
  EXPECT_EQ(synced(), (Told{"modified file in/tree/sub/x"}));
}

TEST_F(MovesTest, ATreeMovedOutIsDeletedAndWhatChangesInItAfterwardsIsNotTold) {
  home_.directory("in/tree/sub");
  home_.write("in/tree/sub/x", "x");
  watch({"in"});
  home_.move("in/tree", "outside/tree");
  EXPECT_EQ(synced(), (Told{"deleted file in/tree/sub/x", "deleted directory in/tree/sub",
                            "deleted directory in/tree"}));
  home_.append("outside/tree/sub/x", "y");
  home_.write("outside/tree/sub/new");
  EXPECT_EQ(synced(), Told{});
  EXPECT_EQ(watcher_.engine().info().directories, 1U);
}

TEST_F(MovesTest, ATreeMovedOutAndInAgainIsTheSameTree) {
  home_.directory("in/tree");
  home_.write("in/tree/x", "x");
  watch({"in"});
  home_.move("in/tree", "outside/tree");
  home_.append("outside/tree/x", "y");
  home_.move("outside/tree", "in/again");
  synced();
  home_.append("in/again/x", "z");
  EXPECT_EQ(synced(), (Told{"modified file in/again/x"}));
}

TEST_F(MovesTest, ExchangedFilesCanBeReplayed) {
  home_.write("in/a", "1");
  home_.write("in/b", "22");
  watch({"in"});
  home_.exchange("in/a", "in/b");
  EXPECT_FALSE(synced().empty());
  home_.append("in/a", "x");
  EXPECT_EQ(synced(), (Told{"modified file in/a"}));
}

TEST_F(MovesTest, ExchangedDirectoriesCanBeReplayed) {
  home_.directory("in/a/only-a");
  home_.directory("in/b/only-b");
  home_.write("in/a/only-a/x");
  watch({"in"});
  home_.exchange("in/a", "in/b");
  EXPECT_FALSE(synced().empty());
  home_.append("in/b/only-a/x", "y");
  EXPECT_EQ(synced(), (Told{"modified file in/b/only-a/x"}));
}

TEST_F(MovesTest, AFileAndADirectoryCanBeExchanged) {
  home_.write("in/a", "x");
  home_.directory("in/b");
  home_.write("in/b/y");
  watch({"in"});
  home_.exchange("in/a", "in/b");
  EXPECT_FALSE(synced().empty());
  home_.append("in/a/y", "z");
  EXPECT_EQ(synced(), (Told{"modified file in/a/y"}));
}

TEST_F(MovesTest, ARingOfRenamesCanBeReplayed) {
  for (const char* name : {"in/a", "in/b", "in/c"}) {
    home_.directory(name);
    home_.write(std::string(name) + "/x");
  }
  watch({"in"});
  home_.move("in/a", "in/t");
  home_.move("in/b", "in/a");
  home_.move("in/c", "in/b");
  home_.move("in/t", "in/c");
  EXPECT_FALSE(synced().empty());
}

TEST_F(MovesTest, AMoveBetweenTwoRootsIsOneRename) {
  home_.directory("in/d");
  home_.write("in/d/x");
  watch({"in", "outside"});
  home_.move("in/d", "outside/d");
  EXPECT_EQ(synced(), (Told{"renamed directory in/d -> outside/d"}));
}

}  // namespace
}  // namespace lookout
