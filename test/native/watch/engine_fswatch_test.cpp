// Roots where the program fswatch says where to look. A script stands for it, that prints what is
// written into a named pipe; the last test has the real one.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "support/unique_fd.h"
#include "watch/engine_test.h"
#include "watch/sources/fswatch.h"

namespace lookout {
namespace {

class FswatchTest : public EngineTest {
 protected:
  void SetUp() override {
    path_ = std::getenv("PATH");
    home_.directory("in/sub");
    home_.write("in/old", "x");
    // Neither an interval nor anything else makes the engine look by itself.
    watcher_.engine().set({.poll_interval = 3'600'000});
  }
  void TearDown() override { ::setenv("PATH", path_.c_str(), 1); }

  void pretend() {
    home_.directory("bin");
    ASSERT_EQ(::mkfifo(home_.at("pipe").c_str(), 0600), 0);
    home_.write("bin/fswatch", "#!/bin/sh\nfor last; do true; done\necho \"$last\" >> '" +
                                   home_.at("log") + "'\nexec cat '" + home_.at("pipe") + "'\n");
    ASSERT_EQ(::chmod(home_.at("bin/fswatch").c_str(), 0700), 0);
    ::setenv("PATH", (home_.at("bin") + ":" + path_).c_str(), 1);
  }

  // For both directions, so that nobody has to wait for the script to read.
  void open_pipe() { pipe_ = UniqueFd(::open(home_.at("pipe").c_str(), O_RDWR | O_CLOEXEC)); }
  void print(const std::string& path) const {
    const auto size = static_cast<ssize_t>(path.size() + 1);
    ASSERT_EQ(::write(pipe_.get(), path.c_str(), path.size() + 1), size);
  }

  void until_told(const std::string& line) {
    watcher_.until("it was told: " + line, [&] { return watcher_.has_told(line); });
  }

  // How often it has been started so that the last of its places was this one.
  int starts_for(const std::string& name) const {
    std::ifstream log(home_.at("log"));
    int count = 0;
    for (std::string line; std::getline(log, line);) count += line == home_.at(name) ? 1 : 0;
    return count;
  }

  std::string path_;
  UniqueFd pipe_;
};

TEST_F(FswatchTest, WhatItPrintsIsLookedAtWithoutASync) {
  pretend();
  watch({"in"}, {.backend = Backend::fswatch});
  open_pipe();
  home_.write("in/sub/new");
  print(home_.at("in/sub/new"));
  until_told("created file in/sub/new");
  home_.append("in/old", "y");
  print(home_.at("in/old"));
  until_told("modified file in/old");
  home_.remove("in/sub/new");
  print(home_.at("in/sub/new"));
  until_told("deleted file in/sub/new");
  const EngineInfo info = watcher_.engine().info();
  EXPECT_EQ(info.roots.at(0).second, "fswatch");
  EXPECT_EQ(info.watches, 0U);
}

TEST_F(FswatchTest, APathBelowWhatIsNotKnownYetLeadsToIt) {
  pretend();
  watch({"in"}, {.backend = Backend::fswatch});
  open_pipe();
  home_.directory("in/a/b/c");
  home_.write("in/a/b/c/new\nline");
  print(home_.at("in/a/b/c/new\nline"));
  until_told("created file in/a/b/c/new\nline");
}

TEST_F(FswatchTest, ItPrintsWhereALinkedRootLeadsAndTheRootKeepsItsName) {
  pretend();
  home_.symlink("in", "linked");
  watch({"linked"}, {.backend = Backend::fswatch});
  open_pipe();
  home_.write("in/new");
  print(home_.at("in/new"));
  until_told("created file linked/new");
}

TEST_F(FswatchTest, P1WhatItDoesNotPrintIsFoundByASync) {
  pretend();
  watch({"in"}, {.backend = Backend::fswatch});
  home_.directory("in/a/b");
  home_.write("in/a/b/c");
  home_.append("in/old", "y");
  EXPECT_EQ(sorted(synced()), (Told{"created directory in/a", "created directory in/a/b",
                                    "created file in/a/b/c", "modified file in/old"}));
}

TEST_F(FswatchTest, P8ItsEndIsToldAndItIsStartedAgain) {
  pretend();
  watch({"in"}, {.backend = Backend::fswatch});
  open_pipe();
  home_.write("in/first");
  print(home_.at("in/first"));
  until_told("created file in/first");
  pipe_ = UniqueFd();
  until_told("polled in fswatch");
  open_pipe();
  home_.write("in/new");
  print(home_.at("in/new"));
  until_told("created file in/new");
}

TEST_F(FswatchTest, ItIsStartedAnewForAnotherRootAndForOneThatWasReplaced) {
  pretend();
  watcher_.engine().set({.poll_interval = 20});
  const auto until_started_for = [&](const std::string& name, int times) {
    watcher_.until("it was started for " + name, [&] { return starts_for(name) == times; });
  };
  watch({"in"}, {.backend = Backend::fswatch});
  until_started_for("in", 1);
  home_.directory("other");
  ASSERT_EQ(watcher_.watch({home_.at("other")}, {.backend = Backend::fswatch}), std::nullopt);
  until_started_for("other", 1);
  home_.move("other", "gone");
  until_started_for("in", 2);
  home_.directory("other");
  until_started_for("other", 2);
}

TEST_F(FswatchTest, P8WhereItIsNotInstalledThatIsSaid) {
  ::setenv("PATH", home_.at("bin").c_str(), 1);
  const auto error = watcher_.watch({home_.at("in")}, {.backend = Backend::fswatch});
  ASSERT_TRUE(error);
  EXPECT_EQ(error->reason, "enoent");
  EXPECT_NE(error->detail.find("the program fswatch"), std::string::npos) << error->detail;
}

TEST_F(FswatchTest, TheRealOneLeadsToAChange) {
  if (Fswatch::missing()) GTEST_SKIP() << "fswatch is not installed";
  watch({"in"}, {.backend = Backend::fswatch});
  int times = 0;
  watcher_.until("a change was told", [&] {
    home_.write("in/sub/" + std::to_string(++times));
    return !watcher_.peek().empty();
  });
  synced();
}

}  // namespace
}  // namespace lookout
