// Listings: the tree as it has been told so far (P2).
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <map>
#include <set>

#include "watch/engine_test.h"

namespace lookout {
namespace {

class ListTest : public EngineTest {
 protected:
  void SetUp() override {
    home_.directory("in/a/b");
    home_.write("in/a/x", "12345");
    home_.write("in/a/b/y");
    home_.symlink("x", "in/a/link");
    home_.write("in/z");
  }

  std::set<std::string> names(const std::vector<Entry>& entries) const {
    std::set<std::string> found;
    for (const Entry& entry : entries) {
      EXPECT_TRUE(found.insert(entry.path.substr(home_.path().size() + 1)).second) << entry.path;
    }
    return found;
  }
};

TEST_F(ListTest, ListsEverythingButTheRootsParentsFirst) {
  watch({"in"});
  const Listed listed = watcher_.list();
  EXPECT_EQ(listed.error, std::nullopt);
  EXPECT_EQ(names(listed.entries),
            (std::set<std::string>{"in/a", "in/a/b", "in/a/b/y", "in/a/link", "in/a/x", "in/z"}));
  std::set<std::string> before{home_.at("in")};
  for (const Entry& entry : listed.entries) {
    EXPECT_TRUE(before.contains(entry.path.substr(0, entry.path.rfind('/')))) << entry.path;
    before.insert(entry.path);
  }
}

TEST_F(ListTest, TellsTypeAndInode) {
  watch({"in"});
  std::map<std::string, EntryType> types;
  for (const Entry& entry : watcher_.list().entries) {
    const std::string name = entry.path.substr(home_.path().size() + 1);
    types[name] = entry.type;
    EXPECT_EQ(entry.inode, home_.inode(name));
    EXPECT_EQ(entry.stat, std::nullopt);
  }
  EXPECT_EQ(types["in/a"], EntryType::directory);
  EXPECT_EQ(types["in/a/x"], EntryType::file);
  EXPECT_EQ(types["in/a/link"], EntryType::symlink);
}

TEST_F(ListTest, ListsWhatIsBelowADirectoryOnly) {
  watch({"in"});
  EXPECT_EQ(names(watcher_.list(home_.at("in/a")).entries),
            (std::set<std::string>{"in/a/b", "in/a/b/y", "in/a/link", "in/a/x"}));
  EXPECT_EQ(names(watcher_.list(home_.at("in/a/b")).entries), (std::set<std::string>{"in/a/b/y"}));
  EXPECT_EQ(watcher_.list(home_.at("in")).entries.size(), 6U);
}

TEST_F(ListTest, ListsARootBelowOneThatIsNotRecursive) {
  ASSERT_EQ(watcher_.watch({home_.at("in")}, {.recursive = false}), std::nullopt);
  ASSERT_EQ(watcher_.watch({home_.at("in/a")}), std::nullopt);
  EXPECT_EQ(names(watcher_.list(home_.at("in/a")).entries),
            (std::set<std::string>{"in/a/b", "in/a/b/y", "in/a/link", "in/a/x"}));
}

TEST_F(ListTest, RefusesWhatIsNoDirectoryOfTheTree) {
  watch({"in"});
  const auto expect_refused = [&](const char* name, const char* reason) {
    const Listed listed = watcher_.list(home_.at(name));
    ASSERT_TRUE(listed.error.has_value()) << name;
    EXPECT_EQ(listed.error->reason, reason);
    EXPECT_EQ(listed.error->path, home_.at(name));
    EXPECT_EQ(listed.error->operation, "list");
    EXPECT_TRUE(listed.entries.empty());
  };
  expect_refused("in/missing", "not_found");
  expect_refused("elsewhere", "not_found");
  expect_refused("in/a/x", "enotdir");
}

TEST_F(ListTest, AddsSizeTimeAndModeWhereAskedFor) {
  watch({"in"});
  for (const Entry& entry : watcher_.list({}, true).entries) {
    struct stat seen {};
    ASSERT_EQ(::lstat(entry.path.c_str(), &seen), 0);
    ASSERT_TRUE(entry.stat.has_value());
    EXPECT_EQ(entry.stat->size, static_cast<std::uint64_t>(seen.st_size));
    EXPECT_EQ(entry.stat->mtime_ns, seen.st_mtim.tv_sec * 1'000'000'000 + seen.st_mtim.tv_nsec);
    EXPECT_EQ(entry.stat->mode, seen.st_mode);
  }
}

TEST_F(ListTest, ListsWhatWasToldAndNotWhatTheDiskHoldsBy) {
  Watcher watcher(home_.path(), 0);
  ASSERT_EQ(watcher.watch({home_.at("in")}), std::nullopt);
  home_.remove("in/z");
  home_.write("in/new");
  watcher.until("the hints were heard", [&] { return watcher.engine().info().dirty > 0; });
  const Listed listed = watcher.list({}, true);
  EXPECT_EQ(listed.seq, 0U);
  EXPECT_TRUE(names(listed.entries).contains("in/z"));
  EXPECT_FALSE(names(listed.entries).contains("in/new"));
  for (const Entry& entry : listed.entries) {
    EXPECT_EQ(entry.stat.has_value(), !entry.path.ends_with("/z")) << entry.path;
  }
}

TEST_F(ListTest, StandsAfterTheBatchWhoseNumberItTells) {
  watch({"in"});
  for (std::uint64_t i = 1; i <= 5; ++i) {
    const std::string name = "in/" + std::to_string(i);
    home_.write(name);
    watcher_.sync();
    const Listed listed = watcher_.list();
    EXPECT_EQ(listed.seq, i);
    EXPECT_TRUE(names(listed.entries).contains(name));
  }
}

TEST_F(ListTest, AListingAmidBatchesAndTheBatchesAfterItGiveTheTree) {
  watch({"in"});
  for (int i = 0; i < 3000; ++i) home_.write("in/a/" + std::to_string(i));
  home_.remove("in/a/b");
  watcher_.until("a batch came", [&] { return watcher_.last_seq() > 0; });
  std::vector<Entry> entries;
  bool answered = false;
  watcher_.engine().list(
      {}, false,
      [&](std::vector<Entry> chunk) { entries.insert(entries.end(), chunk.begin(), chunk.end()); },
      [&](const Result<std::uint64_t>& seq) {
        answered = true;
        EXPECT_EQ(std::get<std::uint64_t>(seq), watcher_.last_seq());
        // The mirror has been built of the first listing and every batch so far.
        oracle::Mirror again({home_.at("in")});
        for (const Entry& entry : entries) EXPECT_EQ(again.insert(entry), std::nullopt);
        EXPECT_EQ(oracle::difference(again, watcher_.mirror()), std::nullopt);
      });
  watcher_.until("list was answered", [&] { return answered; });
  synced();
}

TEST_F(ListTest, WhileTheExistingIsBeingToldItListsWhatHasBeenTold) {
  for (int i = 0; i < 2000; ++i) home_.write("in/a/" + std::to_string(i));
  Watcher watcher(home_.path(), 1);
  WatchOptions options;
  options.report_existing = true;
  watcher.mirror_from_nothing({home_.at("in")});
  ASSERT_EQ(watcher.watch({home_.at("in")}, options), std::nullopt);
  watcher.until("some was told", [&] { return watcher.last_seq() == 1; });
  for (const bool part : {false, true}) {
    const Listed listed = watcher.list(part ? std::optional(home_.at("in")) : std::nullopt);
    EXPECT_EQ(listed.seq, 1U);
    oracle::Mirror again({home_.at("in")});
    for (const Entry& entry : listed.entries) EXPECT_EQ(again.insert(entry), std::nullopt);
    EXPECT_EQ(oracle::difference(again, watcher.mirror()), std::nullopt);
  }
  watcher.engine().grant(Engine::kUnlimited);
  watcher.sync();
  watcher.expect_mirror_is_disk();
}

TEST_F(ListTest, PausesWhileTheListenerHasNoRoom) {
  watch({"in"});
  watcher_.set_room(false);
  bool answered = false;
  std::size_t count = 0;
  watcher_.engine().list(
      {}, false, [&](const std::vector<Entry>& chunk) { count += chunk.size(); },
      [&](const Result<std::uint64_t>&) { answered = true; });
  // A refused request is answered whether there is room or not.
  EXPECT_TRUE(watcher_.unwatch(home_.at("elsewhere")).has_value());
  EXPECT_EQ(count, 0U);
  EXPECT_FALSE(answered);
  watcher_.set_room(true);
  watcher_.engine().resume();
  watcher_.until("list was answered", [&] { return answered; });
  EXPECT_EQ(count, 6U);
}

TEST_F(ListTest, ListsNothingWhereNothingIsWatched) {
  const Listed listed = watcher_.list();
  EXPECT_EQ(listed.error, std::nullopt);
  EXPECT_TRUE(listed.entries.empty());
}

TEST_F(ListTest, ListsLargeTreesInChunks) {
  for (int i = 0; i < 3000; ++i) home_.write("in/a/" + std::to_string(i));
  watch({"in"});
  std::size_t chunks = 0;
  std::size_t count = 0;
  bool answered = false;
  watcher_.engine().list(
      {}, true,
      [&](const std::vector<Entry>& chunk) {
        ++chunks;
        count += chunk.size();
      },
      [&](const Result<std::uint64_t>&) { answered = true; });
  watcher_.until("list was answered", [&] { return answered; });
  EXPECT_EQ(count, 3006U);
  EXPECT_GT(chunks, 1U);
}

}  // namespace
}  // namespace lookout
