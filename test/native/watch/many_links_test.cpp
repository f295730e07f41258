// More symbolic links, and longer ones, than are followed.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "watch/counted_calls.h"
#include "watch/engine_test.h"
#include "watch/reconcile/reconciler.h"
#include "watch/silent_sink.h"
#include "watch/sources/inotify_source.h"

namespace lookout {
namespace {

// Links in a directory "in" whose paths have 2 * `turns` components and a few.
void make_links(const TempDirectory& home, int count, int turns) {
  home.directory("in");
  home.directory("out/d");
  std::string target = "../out";
  for (int i = 0; i < turns; ++i) target += "/d/..";
  for (int i = 0; i < count; ++i) home.symlink(target, "in/l" + std::to_string(i));
}

class ManyLinksTest : public EngineTest {
 protected:
  void SetUp() override {
    home_.directory("other");
    home_.write("other/x");
  }

  bool follow() {
    return watcher_.watch({home_.at("in")}, {.follow_symlinks = true}) == std::nullopt;
  }
};

TEST_F(ManyLinksTest, P7LinksBeyondTheLimitAreReportedAndFollowedWhenOthersGo) {
  constexpr int kLinks = 5500;
  make_links(home_, kLinks, 170);
  ASSERT_TRUE(follow());
  const Told told = synced();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_TRUE(told[0].starts_with("unreadable in/l") && told[0].ends_with(" eloop")) << told[0];
  home_.symlink("../other", "in/last");
  EXPECT_EQ(synced(), (Told{"created symlink in/last"}));
  for (int i = 0; i < kLinks; ++i) home_.remove("in/l" + std::to_string(i));
  synced();
  EXPECT_TRUE(std::ranges::any_of(watcher_.list().entries, [&](const Entry& entry) {
    return entry.path == home_.at("in/last/x");
  }));
}

TEST_F(ManyLinksTest, P5WhenOneOfManyLinksToADirectoryGoesFewOthersAreChecked) {
  constexpr int kLinks = 200;
  make_links(home_, kLinks, 0);
  ASSERT_TRUE(follow());
  synced();
  const auto shown = [this] {
    std::vector<std::string> directories;
    for (const Entry& entry : watcher_.list().entries) {
      if (entry.type == EntryType::directory && !entry.path.ends_with("/d")) {
        directories.push_back(entry.path);
      }
    }
    return directories;
  };
  for (int i = 0; i < 5; ++i) {
    const std::vector<std::string> before = shown();
    ASSERT_EQ(before.size(), 1U);
    const std::uint64_t calls = stat_calls();
    ASSERT_EQ(::unlink(before[0].c_str()), 0);
    synced();
    EXPECT_LT(stat_calls() - calls, kLinks / 2U);
    const std::vector<std::string> after = shown();
    ASSERT_EQ(after.size(), 1U);
    EXPECT_NE(after[0], before[0]);
  }
}

// Checks the links whose path has too many components, in a tree of which nothing has changed.
std::uint64_t stats_of_a_poll(Reconciler& reconciler) {
  const std::uint64_t before = stat_calls();
  reconciler.poll(kFailuresPerPoll);
  reconciler.begin_round(inode_clock());
  while (reconciler.work()) {
  }
  return stat_calls() - before;
}

// Up to 16 of them were resolved in one step.
TEST(ManyLinksReconcilerTest, P5AStepResolvesOneLinkOfManyComponentsAndAPollAFew) {
  const TempDirectory home;
  make_links(home, 64, 210);
  SilentSink sink;
  const auto source = std::make_shared<InotifySource>();
  Tree tree;
  Visibility visibility(tree);
  RemoteMounts mounts;
  PathWatches paths(*source, mounts, [&](int watch) { return tree.watch_in_use(watch); });
  Reconciler reconciler(tree, visibility, *source, paths, mounts, sink);
  RootOptions options;
  options.follow_symlinks = true;
  struct stat status {};
  ASSERT_EQ(::stat(home.at("in").c_str(), &status), 0);
  reconciler.add_root(home.at("in"), {status.st_dev, status.st_ino}, options);
  while (reconciler.crawl()) {
  }
  reconciler.hints().rescan_all();
  reconciler.begin_round(inode_clock());
  const std::uint64_t start = stat_calls();
  std::uint64_t largest = 0;
  for (std::uint64_t before = start; reconciler.work();) {
    largest = std::max(largest, stat_calls() - std::exchange(before, stat_calls()));
  }
  EXPECT_GT(stat_calls() - start, 64U);  // each link was checked
  EXPECT_LE(largest, 6U);                // one takes four
  const std::uint64_t of_a_poll = stats_of_a_poll(reconciler);
  EXPECT_GE(of_a_poll, kLongLinksPerPoll);
  EXPECT_LE(of_a_poll, 6U * kLongLinksPerPoll);
}

}  // namespace
}  // namespace lookout
