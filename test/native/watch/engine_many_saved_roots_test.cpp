// A snapshot with many roots, which are taken over in steps (P5).
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "snapshot/encoder.h"
#include "watch/engine_test.h"

namespace lookout {
namespace {

constexpr std::size_t kRoots = 4000;

class ManySavedRootsTest : public EngineTest {
 protected:
  // Goes on from a snapshot with these roots. Returns how many of them the engine knew whenever it
  // could serve a request meanwhile, and at last.
  std::vector<std::size_t> go_on(std::vector<SnapshotRoot> roots,
                                 const std::vector<std::string>& paths) {
    SnapshotEncoder encoder({.seq = 1, .devices = {{.path = "/"}}, .roots = std::move(roots)});
    encoder.finish();
    cursor_.write("snapshot", encoder.take());
    bool loaded = false;
    watcher_.engine().watch_from(paths, {}, {cursor_.path(), "snapshot"},
                                 [&](const Result<std::uint64_t>& result) {
                                   EXPECT_EQ(std::get_if<Error>(&result), nullptr);
                                   loaded = true;
                                 });
    std::vector<std::size_t> known;
    watcher_.until("the snapshot was loaded", [&] {
      known.push_back(watcher_.engine().info().roots.size());
      return loaded || known.back() == kRoots;
    });
    return known;
  }

  // Whether a request was served when some roots were taken over and others were not.
  static bool in_steps(const std::vector<std::size_t>& known) {
    return known.back() == kRoots && std::ranges::any_of(known, [](std::size_t count) {
             return count > 0 && count < kRoots;
           });
  }

  TempDirectory cursor_;
};

// The paths need not exist: that the snapshot has them is enough.
TEST_F(ManySavedRootsTest, P5RequestsAreServedWhileManyDirectoriesAreTakenOver) {
  std::vector<std::string> paths;
  std::vector<SnapshotRoot> roots;
  for (std::size_t i = 0; i < kRoots; ++i) {
    paths.push_back(home_.at(std::to_string(i)));
    roots.push_back({.path = paths.back()});
  }
  EXPECT_TRUE(in_steps(go_on(std::move(roots), paths)));
}

TEST_F(ManySavedRootsTest, P5RequestsAreServedWhileManySingleFilesAreTakenOver) {
  std::vector<std::string> paths;
  SnapshotRoot root{.path = home_.path(), .single = true};
  for (std::size_t i = 0; i < kRoots; ++i) {
    root.names.push_back(std::to_string(i));
    paths.push_back(home_.at(root.names.back()));
  }
  EXPECT_TRUE(in_steps(go_on({root}, paths)));
}

}  // namespace
}  // namespace lookout
