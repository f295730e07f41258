// A mount whose server answers at once, and answers with errors, holds nothing up (P5), and is said
// to do so (P8).
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "support/error.h"
#include "watch/engine_test.h"
#include "watch/hung_mount.h"
#include "watch/own_mounts.h"

namespace lookout {
namespace {

using Call = HungMount::Call;

class FailingMountTest : public OwnMountsTest {
 protected:
  // Runs `body` with a mount at "local/mnt", and at "remote".
  template <class Body>
  void with_mount(Body body) {
    home_.directory("local/mnt");
    home_.directory("remote");
    ++mounts_;
    apart([&] {
      HungMount below(home_.at("local/mnt"));
      HungMount mount(home_.at("remote"));
      if (!below.mounted() || !mount.mounted()) {
        std::cerr << "there is no FUSE here\n";
        std::_Exit(0);
      }
      Watcher watcher(home_.path());
      watcher.engine().set({{}, {}, 50});
      body(below, mount, watcher);
    });
  }

  void watch(Watcher& watcher, const WatchOptions& options = {}) {
    ASSERT_EQ(watcher.watch({home_.at("local"), home_.at("remote")}, options), std::nullopt);
  }

  static bool tells_of(Watcher& watcher, const std::string& line) {
    const Told told = watcher.told();
    return std::find(told.begin(), told.end(), line) != told.end();
  }

  static void until_told(Watcher& watcher, const std::string& line) {
    watcher.until(line, [&] { return watcher.has_told(line); });
  }

  // A sync is answered, and a change beside the mounts is reported.
  void expect_not_held_up(Watcher& watcher, const std::string& name) {
    const std::string file = "local/" + name + std::to_string(mounts_);
    home_.write(file);
    watcher.sync();
    EXPECT_TRUE(tells_of(watcher, "created file " + file));
  }

  // Lets a call fail on both mounts, and returns what is reported of `path` in them.
  void expect_given_up(Call call, int code, const std::string& path) {
    SCOPED_TRACE(errno_name(code));
    with_mount([&](HungMount& below, HungMount& mount, Watcher& watcher) {
      watch(watcher);
      watcher.sync();
      watcher.told();
      for (HungMount* each : {&below, &mount}) each->fail(call, code);
      for (const std::string place : {"local/mnt", "remote"}) {
        until_told(watcher, "unreadable " + place + path + ' ' + errno_name(code));
      }
      expect_not_held_up(watcher, "x");
      expect_not_held_up(watcher, "y");
      for (HungMount* each : {&below, &mount}) {
        each->fail(call, 0);
        each->add_file();
      }
      until_told(watcher, "created file local/mnt/new");
      until_told(watcher, "created file remote/new");
      expect_not_held_up(watcher, "z");
    });
  }

  int mounts_ = 0;  // names what was written beside them
};

TEST_F(FailingMountTest, P5AnErrorOfAServerThatWouldBeTransientHereHoldsNothingUp) {
  for (const int code : {EAGAIN, EINTR, ENOMEM, EMFILE, ENFILE}) {
    expect_given_up(Call::look, code, "");
  }
  for (const Call call : {Call::open_d, Call::read_d}) expect_given_up(call, EMFILE, "/d");
}

TEST_F(FailingMountTest, P5ADirectoryThatIsFoundAndNotOpenedHoldsNothingUp) {
  for (const int code : {ENXIO, ELOOP, ENOTDIR}) expect_given_up(Call::open_d, code, "/d");
}

TEST_F(FailingMountTest, P5ARootThatFailsFromTheStartHoldsNothingUp) {
  for (const int code : {ENOMEM, ENOENT, ELOOP}) {
    SCOPED_TRACE(errno_name(code));
    with_mount([&](HungMount& below, HungMount& mount, Watcher& watcher) {
      for (HungMount* each : {&below, &mount}) each->fail(Call::open_root, code);
      WatchOptions options;
      options.wait_for_missing = true;
      watch(watcher, options);
      for (const std::string name : {"x", "y", "z"}) expect_not_held_up(watcher, name);
      for (HungMount* each : {&below, &mount}) each->fail(Call::open_root, 0);
      until_told(watcher, "created file local/mnt/f");
      until_told(watcher, "created file remote/f");
      expect_not_held_up(watcher, "last");
    });
  }
}

// Each look finds another directory at the name, and each open yet another one.
TEST_F(FailingMountTest, P5ADirectoryOfWhichEachLookFindsAnotherNumberIsCheckedAtPollsAlone) {
  with_mount([&](HungMount& below, HungMount& mount, Watcher& watcher) {
    watch(watcher);
    watcher.sync();
    watcher.engine().set({{}, {}, 600'000});
    for (HungMount* each : {&below, &mount}) each->renumber();
    watcher.sync();
    watcher.told();
    for (int i = 0; i < 20; ++i) {
      const std::string file = "local/" + std::to_string(i);
      home_.write(file);
      watcher.until(file, [&] { return watcher.has_told("created file " + file); });
    }
    EXPECT_EQ(watcher.told().size(), 20U) << "nothing of the mounts";
    for (int i = 0; i < 5; ++i) watcher.sync();
    EXPECT_LE(watcher.told().size(), 5 * 2 * 4U);
  });
}

}  // namespace
}  // namespace lookout
