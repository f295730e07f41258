// Looks that run ahead of the kernel's hints: what has not been hinted yet is seen on disk already,
// and when the hints of it come it is no news.
#include "watch/reconcile/reconciler.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "watch/counted_calls.h"
#include "watch/engine_test.h"

namespace lookout {
namespace {

// Gives each directory a watch, and no hint.
class SilentSource : public HintSource {
 public:
  // A file of this name appears in each directory just before that is watched.
  void let_appear(std::string name) { appears_ = std::move(name); }
  // The next watch gets this number.
  void let_number(int watch) { number_ = watch; }

  std::string_view name(int) const override { return "silent"; }
  int fd() const override { return -1; }
  int watch(int directory_fd, Backend) override { return watch_on_any_thread(directory_fd); }
  int watch_on_any_thread(int directory_fd) override {
    struct stat status {};
    if (::fstat(directory_fd, &status) != 0) return -1;
    if (!appears_.empty()) {
      UniqueFd(::openat(directory_fd, appears_.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    }
    const auto number = static_cast<int>(status.st_ino & 0x7fffffff);
    return std::exchange(number_, {}).value_or(number);
  }
  int watch_path(const char*, NamesIn) override { return 0; }
  void unwatch(int) override {}
  void read(const std::function<void(const Hint&)>&) override {}

 private:
  std::string appears_;
  std::optional<int> number_;
};

class ReconcilerTest : public testing::Test, public ChangeSink {
 protected:
  explicit ReconcilerTest(TreeLimits limits = {}) : tree_(limits) {}

  void SetUp() override {
    home_.directory("in");
    home_.directory("side");
    for (const char* name : {"in/file", "in/other"}) home_.write(name, "x");
    root_ = reconciler_.add_root(home_.at("in"), identity("in"), {});
    while (reconciler_.crawl()) {
    }
    let_a_tick_pass();  // what is old is known to be the same wherever it is met
    reconciler_.confirm(inode_clock());
  }

  void change(Event event) override {
    const std::string name = event.path.substr(home_.path().size() + 1);
    switch (event.change) {
      case Change::created:
        told_.push_back("created " + name);
        break;
      case Change::deleted:
        told_.push_back("deleted " + name);
        break;
      case Change::modified:
        told_.push_back("modified " + name);
        break;
      case Change::attributes:
        told_.push_back("attributes " + name);
        break;
      case Change::renamed:
        told_.push_back("renamed " + event.from.substr(home_.path().size() + 1) + " -> " + name);
        break;
    }
  }
  void notice(Notice notice) override {
    if (const auto* unreadable = std::get_if<UnreadableNotice>(&notice)) {
      told_.push_back("unreadable " + unreadable->dir.substr(home_.path().size() + 1) + ' ' +
                      unreadable->reason);
    }
  }
  void root_removed(NodeId) override {}
  void root_needs_check(NodeId) override {}
  void visibility_changed(NodeId) override {}

  Identity identity(std::string_view name) const {
    struct stat status {};
    EXPECT_EQ(::stat(home_.at(name).c_str(), &status), 0);
    return {status.st_dev, status.st_ino};
  }

  // What the kernel says of `name` in the root.
  void hint(Hints hints, std::string_view name, std::uint32_t cookie = 0) {
    Hint hint;
    hint.watch = tree_.watch(root_);
    hint.hints = hints;
    hint.name = name;
    hint.cookie = cookie;
    reconciler_.hints().take(hint);
  }

  // Where nothing is watched.
  void move_out_and_write() const {
    home_.move("in/file", "side/file");
    home_.append("side/file", "yz");
  }
  void link_back() const {
    home_.link("side/file", "in/file");
    home_.remove("side/file");
  }

  // What one round tells of the hints so far.
  std::vector<std::string> round() {
    reconciler_.begin_round(inode_clock());
    while (reconciler_.work()) {
    }
    return std::exchange(told_, {});
  }

  TempDirectory home_;
  std::shared_ptr<SilentSource> source_ = std::make_shared<SilentSource>();
  Tree tree_;
  Visibility visibility_{tree_};
  RemoteMounts mounts_;
  PathWatches paths_{*source_, mounts_, [this](int watch) { return tree_.watch_in_use(watch); }};
  Reconciler reconciler_{tree_, visibility_, *source_, paths_, mounts_, *this};
  NodeId root_ = kNoNode;
  std::vector<std::string> told_;
};

using Told = std::vector<std::string>;

// The kernel numbers watches in a cycle.
TEST_F(ReconcilerTest, ANumberOfAWatchThatHasEndedBelongsToTheNewDirectory) {
  home_.directory("in/old");
  hint(hint::kCreated, "old");
  EXPECT_EQ(round(), Told{"created in/old"});
  const int number = tree_.watch(tree_.child(root_, "old"));
  home_.directory("in/new");
  home_.remove("in/old");
  source_->let_number(number);
  hint(hint::kCreated, "new");
  EXPECT_EQ(round(), Told{"created in/new"});
  const std::vector<NodeId> made{tree_.child(root_, "new")};
  EXPECT_EQ(tree_.with_watch(number), made);
  hint(hint::kDeleted, "old");
  Told told = round();
  for (const std::string& line : round()) told.push_back(line);
  EXPECT_EQ(told, Told{"deleted in/old"});
  EXPECT_EQ(tree_.with_watch(number), made);
}

// The checks come between unlink(2), open(2) and close(2) of a file that gets the inode number of
// the one before it: no two of the events are merged.
TEST_F(ReconcilerTest, AFileThatReusesTheInodeNumberOfOneThatWasFoundGoneIsReported) {
  const Identity before = identity("in/file");
  home_.remove("in/file");
  hint(hint::kDeleted, "file");
  EXPECT_EQ(round(), Told{});  // parked
  home_.write("in/file", "");
  if (identity("in/file") != before) GTEST_SKIP() << "this file system does not reuse the number";
  hint(hint::kCreated, "file");
  std::vector<std::string> told = round();
  hint(hint::kClosed, "file");
  for (const std::string& line : round()) told.push_back(line);
  EXPECT_NE(told, Told{});
  EXPECT_EQ(told.front(), "modified in/file");
}

TEST_F(ReconcilerTest, WhatAppearsBeforeADirectoryIsWatchedIsInItsListing) {
  constexpr int kDirectories = 100;
  for (int i = 0; i < kDirectories; ++i) home_.directory("side/d" + std::to_string(i) + "/below");
  source_->let_appear("late");
  const NodeId side = reconciler_.add_root(home_.at("side"), identity("side"), {});
  while (reconciler_.crawl()) {
  }
  EXPECT_EQ(tree_.others(), 2U + 2 * kDirectories + 1);
  for (NodeId node = side; node != kNoNode; node = next_below(tree_, node, side)) {
    if (!tree_.is_directory(node)) continue;
    EXPECT_NE(tree_.child(node, "late"), kNoNode) << tree_.path(node);
  }
}

TEST_F(ReconcilerTest, AFileWrittenWhileItWasAwayIsToldThoughItWasSeenBackBeforeThat) {
  home_.set_mode("in/file", 0600);
  move_out_and_write();
  home_.move("side/file", "in/file");
  hint(hint::kAttributes, "file");
  EXPECT_EQ(round(), (Told{"attributes in/file"}));
  hint(hint::kMovedFrom, "file", 1);
  hint(hint::kMovedTo, "file", 2);
  EXPECT_EQ(round(), (Told{"modified in/file"}));
}

TEST_F(ReconcilerTest, AFileWrittenOnAWayNotHintedYetIsToldThoughItWasFoundWhereAnotherWasMoved) {
  home_.move("in/other", "in/place");
  move_out_and_write();
  home_.move("in/place", "side/other");
  home_.move("side/file", "in/place");
  hint(hint::kMovedFrom, "other", 1);
  hint(hint::kMovedTo, "place", 1);
  EXPECT_EQ(round(), (Told{"renamed in/file -> in/place", "modified in/place"}));
  hint(hint::kMovedFrom, "file", 2);
  hint(hint::kMovedFrom, "place", 3);
  hint(hint::kMovedTo, "place", 4);
  EXPECT_EQ(round(), (Told{"modified in/place", "deleted in/other"}));
}

TEST_F(ReconcilerTest, AFileWrittenWhileItWasAwayIsToldThoughALinkBroughtItBack) {
  move_out_and_write();
  link_back();
  hint(hint::kMovedFrom, "file", 1);
  EXPECT_EQ(round(), Told{});
  hint(hint::kCreated, "file");
  EXPECT_EQ(round(), (Told{"modified in/file"}));

  move_out_and_write();
  link_back();
  hint(hint::kMovedFrom, "file", 2);
  hint(hint::kCreated, "file");
  EXPECT_EQ(round(), (Told{"modified in/file"}));
}

TEST_F(ReconcilerTest, AFileLinkedWhereAnotherWasMovedIsComparedThoughItWasWrittenUnseen) {
  move_out_and_write();
  home_.move("in/other", "in/place");
  home_.move("in/place", "in/beside");
  home_.link("side/file", "in/place");
  hint(hint::kMovedFrom, "file", 1);
  hint(hint::kMovedFrom, "other", 2);
  hint(hint::kMovedTo, "place", 2);
  hint(hint::kMovedFrom, "place", 3);
  hint(hint::kMovedTo, "beside", 3);
  hint(hint::kCreated, "place");
  EXPECT_EQ(round(), (Told{"renamed in/file -> in/place", "modified in/place",
                           "renamed in/other -> in/beside"}));
}

TEST_F(ReconcilerTest, NamesOfOneFileAreCheckedInSmallSteps) {
  constexpr int kNames = 500;
  for (int i = 0; i < kNames; ++i) {
    const std::string name = "link" + std::to_string(i);
    home_.link("in/file", "in/" + name);
    hint(hint::kCreated, name);
  }
  EXPECT_EQ(round().size(), static_cast<std::size_t>(kNames));
  let_a_tick_pass();
  reconciler_.confirm(inode_clock());

  const std::uint64_t before = stat_calls();
  std::uint64_t most_stats = 0;
  std::uint64_t most_dirty = 0;
  const auto work = [&] {
    reconciler_.begin_round(inode_clock());
    for (bool more = true; more;) {
      const std::uint64_t stats = stat_calls();
      const std::uint64_t dirty = reconciler_.dirty();
      more = reconciler_.work();
      most_stats = std::max(most_stats, stat_calls() - stats);
      const std::uint64_t now = reconciler_.dirty();
      most_dirty = std::max(most_dirty, now > dirty ? now - dirty : 0);
    }
    return std::exchange(told_, {});
  };
  // Met where the name that left is not known, since events were lost.
  home_.move("in/link7", "in/moved");
  reconciler_.hints().rescan_all();
  const Told told = work();
  EXPECT_EQ(std::count(told.begin(), told.end(), "renamed in/link7 -> in/moved"), 1);
  home_.append("in/link8", "y");
  hint(hint::kWritten, "link8");
  EXPECT_EQ(work().size(), kNames + 1U);
  EXPECT_LE(most_stats, 40U);
  EXPECT_LE(most_dirty, 100U);
  EXPECT_LE(stat_calls() - before, 8U * kNames);
}

// What hostile rule files cost is done in slices: steps are counted, not timed.
class RulesInSlicesTest : public ReconcilerTest {
 protected:
  // Three files for one directory, of which each takes several slices to parse.
  void make_repository(const std::string& name) {
    home_.directory(name + "/.git/info");
    home_.write(name + "/.gitignore", patterns("one"));
    home_.write(name + "/.git/info/exclude", patterns("two"));
    home_.write(name + "/excludes", patterns("three"));
    home_.write(name + "/.git/config", "[core]\nexcludesFile = " + home_.at(name + "/excludes"));
  }
  static std::string patterns(const std::string& stem) {
    std::string lines = "x\n";
    for (int i = 0; i < 4000; ++i) lines += stem + std::to_string(i) + '\n';
    return lines;
  }
  static std::size_t slices(const std::string& content) {
    RuleParser parser(content);
    std::size_t count = 1;
    while (parser.step()) ++count;
    return count;
  }

  NodeId add_root(const std::string& name) {
    WatchOptions options;
    options.gitignore = true;
    RootOptions root;
    root.filter = Filter(options);
    return reconciler_.add_root(home_.at(name), identity(name), root);
  }
  std::size_t crawl_steps() {
    std::size_t steps = 1;
    while (reconciler_.crawl()) ++steps;
    return steps;
  }
};

TEST_F(RulesInSlicesTest, ACrawlParsesTheFilesOfADirectoryInSteps) {
  const std::size_t least =
      slices(patterns("one")) + slices(patterns("two")) + slices(patterns("three"));
  make_repository("repository");
  home_.write("repository/x");
  home_.write("repository/y");
  const NodeId root = add_root("repository");
  EXPECT_GE(crawl_steps(), least);
  EXPECT_EQ(tree_.child(root, "x"), kNoNode);
  EXPECT_NE(tree_.child(root, "y"), kNoNode);
}

TEST_F(RulesInSlicesTest, ARoundDecidesNothingElseBeforeTheFilesAreParsed) {
  home_.directory("repository");
  const NodeId root = add_root("repository");
  crawl_steps();
  home_.write("repository/.gitignore", patterns("new"));
  home_.write("repository/x");
  reconciler_.hints().touch(root, ".gitignore", hint::kCreated);
  reconciler_.hints().touch(root, "x", hint::kCreated);
  reconciler_.begin_round(inode_clock());
  std::size_t steps = 0;
  while (reconciler_.work()) ++steps;
  EXPECT_GE(steps, slices(patterns("new")));
  EXPECT_EQ(told_, Told{"created repository/.gitignore"});
}

TEST_F(RulesInSlicesTest, ADirectoryThatIsGoneBeforeItsFilesAreParsedLeavesNothing) {
  home_.directory("repository");
  const NodeId root = add_root("repository");
  crawl_steps();
  home_.directory("repository/d");
  home_.write("repository/d/.gitignore", patterns("new"));
  reconciler_.hints().touch(root, "d", hint::kCreated);
  reconciler_.begin_round(inode_clock());
  for (int i = 0; i < 3; ++i) reconciler_.work();
  home_.remove("repository/d");
  while (reconciler_.work()) {
  }
  reconciler_.hints().touch(root, "d", hint::kDeleted);
  for (int i = 0; i < 3; ++i) {
    reconciler_.begin_round(inode_clock());
    while (reconciler_.work()) {
    }
  }
  EXPECT_EQ(told_, (Told{"created repository/d", "deleted repository/d"}));
  EXPECT_FALSE(reconciler_.unsettled());
}

// Patterns that cost as much as may be for each name.
class CostlyRulesTest : public RulesInSlicesTest {
 protected:
  void make_costly(const std::string& name) {
    std::string stars;
    for (int i = 0; i < 440; ++i) stars += "*a*a*a*a*b\n";
    home_.directory(name);
    home_.write(name + "/.gitignore", stars);
  }
  static std::string name(int i) { return std::string(200, 'a') + std::to_string(i); }
};

TEST_F(CostlyRulesTest, AStepOfAListingStopsAtASlice) {
  make_costly("costly");
  for (int i = 0; i < 100; ++i) home_.write("costly/" + name(i));
  add_root("costly");
  std::uint64_t before = visibility_.steps();
  std::uint64_t largest = 0;
  while (reconciler_.crawl()) {
    largest = std::max(largest, visibility_.steps() - before);
    before = visibility_.steps();
  }
  EXPECT_GT(before, 10 * kRuleCostPerStep);
  EXPECT_LE(largest, kRuleCostPerStep + 2 * kMaxSteps);
}

TEST_F(CostlyRulesTest, EventsAreTakenInOneGoWithoutDecidingOnEach) {
  make_costly("costly");
  const NodeId root = add_root("costly");
  crawl_steps();
  visibility_.limit();
  const std::uint64_t before = visibility_.steps();
  for (int i = 0; i < 1000; ++i) {
    Hint hint;
    hint.watch = tree_.watch(root);
    const std::string file = name(i);
    hint.name = file;
    hint.hints = i % 2 == 0 ? hint::kMovedFrom : hint::kMovedTo;
    hint.cookie = static_cast<std::uint32_t>(i / 2 + 1);
    reconciler_.hints().take(hint);
  }
  EXPECT_LE(visibility_.steps() - before, kRuleCostPerStep + 4 * kMaxSteps);
  EXPECT_EQ(round(), Told{});
}

TEST_F(ReconcilerTest, EventsOfAFileOpenedWithoutANameAreCollectedForAllItsNames) {
  constexpr int kNames = 100;
  for (int i = 0; i < kNames; ++i) {
    const std::string name = "link" + std::to_string(i);
    home_.link("in/file", "in/" + name);
    hint(hint::kCreated, name);
  }
  round();
  home_.append("in/file", "y");
  const std::string unnamed = "#" + std::to_string(identity("in/file").inode);
  for (int i = 0; i < 1000; ++i) hint(hint::kWritten, unnamed);
  EXPECT_TRUE(reconciler_.unsettled());
  const std::uint64_t before = stat_calls();
  EXPECT_EQ(round().size(), kNames + 1U);
  EXPECT_LE(stat_calls() - before, 2U * kNames);
  EXPECT_FALSE(reconciler_.unsettled());
}

TEST_F(ReconcilerTest, AnEventOfOneFileAmongManyWithoutANameMarksOneOfItsNames) {
  constexpr int kNames = 300;
  constexpr int kFiles = 4096;  // that are noted
  for (int i = 0; i < kFiles; ++i) {
    const std::string name = "f" + std::to_string(i);
    home_.write("in/" + name);
    hint(hint::kCreated, name);
  }
  for (int i = 0; i < kNames; ++i) {
    const std::string name = "link" + std::to_string(i);
    home_.link("in/file", "in/" + name);
    hint(hint::kCreated, name);
  }
  round();
  for (int i = 0; i < kFiles; ++i) {
    const Identity file = identity("in/f" + std::to_string(i));
    hint(hint::kAttributes, "#" + std::to_string(file.inode));
  }
  home_.append("in/file", "y");
  const std::uint64_t before = reconciler_.hints().additions();
  hint(hint::kWritten, "#" + std::to_string(identity("in/file").inode));
  EXPECT_LE(reconciler_.hints().additions() - before, 2U);
  const Told told = round();
  EXPECT_EQ(std::count_if(told.begin(), told.end(),
                          [](const std::string& line) { return line.starts_with("modified"); }),
            kNames + 1);
}

// What ends a listing is done in steps as well.
class SweepTest : public ReconcilerTest {
 protected:
  // The most that one step of a round adds to what is dirty.
  std::uint64_t most_added() {
    std::uint64_t most = 0;
    reconciler_.begin_round(inode_clock());
    for (bool more = true; more;) {
      const std::uint64_t dirty = reconciler_.dirty();
      more = reconciler_.work();
      const std::uint64_t now = reconciler_.dirty();
      most = std::max(most, now > dirty ? now - dirty : 0);
    }
    return most;
  }
  NodeId add_root(const std::string& name, bool gitignore = false) {
    WatchOptions options;
    options.gitignore = gitignore;
    RootOptions root;
    root.filter = Filter(options);
    const NodeId added = reconciler_.add_root(home_.at(name), identity(name), root);
    while (reconciler_.crawl()) {
    }
    reconciler_.confirm(inode_clock());
    return added;
  }
  void make_files(const std::string& directory) {
    home_.directory(directory);
    for (int i = 0; i < kEntries; ++i) home_.write(directory + '/' + std::to_string(i));
  }

  // What this round and the one before it have reported.
  std::ptrdiff_t deletions() {
    const Told told = round();
    return std::count_if(told.begin(), told.end(),
                         [](const std::string& line) { return line.starts_with("deleted"); });
  }

  static constexpr int kEntries = 3000;
};

TEST_F(SweepTest, EntriesThatAListingDidNotMeetAreCheckedInSteps) {
  make_files("many");
  add_root("many");
  for (int i = 0; i < kEntries; ++i) home_.remove("many/" + std::to_string(i));
  reconciler_.hints().rescan_all();
  EXPECT_LE(most_added(), 600U);
  EXPECT_EQ(deletions(), kEntries);
}

TEST_F(SweepTest, AnEntryThatLeavesTheTreeMeanwhileDoesNotEndTheSweep) {
  for (const int parity : {0, 1}) {
    const std::string many = "many" + std::to_string(parity);
    make_files(many);
    const NodeId root = add_root(many);
    for (int i = parity; i < kEntries; i += 2) home_.remove(many + '/' + std::to_string(i));
    reconciler_.hints().rescan_all();
    reconciler_.begin_round(inode_clock());
    const std::uint64_t before = reconciler_.dirty();
    while (reconciler_.work() && reconciler_.dirty() < before + 100) {
    }
    for (int i = 1 - parity; i < kEntries; i += 2) {
      reconciler_.remove_root(tree_.child(root, std::to_string(i)), {.reporting = false});
      while (reconciler_.is_removing()) reconciler_.removal_step();
    }
    while (reconciler_.work()) {
    }
    EXPECT_EQ(deletions(), kEntries / 2);
    EXPECT_EQ(tree_.first_child(root), kNoNode);
  }
}

TEST_F(SweepTest, RulesThatChangeHaveTheDirectoriesBelowListedInSteps) {
  for (int i = 0; i < 1000; ++i) home_.directory("wide/d/" + std::to_string(i) + "/e");
  for (const char* name : {"wide/x", "wide/d/7/x", "wide/d/8/e/x"}) home_.write(name);
  const NodeId root = add_root("wide", true);
  home_.write("wide/.gitignore", "x\n");
  reconciler_.hints().touch(root, ".gitignore", hint::kCreated);
  EXPECT_LE(most_added(), 600U);
  Told told = round();
  std::sort(told.begin(), told.end());
  EXPECT_EQ(told, (Told{"created wide/.gitignore", "deleted wide/d/7/x", "deleted wide/d/8/e/x",
                        "deleted wide/x"}));
}

// A tree with room for the root, what is there at first, and two more.
class FullTreeTest : public ReconcilerTest {
 protected:
  FullTreeTest() : ReconcilerTest({.nodes = 5}) {}
};

TEST_F(FullTreeTest, WhatDoesNotFitIsSaidAndFoundWhenThereIsRoom) {
  // Some that are the same are reported, since not all is known.
  const auto places = [this] {
    Told told = round();
    std::erase_if(told, [](const std::string& line) { return line.starts_with("modified"); });
    return told;
  };
  for (const char* name : {"a", "b", "c"}) {
    home_.write(std::string("in/") + name);
    hint(hint::kCreated, name);
  }
  EXPECT_EQ(places(), (Told{"created in/a", "created in/b", "unreadable in eoverflow"}));
  reconciler_.poll(kFailuresPerPoll);
  EXPECT_EQ(places(), Told{});
  // What takes the place of another needs no room.
  home_.write("in/d");
  home_.move("in/d", "in/b");
  hint(hint::kMovedTo, "b");
  EXPECT_EQ(places(), Told{});
  EXPECT_EQ(round(), (Told{"modified in/b"}));
  home_.remove("in/a");
  hint(hint::kDeleted, "a");
  EXPECT_EQ(places(), Told{});
  EXPECT_EQ(places(), (Told{"deleted in/a"}));
  reconciler_.poll(kFailuresPerPoll);
  EXPECT_EQ(places(), (Told{"created in/c"}));
  EXPECT_EQ(tree_.directories() + tree_.others(), 5U);
}

TEST_F(FullTreeTest, ACrawlThatDoesNotFitSaysSoAndEnds) {
  home_.directory("side/below");
  for (int i = 0; i < 10; ++i) home_.write("side/below/" + std::to_string(i));
  reconciler_.add_root(home_.at("side"), identity("side"), {});
  while (reconciler_.crawl()) {
  }
  EXPECT_EQ(std::exchange(told_, {}), (Told{"unreadable side/below eoverflow"}));
  EXPECT_EQ(tree_.others() + tree_.directories(), 5U);
  let_a_tick_pass();  // two clocks are compared, each of which moves on in ticks
  reconciler_.confirm(inode_clock());
  reconciler_.hints().rescan_all();
  EXPECT_EQ(round(), Told{});
}

}  // namespace
}  // namespace lookout
