// Beginning to watch: what may be watched, what is told of it, and what a refusal says (P7, P8).
#include <gtest/gtest.h>

#include "watch/engine_test.h"

namespace lookout {
namespace {

class StartTest : public EngineTest {
 protected:
  void SetUp() override { home_.directory("in"); }

  // Nothing is watched after a refusal, not even what could have been.
  void expect_refused(const std::vector<std::string>& paths, const char* reason,
                      const std::string& path) {
    const auto error = watcher_.watch(paths);
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->reason, reason);
    EXPECT_EQ(error->path, path);
    EXPECT_FALSE(error->operation.empty());
    EXPECT_FALSE(error->detail.empty());
    EXPECT_EQ(watcher_.engine().info().directories, 0U);
    EXPECT_EQ(watcher_.engine().info().watches, 0U);
    home_.write("in/unseen");
    EXPECT_EQ(synced(), Told{});
  }
};

TEST_F(StartTest, AMissingPathIsRefusedAndNothingIsWatched) {
  expect_refused({home_.at("in"), home_.at("missing")}, "enoent", home_.at("missing"));
}

TEST_F(StartTest, APathThroughAFileIsRefused) {
  home_.write("file");
  expect_refused({home_.at("in"), home_.at("file/below")}, "enotdir", home_.at("file/below"));
}

TEST_F(StartTest, ADirectoryWithoutPermissionIsRefused) {
  if (!Unprivileged::reaches(home_.path())) GTEST_SKIP() << "only root can reach " << home_.path();
  home_.directory("locked");
  home_.set_mode("locked", 0);
  {
    const Unprivileged user;
    const auto error = watcher_.watch({home_.at("in"), home_.at("locked")});
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->reason, "eacces");
    EXPECT_EQ(error->path, home_.at("locked"));
    EXPECT_EQ(watcher_.engine().info().directories, 0U);
  }
  home_.set_mode("locked", 0755);
}

TEST_F(StartTest, ALoopOfLinksIsRefused) {
  home_.symlink("two", "one");
  home_.symlink("one", "two");
  expect_refused({home_.at("one")}, "eloop", home_.at("one"));
}

TEST_F(StartTest, ARefusedPathCanBeWatchedOnceItStands) {
  EXPECT_TRUE(watcher_.watch({home_.at("later")}).has_value());
  home_.directory("later");
  watch({"later"});
  home_.write("later/x");
  EXPECT_EQ(synced(), (Told{"created file later/x"}));
}

TEST_F(StartTest, APathThatIsWatchedIsRefusedAndStaysWatched) {
  watch({"in"});
  const auto error = watcher_.watch({home_.at("in")});
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->reason, "already_watched");
  EXPECT_EQ(error->path, home_.at("in"));
  home_.write("in/x");
  EXPECT_EQ(synced(), (Told{"created file in/x"}));
}

TEST_F(StartTest, WhatExistsIsNotToldUnlessAskedFor) {
  home_.write("in/a");
  watch({"in"});
  EXPECT_EQ(synced(), Told{});
}

TEST_F(StartTest, WhatExistsIsToldParentsFirstWhereAskedFor) {
  for (int i = 0; i < 30; ++i) {
    const std::string directory = "in/" + std::to_string(i % 3) + "/" + std::to_string(i);
    home_.directory(directory);
    for (int j = 0; j < 30; ++j) home_.write(directory + "/" + std::to_string(j));
  }
  WatchOptions options;
  options.report_existing = true;
  watch({"in"}, options);
  EXPECT_EQ(synced().size(), 3U + 30U + 900U);
  home_.write("in/0/0/new");
  EXPECT_EQ(synced(), (Told{"created file in/0/0/new"}));
}

TEST_F(StartTest, ChangesWhileTheExistingIsBeingToldAreToldAfterIt) {
  for (int i = 0; i < 2000; ++i) home_.write("in/" + std::to_string(i));
  WatchOptions options;
  options.report_existing = true;
  Watcher watcher(home_.path(), 1);
  watcher.mirror_from_nothing({home_.at("in")});
  ASSERT_EQ(watcher.watch({home_.at("in")}, options), std::nullopt);
  watcher.until("some was told", [&] { return watcher.last_seq() == 1; });
  ASSERT_LT(watcher.peek().size(), 2000U);
  for (int i = 0; i < 2000; i += 2) home_.remove("in/" + std::to_string(i));
  home_.directory("in/d");
  home_.move("in/1", "in/d/1");
  watcher.engine().grant(Engine::kUnlimited);
  watcher.sync();
  watcher.expect_mirror_is_disk();
}

TEST_F(StartTest, WithoutRecursionOnlyTheDirectoryItselfIsTold) {
  home_.directory("in/d");
  home_.write("in/d/old");
  WatchOptions options;
  options.recursive = false;
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options), std::nullopt);
  EXPECT_EQ(watcher_.engine().info().watches, 1U);
  home_.write("in/a");
  home_.write("in/d/new");
  home_.directory("in/e");
  home_.write("in/e/new");
  EXPECT_EQ(synced(), (Told{"created file in/a", "created directory in/e"}));
  home_.remove("in/d");
  EXPECT_EQ(synced(), (Told{"deleted directory in/d"}));
  EXPECT_EQ(watcher_.list().entries.size(), 2U);
}

TEST_F(StartTest, ASingleFileIsToldAndItsSiblingsAreNot) {
  home_.write("in/a", "x");
  home_.write("in/sibling", "x");
  ASSERT_EQ(watcher_.watch({home_.at("in/a")}), std::nullopt);
  home_.append("in/a", "y");
  home_.append("in/sibling", "y");
  home_.write("in/new");
  home_.directory("in/d");
  EXPECT_EQ(synced(), (Told{"modified file in/a"}));
  const Listed listed = watcher_.list();
  ASSERT_EQ(listed.entries.size(), 1U);
  EXPECT_EQ(listed.entries[0].path, home_.at("in/a"));
}

TEST_F(StartTest, ASingleFileSavedAtomicallyIsModifiedAndStaysWatched) {
  home_.write("in/a", "x");
  ASSERT_EQ(watcher_.watch({home_.at("in/a")}), std::nullopt);
  for (int i = 0; i < 3; ++i) {
    home_.save("in/a", std::to_string(i));
    EXPECT_EQ(synced(), (Told{"modified file in/a"}));
  }
  home_.append("in/a", "y");
  EXPECT_EQ(synced(), (Told{"modified file in/a"}));
}

TEST_F(StartTest, ASingleFileDeletedAndMadeAgainIsToldWithNotices) {
  home_.write("in/a", "x");
  ASSERT_EQ(watcher_.watch({home_.at("in/a")}), std::nullopt);
  home_.remove("in/a");
  EXPECT_EQ(synced(), (Told{"deleted file in/a", "root_deleted in/a"}));
  home_.write("in/other");
  EXPECT_EQ(synced(), Told{});
  home_.write("in/a", "again");
  EXPECT_EQ(synced(), (Told{"root_created in/a", "created file in/a"}));
  home_.append("in/a", "y");
  EXPECT_EQ(synced(), (Told{"modified file in/a"}));
}

// As Kubernetes publishes a ConfigMap: app.yaml -> ..data/app.yaml, and ..data -> ..2026.
class LinkedFileTest : public StartTest {
 protected:
  void SetUp() override {
    StartTest::SetUp();
    home_.directory("in/..one");
    home_.directory("in/..two");
    home_.write("in/..one/app.yaml", "1");
    home_.write("in/..two/app.yaml", "22");
    home_.symlink("..one", "in/..data");
    home_.symlink("..data/app.yaml", "in/app.yaml");
  }
  void lead_to(const std::string& directory) const {
    home_.symlink(directory, "in/..tmp");
    home_.move("in/..tmp", "in/..data");
  }
};

TEST_F(LinkedFileTest, ASingleFileThatIsALinkIsReportedUnderItsNameWhereverTheLinkLeads) {
  ASSERT_EQ(watcher_.watch({home_.at("in/app.yaml")}), std::nullopt);
  const Listed listed = watcher_.list();
  ASSERT_EQ(listed.entries.size(), 1U);
  EXPECT_EQ(listed.entries[0].type, EntryType::file);
  EXPECT_EQ(listed.entries[0].inode, home_.inode("in/..one/app.yaml"));
  home_.append("in/..one/app.yaml", "more");
  EXPECT_EQ(synced(), (Told{"modified file in/app.yaml"}));
  for (const char* directory : {"..two", "..one", "..two"}) {
    lead_to(directory);
    EXPECT_EQ(synced(), (Told{"modified file in/app.yaml"})) << directory;
  }
  home_.append("in/..two/app.yaml", "more");
  EXPECT_EQ(synced(), (Told{"modified file in/app.yaml"}));
  home_.append("in/..one/app.yaml", "more");
  EXPECT_EQ(synced(), Told{});
  home_.save("in/..two/app.yaml", "saved");
  EXPECT_EQ(synced(), (Told{"modified file in/app.yaml"}));
  home_.append("in/..two/app.yaml", "more");
  EXPECT_EQ(synced(), (Told{"modified file in/app.yaml"}));
}

TEST_F(LinkedFileTest, ALinkThatLeadsNowhereForAWhileIsADeletedFile) {
  ASSERT_EQ(watcher_.watch({home_.at("in/app.yaml")}), std::nullopt);
  lead_to("..three");
  EXPECT_EQ(synced(), (Told{"deleted file in/app.yaml", "root_deleted in/app.yaml"}));
  home_.directory("in/..three");
  EXPECT_EQ(synced(), Told{});
  home_.write("in/..three/app.yaml", "333");
  EXPECT_EQ(synced(), (Told{"root_created in/app.yaml", "created file in/app.yaml"}));
  home_.remove("in/app.yaml");
  EXPECT_EQ(synced(), (Told{"deleted file in/app.yaml", "root_deleted in/app.yaml"}));
  home_.write("in/app.yaml", "a file");
  EXPECT_EQ(synced(), (Told{"root_created in/app.yaml", "created file in/app.yaml"}));
  home_.append("in/app.yaml", "more");
  EXPECT_EQ(synced(), (Told{"modified file in/app.yaml"}));
}

TEST_F(LinkedFileTest, ALinkToASingleFileThatComesToLeadToADirectoryIsThatDirectory) {
  ASSERT_EQ(watcher_.watch({home_.at("in/app.yaml")}), std::nullopt);
  home_.directory("in/..three/app.yaml");
  home_.write("in/..three/app.yaml/x");
  lead_to("..three");
  const Told told = synced();
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.front(), "deleted file in/app.yaml");
  EXPECT_EQ(told.back(), "created file in/app.yaml/x");
  lead_to("..one");
  EXPECT_EQ(synced().back(), "created file in/app.yaml");
}

TEST_F(LinkedFileTest, ASingleFileThatIsALinkIsReportedUnderEachBackend) {
  for (const Backend backend : {Backend::inotify, Backend::poll}) {
    WatchOptions options;
    options.backend = backend;
    ASSERT_EQ(watcher_.watch({home_.at("in/app.yaml")}, options), std::nullopt);
    let_a_tick_pass();
    home_.append("in/..one/app.yaml", "more");
    EXPECT_EQ(synced(), (Told{"modified file in/app.yaml"}));
    let_a_tick_pass();
    lead_to("..two");
    EXPECT_EQ(synced(), (Told{"modified file in/app.yaml"}));
    let_a_tick_pass();
    lead_to("..one");
    EXPECT_EQ(synced(), (Told{"modified file in/app.yaml"}));
    ASSERT_EQ(watcher_.unwatch(home_.at("in/app.yaml")), std::nullopt);
    EXPECT_EQ(synced(), (Told{"deleted file in/app.yaml"}));
  }
}

TEST_F(StartTest, APathThatIsWaitedForIsToldWhenItAppears) {
  WatchOptions options;
  options.wait_for_missing = true;
  ASSERT_EQ(watcher_.watch({home_.at("later/deep")}, options), std::nullopt);
  EXPECT_EQ(synced(), (Told{"root_deleted later/deep"}));
  home_.directory("later");
  EXPECT_EQ(synced(), Told{});
  home_.directory("later/deep");
  home_.write("later/deep/x");
  EXPECT_EQ(synced(), (Told{"root_created later/deep", "created file later/deep/x"}));
}

TEST_F(StartTest, APathThatIsWaitedForIsToldWithoutBeingAskedFor) {
  WatchOptions options;
  options.wait_for_missing = true;
  ASSERT_EQ(watcher_.watch({home_.at("later/deep")}, options), std::nullopt);
  home_.directory("later/deep");
  watcher_.until("the notice", [&] { return watcher_.has_told("root_created later/deep"); });
  home_.write("later/deep/x");
  watcher_.until("creation", [&] { return watcher_.has_told("created file later/deep/x"); });
}

}  // namespace
}  // namespace lookout
