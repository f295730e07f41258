// Files with many names: what is reported, and that the work is proportional to the names. Counted
// are calls of statx(2).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "watch/counted_calls.h"
#include "watch/engine_test.h"

namespace lookout {
namespace {

class HardLinksTest : public EngineTest {
 protected:
  static std::string name(int i) { return "in/link" + std::to_string(i); }
  void link(int from, int to) const {
    for (int i = from; i < to; ++i) home_.link("in/file", name(i));
  }

  // How many stats it takes to report what `change` does with the numbers up to `count`, in steps
  // of 40 that are reported each.
  std::uint64_t stats_for(int count, const std::function<void(int)>& change) {
    watcher_.sync();
    const std::uint64_t before = stat_calls();
    for (int i = 0; i < count; ++i) {
      change(i);
      if (i % 40 == 39) watcher_.sync();
    }
    watcher_.sync();
    watcher_.told();
    return stat_calls() - before;
  }

  // Of the same in a fresh directory.
  std::uint64_t stats_of_links(int count,
                               const std::function<void(const std::string&, int)>& make) {
    const std::string top = "in/" + std::to_string(count);
    home_.directory(top);
    home_.write(top + "/file", "x");
    let_a_tick_pass();
    return stats_for(count, [&](int i) { make(top, i); });
  }
};

bool has(const Told& told, const std::string& line) {
  return std::find(told.begin(), told.end(), line) != told.end();
}

// Without the changes of content: where names come and go unseen, some are reported that need not
// be.
Told moves(Told lines) {
  std::erase_if(lines, [](const std::string& line) { return line.starts_with("modified"); });
  return sorted(std::move(lines));
}

TEST_F(HardLinksTest, LinksMadeWhileWatchedTakeWorkInProportionToTheirNumber) {
  home_.directory("in");
  ASSERT_EQ(watcher_.watch({home_.at("in")}), std::nullopt);
  const auto make = [&](const std::string& top, int i) {
    home_.link(top + "/file", top + "/link" + std::to_string(i));
  };
  const std::uint64_t few = stats_of_links(400, make);
  EXPECT_LT(stats_of_links(1600, make), 5 * few);
}

TEST_F(HardLinksTest, LinksMetInNewDirectoriesTakeWorkInProportionToTheirNumber) {
  home_.directory("in");
  ASSERT_EQ(watcher_.watch({home_.at("in")}), std::nullopt);
  const auto make = [&](const std::string& top, int i) {
    const std::string directory = top + "/d" + std::to_string(i);
    home_.directory(directory);
    home_.link(top + "/file", directory + "/link");
  };
  const std::uint64_t few = stats_of_links(400, make);
  EXPECT_LT(stats_of_links(1600, make), 5 * few);
}

TEST_F(HardLinksTest, EventsOfEveryNameTakeWorkInProportionToTheirNumber) {
  home_.directory("in");
  ASSERT_EQ(watcher_.watch({home_.at("in")}), std::nullopt);
  const auto stats = [&](int count) {
    const std::string top = "in/" + std::to_string(count);
    home_.directory(top);
    home_.write(top + "/file", "x");
    for (int i = 0; i < count; ++i) home_.link(top + "/file", top + "/link" + std::to_string(i));
    watcher_.sync();
    watcher_.told();
    const std::uint64_t before = stat_calls();
    for (int i = 0; i < count; ++i) home_.append(top + "/link" + std::to_string(i), "y");
    watcher_.sync();
    EXPECT_EQ(watcher_.told().size(), static_cast<std::size_t>(count) + 1);
    return stat_calls() - before;
  };
  const std::uint64_t few = stats(200);
  EXPECT_LT(stats(800), 5 * few);
}

TEST_F(HardLinksTest, ARenameOfOneOfManyNamesIsARename) {
  home_.directory("in/d");
  home_.write("in/file", "x");
  link(0, 30);
  watch({"in"});
  age();
  home_.move(name(7), "in/d/moved");
  EXPECT_EQ(synced(), (Told{"renamed file in/link7 -> in/d/moved"}));
  home_.link("in/file", "in/d/other");
  home_.remove(name(8));
  EXPECT_EQ(moves(synced()), (Told{"renamed file in/link8 -> in/d/other"}));
}

TEST_F(HardLinksTest, ARenameOfOneOfManyNamesIsARenameWhereNoEventsCome) {
  home_.directory("in/d");
  home_.write("in/file", "x");
  link(0, 30);
  WatchOptions options;
  options.backend = Backend::poll;
  watch({"in"}, options);
  let_a_tick_pass();
  synced();
  home_.move(name(7), "in/a");
  EXPECT_EQ(moves(synced()), (Told{"renamed file in/link7 -> in/a"}));
  home_.link("in/file", "in/another");
  EXPECT_EQ(moves(synced()), (Told{"created file in/another"}));
}

TEST_F(HardLinksTest, ANameOfManyThatReplacesAnotherFileIsARename) {
  home_.directory("in/d");
  home_.write("in/file", "x");
  home_.write("in/replaced", "y");
  link(0, 30);
  watch({"in"});
  age();
  home_.move(name(7), "in/replaced");
  EXPECT_EQ(synced(), (Told{"renamed file in/link7 -> in/replaced"}));
}

TEST_F(HardLinksTest, AWriteThroughOneOfManyNamesIsReportedOfEachOnce) {
  home_.directory("in/d");
  home_.write("in/file", "x");
  link(0, 300);
  watch({"in"});
  home_.append(name(7), "y");
  home_.append(name(8), "z");
  const Told told = synced();
  EXPECT_EQ(told.size(), 301U);
  EXPECT_TRUE(has(told, "modified file in/file"));
  for (int i = 0; i < 300; ++i) EXPECT_TRUE(has(told, "modified file " + name(i))) << i;
}

}  // namespace
}  // namespace lookout
