// P9: a snapshot and the events after it are what is on the disk, whatever happened while nobody
// watched. Each rule of docs/design.md, "Going on from a snapshot", by the case that it is for.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "snapshot/decoder.h"
#include "snapshot/directory.h"
#include "snapshot/encoder.h"
#include "watch/engine_test.h"

namespace lookout {
namespace {

class EngineCursorTest : public testing::Test {
 protected:
  // Watches from nothing, and replays strictly what is told from here on, over all restarts.
  void begin(const std::vector<std::string>& names, WatchOptions options = {}) {
    options_ = std::move(options);
    roots_ = paths(names);
    // Nor does a listing tell whether a file of its tick was written after it.
    let_a_tick_pass();
    renew();
    ASSERT_EQ(watcher_->watch_from(roots_, {cursor_.path(), ""}, options_), std::nullopt);
    if (mirrors_) watcher_->mirror_from_listing(roots_);
    sync();
  }

  // Every file is stat'ed once, so that its stamp is known.
  void learn_stamps() {
    away([] {});
    sync();
  }

  // Saves, ends, lets things happen, and goes on.
  void away(const std::function<void()>& meanwhile) {
    ASSERT_EQ(watcher_->save("snapshot"), std::nullopt);
    leave();
    let_a_tick_pass();
    meanwhile();
    // Without events, what is checked in the tick of its last change may be reported twice.
    let_a_tick_pass();
    come_back();
  }

  void leave() {
    before_ = std::exchange(watcher_, nullptr);
    kept_ = std::make_unique<Watcher>(home_.path());
    kept_->go_on_from(*before_);
    before_.reset();
  }

  void come_back() {
    renew();
    watcher_->go_on_from(*kept_);
    kept_.reset();
    ASSERT_EQ(watcher_->watch_from(roots_, {cursor_.path(), "snapshot"}, options_), std::nullopt);
  }

  void renew() {
    watcher_.reset();
    watcher_ = std::make_unique<Watcher>(home_.path());
  }

  Told sync() {
    watcher_->sync();
    if (watcher_->mirrors()) watcher_->expect_mirror_is_disk();
    return sorted(watcher_->told());
  }

  std::vector<std::string> paths(const std::vector<std::string>& names) const {
    std::vector<std::string> all;
    for (const std::string& name : names) all.push_back(home_.at(name));
    return all;
  }

  void set_times_back(const std::string& name, const struct stat& to) const {
    const timespec times[2] = {to.st_atim, to.st_mtim};
    ASSERT_EQ(::utimensat(AT_FDCWD, home_.at(name).c_str(), times, 0), 0);
  }
  struct stat stat_of(const std::string& name) const {
    struct stat seen {};
    EXPECT_EQ(::lstat(home_.at(name).c_str(), &seen), 0);
    return seen;
  }
  // Another content of the same size, with the same times: the ctime alone shows it.
  void write_unseen(const std::string& name, const std::string& content) const {
    const struct stat before = stat_of(name);
    home_.write(name, content);
    set_times_back(name, before);
  }

  // Changes what the snapshot says.
  void forge(const std::function<void(SnapshotHeader&, SnapshotRecord&)>& change) const {
    const std::string path = cursor_.at("snapshot");
    std::ifstream in(path, std::ios::binary);
    SnapshotDecoder decoder(
        [&in](char* bytes, std::size_t size) {
          in.read(bytes, static_cast<std::streamsize>(size));
          return Result<std::size_t>(static_cast<std::size_t>(in.gcount()));
        },
        path);
    auto header = std::get<SnapshotHeader>(decoder.header());
    std::vector<std::pair<SnapshotRecord, std::string>> records;
    for (;;) {
      auto next = decoder.next();
      const auto& record = std::get<std::optional<SnapshotRecord>>(next);
      if (!record) break;
      records.emplace_back(*record, std::string(record->name));
    }
    SnapshotRecord none;
    change(header, none);
    SnapshotEncoder encoder(header);
    for (auto& [record, name] : records) {
      record.name = name;
      change(header, record);
      encoder.add(record);
    }
    encoder.finish();
    std::ofstream(path, std::ios::binary) << encoder.take();
  }

  TempDirectory home_;
  TempDirectory cursor_;
  std::vector<std::string> roots_;
  WatchOptions options_;
  bool mirrors_ = true;
  std::unique_ptr<Watcher> watcher_;
  std::unique_ptr<Watcher> before_;
  std::unique_ptr<Watcher> kept_;
};

TEST_F(EngineCursorTest, NothingIsToldWhereNothingChanged) {
  home_.directory("r/a/b");
  home_.write("r/a/x", "one");
  home_.symlink("x", "r/a/l");
  begin({"r"});
  away([] {});
  EXPECT_EQ(sync(), Told{});
  away([] {});
  EXPECT_EQ(sync(), Told{});
}

TEST_F(EngineCursorTest, EveryKindOfChangeMadeMeanwhileIsTold) {
  home_.directory("r/a");
  home_.directory("r/moved/below");
  for (const char* name : {"r/a/kept", "r/a/gone", "r/a/written", "r/a/replaced", "r/moved/x"}) {
    home_.write(name, "one");
  }
  begin({"r"});
  learn_stamps();
  away([&] {
    home_.remove("r/a/gone");
    home_.append("r/a/written", "more");
    home_.save("r/a/replaced", "another");
    home_.write("r/new", "new");
    home_.move("r/moved", "r/a/moved");
    home_.set_mode("r/a", 0700);
  });
  EXPECT_EQ(sync(), (Told{"attributes directory r/a", "created file r/new", "deleted file r/a/gone",
                          "modified file r/a/replaced", "modified file r/a/written",
                          "renamed directory r/moved -> r/a/moved"}));
}

TEST_F(EngineCursorTest, ChangesMadeBeforeAndAfterTheLoadAreBothTold) {
  home_.directory("r/a");
  begin({"r"});
  ASSERT_EQ(watcher_->save("snapshot"), std::nullopt);
  home_.write("r/a/x", "one");
  EXPECT_EQ(sync(), Told{"created file r/a/x"});
  let_a_tick_pass();
  EXPECT_EQ(sync(), Told{});
  home_.move("r/a/x", "r/a/y");
  EXPECT_EQ(sync(), Told{"renamed file r/a/x -> r/a/y"});
}

TEST_F(EngineCursorTest, BatchesContinueTheNumbersOfTheSnapshot) {
  home_.directory("r");
  begin({"r"});
  home_.write("r/x");
  sync();
  const std::uint64_t seq = watcher_->last_seq();
  ASSERT_GT(seq, 0U);
  away([&] { home_.write("r/y"); });
  EXPECT_EQ(sync(), Told{"created file r/y"});
  EXPECT_EQ(watcher_->last_seq(), seq + 1);
}

// Rule 1: the moment up to which all was told is that of the snapshot until all was compared.
TEST_F(EngineCursorTest, AFileThatWasNeverLookedAtIsToldWhenItsCtimeIsLaterThanTheSnapshot) {
  home_.directory("r/a/b/c");
  home_.write("r/a/b/c/x", "one");
  begin({"r"});
  away([&] { write_unseen("r/a/b/c/x", "two"); });
  EXPECT_EQ(sync(), Told{"modified file r/a/b/c/x"});
}

// Rule 2: a file system is known by its number and type, never by that of its device.
TEST_F(EngineCursorTest, AnotherDeviceNumberOfTheSameFileSystemIsNoChange) {
  home_.directory("r/a");
  home_.write("r/a/x", "one");
  begin({"r"});
  ASSERT_EQ(watcher_->save("snapshot"), std::nullopt);
  leave();
  forge([](SnapshotHeader& header, SnapshotRecord&) { header.devices.at(0).number = 12345; });
  home_.move("r/a/x", "r/y");
  come_back();
  const Told told = sync();
  EXPECT_TRUE(std::count(told.begin(), told.end(), "renamed file r/a/x -> r/y"));
  EXPECT_EQ(std::count_if(told.begin(), told.end(),
                          [](const std::string& line) { return line.starts_with("deleted"); }),
            0);
}

TEST_F(EngineCursorTest, AnotherFileSystemWithTheSameDeviceAndInodeNumberIsAnotherRoot) {
  home_.directory("r");
  home_.write("r/x", "one");
  begin({"r"});
  ASSERT_EQ(watcher_->save("snapshot"), std::nullopt);
  leave();
  forge([](SnapshotHeader& header, SnapshotRecord&) { header.devices.at(0).file_system ^= 1; });
  come_back();
  EXPECT_EQ(sync(),
            (Told{"created file r/x", "deleted file r/x", "root_created r", "root_deleted r"}));
}

// Rule 3: roots have their saved identity until they are checked.
TEST_F(EngineCursorTest, ARootThatIsGoneOrReplacedIsReported) {
  home_.directory("gone");
  home_.directory("replaced");
  home_.write("gone/x");
  home_.write("replaced/x");
  begin({"gone", "replaced"});
  away([&] {
    home_.remove("gone");
    home_.move("replaced", "elsewhere");
    home_.directory("replaced");
    home_.write("replaced/y");
  });
  EXPECT_EQ(sync(),
            (Told{"created file replaced/y", "deleted file gone/x", "deleted file replaced/x",
                  "root_created replaced", "root_deleted gone", "root_deleted replaced"}));
}

// Rule 4: another stamp counts whatever the times say.
TEST_F(EngineCursorTest, ADifferentStampIsToldThoughAllTimesAreBeforeTheMoment) {
  home_.directory("r");
  home_.write("r/x", "one");
  home_.write("r/y", "one");
  begin({"r"});
  learn_stamps();
  ASSERT_EQ(watcher_->save("snapshot"), std::nullopt);
  leave();
  home_.write("r/x", "two");
  let_a_tick_pass();
  const std::int64_t later = inode_clock();
  let_a_tick_pass();
  let_a_tick_pass();
  forge([later](SnapshotHeader& header, SnapshotRecord&) { header.moment = later + kLongestTick; });
  come_back();
  EXPECT_EQ(sync(), Told{"modified file r/x"});
}

TEST_F(EngineCursorTest, WithAClockBehindTheSnapshotNoFileWithoutAStampIsTrusted) {
  home_.directory("r");
  home_.write("r/x", "one");
  begin({"r"});
  ASSERT_EQ(watcher_->save("snapshot"), std::nullopt);
  leave();
  forge([](SnapshotHeader& header, SnapshotRecord&) {
    header.moment = inode_clock() + 3'600'000'000'000;
  });
  come_back();
  EXPECT_EQ(sync(), Told{"modified file r/x"});
}

// Rule 5: a stamp counts for what was renamed, too.
TEST_F(EngineCursorTest, AFileThatWasRenamedAndChangedMeanwhileIsToldAsBoth) {
  home_.directory("r");
  for (const char* name : {"r/mode", "r/size", "r/same"}) home_.write(name, "one");
  begin({"r"});
  learn_stamps();
  away([&] {
    home_.set_mode("r/mode", 0600);
    home_.append("r/size", "more");
    for (const char* name : {"mode", "size", "same"}) {
      home_.move(std::string("r/") + name, std::string("r/new_") + name);
    }
  });
  EXPECT_EQ(sync(), (Told{"attributes file r/new_mode", "modified file r/new_size",
                          "renamed file r/mode -> r/new_mode", "renamed file r/same -> r/new_same",
                          "renamed file r/size -> r/new_size"}));
}

// Rule 6: the ctime alone is a change of the content unless something else explains it.
TEST_F(EngineCursorTest, AWriteWithItsTimeSetBackIsToldAndALinkIsNot) {
  home_.directory("r");
  for (const char* name : {"r/written", "r/linked", "r/mode"}) home_.write(name, "one");
  begin({"r"});
  learn_stamps();
  away([&] {
    write_unseen("r/written", "two");
    home_.link("r/linked", "r/link");
    home_.set_mode("r/mode", 0600);
  });
  EXPECT_EQ(sync(),
            (Told{"attributes file r/mode", "created file r/link", "modified file r/written"}));
}

// Rule 7: what was asked for differs.
TEST_F(EngineCursorTest, RootsThatCameAndWentAreTold) {
  home_.directory("kept");
  home_.directory("left/a");
  home_.directory("added");
  home_.write("kept/x");
  home_.write("left/a/x");
  home_.write("added/x");
  mirrors_ = false;
  begin({"kept", "left"});
  away([&] { roots_ = paths({"kept", "added"}); });
  EXPECT_EQ(sync(),
            (Told{"created file added/x", "deleted directory left/a", "deleted file left/a/x"}));
}

TEST_F(EngineCursorTest, WithoutRecursionWhatIsBelowGoesAndWithItComesAgain) {
  home_.directory("r/a/b");
  home_.write("r/a/b/x");
  home_.write("r/a/y");
  home_.write("r/z");
  begin({"r"});
  away([&] { options_.recursive = false; });
  EXPECT_EQ(sync(),
            (Told{"deleted directory r/a/b", "deleted file r/a/b/x", "deleted file r/a/y"}));
  away([&] { options_.recursive = true; });
  EXPECT_EQ(sync(),
            (Told{"created directory r/a/b", "created file r/a/b/x", "created file r/a/y"}));
}

TEST_F(EngineCursorTest, OtherPatternsHideAndShowEntries) {
  home_.directory("r/build");
  home_.write("r/build/x.o");
  home_.write("r/y.o");
  home_.write("r/z.c");
  begin({"r"});
  away([&] { options_.ignore = {"*.o", "build/"}; });
  EXPECT_EQ(sync(),
            (Told{"deleted directory r/build", "deleted file r/build/x.o", "deleted file r/y.o"}));
  away([&] { options_.ignore = {"*.c"}; });
  EXPECT_EQ(sync(), (Told{"created directory r/build", "created file r/build/x.o",
                          "created file r/y.o", "deleted file r/z.c"}));
}

TEST_F(EngineCursorTest, RulesOfGitThatChangedMeanwhileCount) {
  home_.directory("r/a");
  home_.write("r/.gitignore", "*.o\n");
  home_.write("r/a/x.o");
  home_.write("r/a/y.c");
  options_.gitignore = true;
  begin({"r"}, options_);
  away([] {});
  EXPECT_EQ(sync(), Told{});
  away([&] { home_.write("r/.gitignore", "*.c\n#\n"); });
  EXPECT_EQ(sync(),
            (Told{"created file r/a/x.o", "deleted file r/a/y.c", "modified file r/.gitignore"}));
}

TEST_F(EngineCursorTest, FollowedLinksAreFollowedAgain) {
  home_.directory("target/a");
  home_.directory("other");
  home_.directory("r");
  home_.write("target/a/x");
  home_.write("other/y");
  home_.symlink("../target", "r/l");
  mirrors_ = false;
  options_.follow_symlinks = true;
  begin({"r"}, options_);
  away([&] { home_.write("target/a/z"); });
  EXPECT_EQ(sync(), Told{"created file r/l/a/z"});
  home_.write("target/a/later");
  EXPECT_EQ(sync(), Told{"created file r/l/a/later"});
  away([&] {
    home_.remove("r/l");
    home_.symlink("../other", "r/l");
  });
  EXPECT_EQ(sync(), (Told{"created directory r/l", "created file r/l/y", "deleted directory r/l",
                          "deleted directory r/l/a", "deleted file r/l/a/later",
                          "deleted file r/l/a/x", "deleted file r/l/a/z"}));
}

// Issue: what the link led to was opened and reported before the link was.
TEST_F(EngineCursorTest, P6NothingIsOpenedThroughALinkThatIsFollowedNoMore) {
  home_.directory("target/a");
  home_.directory("r");
  home_.write("target/a/x");
  home_.symlink("../target", "r/l");
  mirrors_ = false;
  options_.follow_symlinks = true;
  begin({"r"}, options_);
  away([&] {
    home_.write("target/a/new");
    home_.append("target/a/x", "more");
    options_.follow_symlinks = false;
  });
  EXPECT_EQ(sync(), (Told{"created symlink r/l", "deleted directory r/l", "deleted directory r/l/a",
                          "deleted file r/l/a/x"}));
}

// Issue: what is no longer reported was still to be deleted, and so it was also at its new path.
TEST_F(EngineCursorTest, P1WhatMovedOutOfADirectoryThatIsReportedWithoutItsEntriesIsCreated) {
  constexpr int kFiles = 2000;
  home_.directory("r/sub/d/deep");
  for (int i = 0; i < kFiles; ++i) home_.write("r/sub/" + std::to_string(i));
  begin({"r"});
  away([&] {
    for (int i = 0; i < kFiles; i += 100) {
      home_.move("r/sub/" + std::to_string(i), "r/" + std::to_string(i));
    }
    home_.move("r/sub/d", "r/d");
    options_.recursive = false;
  });
  const Told told = sync();
  EXPECT_EQ(std::count(told.begin(), told.end(), "created file r/0"), 1);
}

TEST_F(EngineCursorTest, SingleFilesGoOn) {
  home_.directory("d");
  for (const char* name : {"d/a", "d/b", "d/c", "d/n"}) home_.write(name, "one");
  mirrors_ = false;
  begin({"d/a", "d/b", "d/c"});
  away([&] {
    home_.append("d/a", "more");
    home_.remove("d/b");
    home_.write("d/other", "not watched");
    roots_ = paths({"d/a", "d/b", "d/n"});
  });
  EXPECT_EQ(sync(), (Told{"created file d/n", "deleted file d/b", "deleted file d/c",
                          "modified file d/a", "root_deleted d/b"}));
  home_.write("d/b", "again");
  EXPECT_EQ(sync(), (Told{"created file d/b", "root_created d/b"}));
}

TEST_F(EngineCursorTest, NestedRootsAreToldOnce) {
  home_.directory("r/inner");
  home_.write("r/inner/x");
  mirrors_ = false;
  begin({"r", "r/inner"});
  away([&] { home_.write("r/inner/y"); });
  EXPECT_EQ(sync(), Told{"created file r/inner/y"});
}

// Rule 8: a save waits until the last change is older than a tick of the clock.
TEST_F(EngineCursorTest, WhatWasWrittenRightBeforeTheSaveIsNotToldAgain) {
  home_.directory("r");
  begin({"r"});
  for (int i = 0; i < 20; ++i) {
    home_.write("r/x", std::to_string(i));
    sync();
    ASSERT_EQ(watcher_->save("snapshot"), std::nullopt);
    leave();
    come_back();
    EXPECT_EQ(sync(), Told{}) << i;
  }
}

// Rule 9: what was seen and not told.
TEST_F(EngineCursorTest, AnEventThatWaitedForItsWriterIsToldAfterTheRestart) {
  home_.directory("r");
  home_.write("r/x", "one");
  options_.await = 60'000;
  begin({"r"}, options_);
  // The file has no stamp, and the clean moment moves on after the write: neither shows it.
  const int writer = ::open(home_.at("r/x").c_str(), O_WRONLY);
  ASSERT_EQ(::write(writer, "two", 3), 3);
  watcher_->sync();
  let_a_tick_pass();
  watcher_->sync();
  ASSERT_EQ(watcher_->engine().info().held, 1U);
  EXPECT_EQ(watcher_->told(), Told{});
  away([&] { ::close(writer); });
  EXPECT_EQ(sync(), Told{"modified file r/x"});
}

TEST_F(EngineCursorTest, ChangesInADirectoryThatCouldNotBeReadAreToldWhenItCan) {
  if (::geteuid() != 0 || !Unprivileged::reaches(home_.path())) GTEST_SKIP() << "takes root";
  home_.directory("r/a");
  home_.write("r/a/x", "one");
  ::chmod(cursor_.path().c_str(), 0777);
  const struct Umask {
    mode_t before = ::umask(0);
    ~Umask() { ::umask(before); }
  } restored_at_end;
  const Unprivileged unprivileged;
  begin({"r"});
  {
    ASSERT_EQ(::seteuid(0), 0);
    home_.set_mode("r/a", 0700);
    ASSERT_EQ(::seteuid(65534), 0);
    watcher_->sync();
    ASSERT_EQ(::seteuid(0), 0);
    home_.write("r/a/x", "two");
    ASSERT_EQ(::seteuid(65534), 0);
    watcher_->sync();
    let_a_tick_pass();
  }
  away([&] {
    ASSERT_EQ(::seteuid(0), 0);
    home_.set_mode("r/a", 0755);
    ASSERT_EQ(::seteuid(65534), 0);
  });
  watcher_->sync();
  EXPECT_TRUE(watcher_->has_told("modified file r/a/x"));
}

// Rule 10: where inode numbers say nothing, names and stamps do.
TEST_F(EngineCursorTest, WhereInodeNumbersAreOthersAfterARestartEntriesKeepTheirNames) {
  home_.directory("r/a");
  for (const char* name : {"r/a/kept", "r/a/written", "r/a/moved"}) home_.write(name, "one");
  begin({"r"});
  learn_stamps();
  ASSERT_EQ(watcher_->save("snapshot"), std::nullopt);
  leave();
  forge([](SnapshotHeader& header, SnapshotRecord& record) {
    header.devices.at(0).file_system = 0;
    header.devices.at(0).type = 0;
    header.roots.at(0).inode = 999;
    record.inode += 100'000;
  });
  home_.append("r/a/written", "more");
  home_.move("r/a/moved", "r/a/new");
  come_back();
  EXPECT_EQ(sync(),
            (Told{"created file r/a/new", "deleted file r/a/moved", "modified file r/a/written"}));
  home_.move("r/a/kept", "r/kept");
  EXPECT_EQ(sync(), Told{"renamed file r/a/kept -> r/kept"});
}

TEST_F(EngineCursorTest, APolledTreeGoesOn) {
  home_.directory("r/a");
  home_.write("r/a/x", "one");
  home_.write("r/a/y", "one");
  options_.backend = Backend::poll;
  begin({"r"}, options_);
  away([&] {
    write_unseen("r/a/x", "two");
    home_.write("r/new");
  });
  EXPECT_EQ(sync(), (Told{"created file r/new", "modified file r/a/x"}));
  away([&] { options_.backend = Backend::automatic; });
  EXPECT_EQ(sync(), Told{});
}

TEST_F(EngineCursorTest, ATreeThatIsPolledSinceTheRestartMissesNothing) {
  home_.directory("r/a");
  home_.write("r/a/x", "one");
  begin({"r"});
  away([&] {
    write_unseen("r/a/x", "two");
    options_.backend = Backend::poll;
  });
  EXPECT_EQ(sync(), Told{"modified file r/a/x"});
}

TEST_F(EngineCursorTest, AListingBeforeTheDifferencesIsThatOfTheSnapshot) {
  home_.directory("r");
  home_.write("r/x");
  mirrors_ = false;
  begin({"r"});
  ASSERT_EQ(watcher_->save("snapshot"), std::nullopt);
  leave();
  home_.move("r/x", "r/y");
  watcher_ = std::make_unique<Watcher>(home_.path(), 0);
  ASSERT_EQ(watcher_->watch_from(roots_, {cursor_.path(), "snapshot"}, options_), std::nullopt);
  const Listed listed = watcher_->list();
  ASSERT_EQ(listed.entries.size(), 1U);
  EXPECT_EQ(listed.entries[0].path, home_.at("r/x"));
  watcher_->engine().grant(Engine::kUnlimited);
  watcher_->sync();
  EXPECT_TRUE(watcher_->has_told("renamed file r/x -> r/y"));
}

// Rule 11.
class BadCursorTest : public EngineCursorTest {
 protected:
  void SetUp() override {
    home_.directory("r/a");
    home_.write("r/a/x", "one");
    begin({"r"});
    ASSERT_EQ(watcher_->save("snapshot"), std::nullopt);
    renew();
  }

  std::string reason(const std::string& from) {
    const auto error = watcher_->watch_from(roots_, {cursor_.path(), from});
    return error ? error->reason : "";
  }
  std::string bytes() const {
    std::ifstream in(cursor_.at("snapshot"), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

TEST_F(BadCursorTest, IsAnErrorWithItsReasonAndLeavesNothingWatched) {
  const std::string good = bytes();
  EXPECT_EQ(reason("other"), "unknown_cursor");
  cursor_.write("cut", good.substr(0, good.size() - 1));
  EXPECT_EQ(reason("cut"), "bad_snapshot");
  cursor_.write("empty");
  EXPECT_EQ(reason("empty"), "bad_snapshot");
  cursor_.write("foreign", std::string(1000, 'x'));
  EXPECT_EQ(reason("foreign"), "bad_snapshot");
  cursor_.write("longer", good + "x");
  EXPECT_EQ(reason("longer"), "bad_snapshot");
  cursor_.symlink("snapshot", "link");
  EXPECT_EQ(reason("link"), "eloop");
  cursor_.directory("directory");
  EXPECT_EQ(reason("directory"), "bad_snapshot");
  EXPECT_EQ(watcher_->engine().info().files, 0U);
  EXPECT_EQ(watcher_->engine().info().directories, 0U);
  EXPECT_EQ(reason("snapshot"), "");
  EXPECT_EQ(sync(), Told{});
}

TEST_F(BadCursorTest, TwoEntriesOfOneNameAreRefused) {
  const auto twice = [](SnapshotHeader&, SnapshotRecord& record) {
    if (!record.name.empty()) record.name = "a";
    record.levels_up = record.type == SnapshotType::file ? 1 : 0;
  };
  forge(twice);
  EXPECT_EQ(reason("snapshot"), "bad_snapshot");
  EXPECT_EQ(watcher_->engine().info().directories, 0U);
}

TEST_F(BadCursorTest, ADirectoryThatALivingWatcherUsesIsLocked) {
  ASSERT_EQ(reason("snapshot"), "");
  Watcher other(home_.path());
  const auto error = other.watch_from(roots_, {cursor_.path(), "snapshot"});
  ASSERT_TRUE(error);
  EXPECT_EQ(error->reason, "locked");
  watcher_.reset();
  EXPECT_EQ(other.watch_from(roots_, {cursor_.path(), "snapshot"}), std::nullopt);
}

TEST_F(BadCursorTest, ADirectoryInsideAWatchedOneIsRefused) {
  home_.directory("r/cursor");
  const auto error = watcher_->watch_from(roots_, {home_.at("r/cursor"), ""});
  ASSERT_TRUE(error);
  EXPECT_EQ(error->reason, "cursor_inside");
  EXPECT_EQ(watcher_->watch_from({home_.at("r/a")}, {home_.at("r/cursor"), ""}), std::nullopt);
  const auto added = watcher_->watch({home_.at("r")});
  ASSERT_TRUE(added);
  EXPECT_EQ(added->reason, "cursor_inside");
}

TEST_F(BadCursorTest, OnlyTheFirstWatchMayHaveOne) {
  ASSERT_EQ(watcher_->watch({home_.at("r")}), std::nullopt);
  EXPECT_EQ(reason("snapshot"), "already_watched");
  const auto error = watcher_->save("snapshot");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->reason, "no_cursor");
}

TEST_F(BadCursorTest, AMissingDirectoryIsAnErrno) {
  const auto error = watcher_->watch_from(roots_, {home_.at("nowhere"), ""});
  ASSERT_TRUE(error);
  EXPECT_EQ(error->reason, "enoent");
}

TEST_F(BadCursorTest, ASaveThatFailsLeavesTheFileBefore) {
  ASSERT_EQ(reason("snapshot"), "");
  const std::string good = bytes();
  cursor_.directory("taken");
  const auto error = watcher_->save("taken");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->operation, "save");
  EXPECT_FALSE(cursor_.exists("taken.new"));
  EXPECT_EQ(bytes(), good);
  EXPECT_EQ(watcher_->save("another"), std::nullopt);
  struct stat seen {};
  ASSERT_EQ(::stat(cursor_.at("another").c_str(), &seen), 0);
  EXPECT_EQ(seen.st_mode & 07777, 0600U);
}

}  // namespace
}  // namespace lookout
