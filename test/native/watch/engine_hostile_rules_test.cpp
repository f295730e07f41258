// With `gitignore`, files of rules that others control: what is read and how much of it (P7).
#include <endian.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/fanotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ignore/rule_pool.h"
#include "ignore/rules.h"
#include "support/unique_fd.h"
#include "watch/counted_calls.h"
#include "watch/disk/remote_calls.h"
#include "watch/disk/remote_mounts.h"
#include "watch/disk/rule_files.h"
#include "watch/engine_test.h"
#include "watch/model/tree.h"
#include "watch/model/visibility.h"
#include "watch/roots/rules_above.h"

namespace lookout {
namespace {

constexpr uid_t kOther = 12345;

std::string patterns(const std::string& stem, std::size_t count) {
  std::string lines;
  for (std::size_t i = 0; i < count; ++i) lines += stem + std::to_string(i) + '\n';
  return lines;
}

class HostileRulesTest : public EngineTest {
 protected:
  void SetUp() override {
    ::umask(022);
    home_.directory("in");
    home_.directory("user");
    ::setenv("HOME", home_.at("user").c_str(), 1);
    ::unsetenv("XDG_CONFIG_HOME");
    options_.gitignore = true;
  }

  void make_repository(const std::string& name) {
    home_.directory(name + "/.git/info");
    home_.write(name + "/.git/info/exclude", "excluded\n");
    home_.write(name + "/.gitignore", "ignored\n");
  }

  bool give_away(const std::string& name) {
    return ::lchown(home_.at(name).c_str(), kOther, static_cast<gid_t>(-1)) == 0;
  }

  void write_each() {
    for (const char* name : {"excluded", "ignored", "x"}) home_.write("in/" + std::string(name));
  }

  WatchOptions options_;
};

const Told kTrusted{"created file in/x"};
const Told kNotTrusted{"created file in/excluded", "created file in/x",
                       "unreadable in/.git untrusted"};

TEST_F(HostileRulesTest, OfARepositoryOfAnotherUserOnlyTheGitignoreFilesCount) {
  make_repository("in");
  if (!give_away("in") || !give_away("in/.git")) GTEST_SKIP() << "only root can change owners";
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
  write_each();
  EXPECT_EQ(sorted(synced()), kNotTrusted);
}

TEST_F(HostileRulesTest, TheRepositoryThatAGitFileNamesMustBeTrustedToo) {
  make_repository("other");
  home_.write("in/.git", "gitdir: ../other/.git\n");
  home_.write("in/.gitignore", "ignored\n");
  if (!give_away("other/.git")) GTEST_SKIP() << "only root can change owners";
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
  write_each();
  EXPECT_EQ(sorted(synced()), kNotTrusted);
}

TEST_F(HostileRulesTest, TheCommonDirectoryMustBeTrustedToo) {
  make_repository("other");
  home_.directory("own");
  home_.write("own/commondir", "../other/.git\n");
  home_.write("in/.git", "gitdir: ../own\n");
  home_.write("in/.gitignore", "ignored\n");
  if (!give_away("other/.git")) GTEST_SKIP() << "only root can change owners";
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
  write_each();
  EXPECT_EQ(sorted(synced()), kNotTrusted);
}

// Somebody else may have renamed the trusted link to .git, and put a link of their own where it
// leads.
TEST_F(HostileRulesTest, LinksOfOthersBehindALinkNamedGitAreNotFollowed) {
  make_repository("private");
  home_.write("in/.gitignore", "ignored\n");
  home_.symlink("build", "in/.git");
  home_.symlink("../private/.git", "in/build");
  if (!give_away("in/build")) GTEST_SKIP() << "only root can change owners";
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
  write_each();
  EXPECT_EQ(sorted(synced()), kNotTrusted);
}

TEST_F(HostileRulesTest, LinksOfOthersOnThePathThatAGitFileNamesAreNotFollowed) {
  make_repository("private");
  home_.write("in/.gitignore", "ignored\n");
  home_.write("in/.git", "gitdir: main/.git\n");
  home_.symlink("../private", "in/main");
  if (!give_away("in/main")) GTEST_SKIP() << "only root can change owners";
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
  write_each();
  EXPECT_EQ(sorted(synced()), kNotTrusted);
}

TEST_F(HostileRulesTest, LinksOfOthersOnThePathOfTheCommonDirectoryAreNotFollowed) {
  make_repository("private");
  home_.directory("own");
  home_.write("own/commondir", "../main/.git\n");
  home_.symlink("private", "main");
  home_.write("in/.gitignore", "ignored\n");
  home_.write("in/.git", "gitdir: " + home_.at("own") + "\n");
  if (!give_away("main")) GTEST_SKIP() << "only root can change owners";
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
  write_each();
  EXPECT_EQ(sorted(synced()), kNotTrusted);
}

// Whoever owns a link in a directory that others can write to decides which file is read.
TEST_F(HostileRulesTest, LinksOfOthersOnThePathOfTheExcludesFileAreNotFollowed) {
  make_repository("in");
  home_.write("secret", "guess\n");
  home_.directory("shared");
  home_.symlink("../secret", "shared/ignore");
  home_.write("in/.git/config", "[core]\nexcludesFile = " + home_.at("shared/ignore") + '\n');
  if (!give_away("shared/ignore")) GTEST_SKIP() << "only root can change owners";
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
  home_.write("in/guess");
  EXPECT_EQ(sorted(synced()),
            (Told{"created file in/guess", "unreadable shared/ignore untrusted"}));
}

// P7: reading /proc/kmsg, for instance, takes messages away from others. The content of this file
// is the name of the test program.
TEST_F(HostileRulesTest, AFileOfAPseudoFileSystemIsNotReadAsTheExcludesFile) {
  make_repository("in");
  const std::string name = program_invocation_short_name;
  home_.write("in/.git/config", "[core]\nexcludesFile = /proc/self/comm\n");
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
  home_.write("in/" + name);
  EXPECT_EQ(sorted(synced()),
            (Told{"created file in/" + name, "unreadable /proc/self/comm untrusted"}));
}

TEST_F(HostileRulesTest, LinksOfTheUserToARepositoryAreFollowed) {
  make_repository("other");
  home_.directory("own");
  home_.write("own/commondir", "../deep/main/.git/\n");
  home_.directory("deep");
  home_.symlink("../other", "deep/main");
  home_.symlink(home_.at("own"), "deep/own");
  home_.symlink("../deep/.//own", "in/.git");
  home_.write("in/.gitignore", "ignored\n");
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
  write_each();
  EXPECT_EQ(sorted(synced()), kTrusted);
}

// The owner of the work tree may have moved a directory of root there.
TEST_F(HostileRulesTest, AGitThatOthersMayWriteToIsNotTrusted) {
  make_repository("in");
  home_.set_mode("in/.git", 01777);
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
  write_each();
  EXPECT_EQ(sorted(synced()), kNotTrusted);
}

TEST_F(HostileRulesTest, AGitThatOthersMayWriteToCountsWhereTheUserListsIt) {
  make_repository("in");
  home_.set_mode("in/.git", 0777);
  home_.write("user/.gitconfig", "[safe]\ndirectory = " + home_.at("in") + "\n");
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
  write_each();
  EXPECT_EQ(synced(), kTrusted);
}

TEST_F(HostileRulesTest, ARepositoryThatOthersMayWriteToIsNotTrusted) {
  make_repository("other");
  home_.write("in/.git", "gitdir: ../other/.git\n");
  home_.write("in/.gitignore", "ignored\n");
  home_.set_mode("other/.git", 0777);
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
  write_each();
  EXPECT_EQ(sorted(synced()), kNotTrusted);
}

TEST_F(HostileRulesTest, FilesOfOthersInATrustedRepositoryAreNotRead) {
  make_repository("in");
  home_.write("secret", "x\n");
  home_.write("in/.git/config", "[core]\nexcludesFile = " + home_.at("secret") + "\n");
  if (!give_away("in/.git/config") || !give_away("in/.git/info/exclude")) {
    GTEST_SKIP() << "only root can change owners";
  }
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
  write_each();
  EXPECT_EQ(sorted(synced()), (Told{"created file in/excluded", "created file in/x",
                                    "unreadable in/.git/config untrusted",
                                    "unreadable in/.git/info/exclude untrusted"}));
}

TEST_F(HostileRulesTest, ACommonDirectoryThatAFileOfOthersNamesIsNotRead) {
  make_repository("in");
  make_repository("other");
  home_.write("in/.git/info/exclude", "");
  home_.write("in/.git/commondir", "../../other/.git\n");
  if (!give_away("in/.git/commondir")) GTEST_SKIP() << "only root can change owners";
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
  write_each();
  EXPECT_EQ(sorted(synced()), (Told{"created file in/excluded", "created file in/x",
                                    "unreadable in/.git/commondir untrusted"}));
}

TEST_F(HostileRulesTest, FilesThatOthersMayWriteToOrPutIntoARepositoryAreNotRead) {
  for (const char* open : {"in/.git/info", "in/.git/info/exclude"}) {
    make_repository("in");
    home_.set_mode(open, 0777);
    ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
    write_each();
    EXPECT_EQ(sorted(synced()), (Told{"created file in/excluded", "created file in/x",
                                      "unreadable in/.git/info/exclude untrusted"}));
    ASSERT_EQ(watcher_.unwatch(home_.at("in")), std::nullopt);
    synced();
    home_.remove("in");
  }
}

// The owner of the work tree may have moved a file of the user there.
TEST_F(HostileRulesTest, AFileThatTheOwnerOfTheWorkTreeCannotReadIsNotReadThroughALink) {
  make_repository("in");
  home_.remove("in/.git/info/exclude");
  home_.write("in/rules", "excluded\n");
  home_.set_mode("in/rules", 0600);
  home_.symlink("../../rules", "in/.git/info/exclude");
  if (!give_away("in")) GTEST_SKIP() << "only root can change owners";
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
  write_each();
  EXPECT_EQ(sorted(synced()), (Told{"created file in/excluded", "created file in/x",
                                    "unreadable in/.git/info/exclude exdev"}));
}

TEST_F(HostileRulesTest, ARepositoryThatTheUserListsAsSafeCounts) {
  make_repository("in");
  home_.write("user/.gitconfig", "[safe]\ndirectory = " + home_.at("in") + "\n");
  if (!give_away("in") || !give_away("in/.git")) GTEST_SKIP() << "only root can change owners";
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
  write_each();
  EXPECT_EQ(synced(), kTrusted);
}

TEST_F(HostileRulesTest, ARepositoryCannotListItselfAsSafe) {
  make_repository("in");
  home_.write("in/.git/config", "[safe]\ndirectory = *\n");
  if (!give_away("in") || !give_away("in/.git")) GTEST_SKIP() << "only root can change owners";
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
  write_each();
  EXPECT_EQ(sorted(synced()), kNotTrusted);
}

TEST_F(HostileRulesTest, AGitThatAnotherUserPutIntoADirectoryAboveHidesNothing) {
  home_.directory(".git/info");
  home_.write(".git/info/exclude", "*\n");
  home_.write(".gitignore", "*\n");
  if (!give_away(".git") || !give_away(".gitignore")) {
    GTEST_SKIP() << "only root can change owners";
  }
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
  home_.write("in/x");
  EXPECT_EQ(sorted(synced()), (Told{"created file in/x", "unreadable .git untrusted"}));
}

TEST_F(HostileRulesTest, AnUntrustedGitBetweenARootAndItsRepositoryIsReportedOnce) {
  make_repository("in");
  home_.directory("in/mid/.git");
  home_.directory("in/mid/deep/.git");
  home_.directory("in/mid/deep/root/.git");
  for (const char* git : {"in/mid/.git", "in/mid/deep/.git", "in/mid/deep/root/.git"}) {
    if (!give_away(git)) GTEST_SKIP() << "only root can change owners";
  }
  ASSERT_EQ(watcher_.watch({home_.at("in/mid/deep/root")}, options_), std::nullopt);
  for (const char* name : {"excluded", "ignored", "x"}) {
    home_.write("in/mid/deep/root/" + std::string(name));
  }
  EXPECT_EQ(sorted(synced()),
            (Told{"created file in/mid/deep/root/x", "unreadable in/mid/.git untrusted",
                  "unreadable in/mid/deep/.git untrusted",
                  "unreadable in/mid/deep/root/.git untrusted"}));
}

TEST_F(HostileRulesTest, FilesAboveARootAreReadAndParsedInSteps) {
  std::string root = "in";
  make_repository(root);
  std::size_t slices = 0;
  for (int depth = 0; depth < 4; ++depth) {
    const std::string lines = patterns("above" + std::to_string(depth) + '.', 4000);
    home_.write(root + "/.gitignore", lines);
    RuleParser parser(lines);
    while (parser.step()) ++slices;
    root += "/d";
    home_.directory(root);
  }
  const std::uint64_t before = watcher_.engine().info().root_checks;
  ASSERT_EQ(watcher_.watch({home_.at(root)}, options_), std::nullopt);
  EXPECT_GE(watcher_.engine().info().root_checks - before, slices);
  EXPECT_GE(slices, 8U);
  for (const char* name : {"above0.7", "above3.7", "excluded", "x"}) {
    home_.write(root + '/' + name);
  }
  EXPECT_EQ(synced(), Told{"created file " + root + "/x"});
}

TEST_F(HostileRulesTest, ADirectoryInACheckoutOfAnotherUserHasTheGitignoreFilesAbove) {
  make_repository("in");
  home_.directory("in/lib");
  if (!give_away("in") || !give_away("in/.git")) GTEST_SKIP() << "only root can change owners";
  ASSERT_EQ(watcher_.watch({home_.at("in/lib")}, options_), std::nullopt);
  for (const char* name : {"in/lib/excluded", "in/lib/ignored", "in/lib/x"}) home_.write(name);
  EXPECT_EQ(sorted(synced()), (Told{"created file in/lib/excluded", "created file in/lib/x",
                                    "unreadable in/.git untrusted"}));
}

TEST_F(HostileRulesTest, LinksOfARepositoryAreNotFollowedOutOfIt) {
  make_repository("in");
  home_.write("secret", "guess\n");
  home_.write("shared", "x\n");
  home_.remove("in/.git/info/exclude");
  home_.symlink("../../../secret", "in/.git/info/exclude");
  home_.symlink("../../shared", "in/.git/config");
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
  home_.write("in/guess");
  EXPECT_EQ(sorted(synced()), (Told{"created file in/guess", "unreadable in/.git/config exdev",
                                    "unreadable in/.git/info/exclude exdev"}));
}

// Each check of a root costs a walk along its path.
TEST_F(HostileRulesTest, FilesAboveADeepRootTakeFewChecksOfIt) {
  constexpr int kDepth = 300;
  std::string root = "in";
  make_repository(root);
  for (int depth = 0; depth < kDepth; ++depth) root += "/d";
  home_.directory(root);
  const std::uint64_t before = watcher_.engine().info().root_checks;
  ASSERT_EQ(watcher_.watch({home_.at(root)}, options_), std::nullopt);
  EXPECT_LT(watcher_.engine().info().root_checks - before, kDepth / 10U);
  for (const char* name : {"excluded", "x"}) home_.write(root + '/' + name);
  EXPECT_EQ(synced(), Told{"created file " + root + "/x"});
}

// Runs `swap` when somebody opens a file for reading, which waits for that.
class WhenOpened {
 public:
  WhenOpened(const std::string& path, std::function<void()> swap)
      : group_(::fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY | O_CLOEXEC)) {
    if (!group_) return;
    if (::fanotify_mark(group_.get(), FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, path.c_str()) != 0) {
      group_.reset();
      return;
    }
    thread_ = std::thread([this, swap = std::move(swap)] {
      fanotify_event_metadata event{};
      if (::read(group_.get(), &event, sizeof event) != sizeof event) return;
      swap();
      const fanotify_response allow{event.fd, FAN_ALLOW};
      opened_ = ::write(group_.get(), &allow, sizeof allow) == sizeof allow;
      ::close(event.fd);
    });
  }
  ~WhenOpened() {
    if (thread_.joinable()) thread_.join();
  }
  WhenOpened(const WhenOpened&) = delete;
  WhenOpened& operator=(const WhenOpened&) = delete;

  bool possible() const { return static_cast<bool>(group_); }
  bool opened() {
    thread_.join();
    return opened_;
  }

 private:
  UniqueFd group_;
  bool opened_ = false;
  std::thread thread_;
};

TEST_F(HostileRulesTest, AGitThatIsSwappedWhileItIsReadIsNotTheOneThatWasChecked) {
  make_repository("in");
  make_repository("other");
  home_.write("in/rules", "excluded\n");
  home_.remove("in/.git/info/exclude");
  home_.symlink("../../rules", "in/.git/info/exclude");
  home_.write("in/.git/commondir");
  if (!give_away("other/.git")) GTEST_SKIP() << "only root can change owners";
  WhenOpened reading(home_.at("in/.git/commondir"), [this] {
    home_.move("in/.git", "in/before");
    home_.move("other/.git", "in/.git");
  });
  if (!reading.possible()) GTEST_SKIP() << "fanotify gives no permission events here";
  const UniqueFd in(::open(home_.at("in").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::vector<RuleFailure> failures;
  const RepositoryRules rules = read_repository(in.get(), failures);
  ASSERT_TRUE(reading.opened());
  EXPECT_TRUE(rules.begins);
  EXPECT_EQ(rules.info_exclude.content, "");
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_EQ(failures[0].file, ".git/info/exclude");
  EXPECT_EQ(failures[0].code, EXDEV);
}

// The configuration of the user is read between the check of the link and where it is followed.
TEST_F(HostileRulesTest, AGitLinkThatIsExchangedWhileItIsReadLeadsWhereTheCheckedOneLed) {
  make_repository("mine");
  make_repository("private");
  home_.write("private/.git/info/exclude", "secret\n");
  home_.write("user/.gitconfig", "[safe]\ndirectory = *\n");
  home_.symlink("../mine/.git", "in/.git");
  home_.symlink("../private/.git", "in/other");
  if (!give_away("in/.git")) GTEST_SKIP() << "only root can change owners";
  WhenOpened reading(home_.at("user/.gitconfig"),
                     [this] { home_.exchange("in/.git", "in/other"); });
  if (!reading.possible()) GTEST_SKIP() << "fanotify gives no permission events here";
  const UniqueFd in(::open(home_.at("in").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::vector<RuleFailure> failures;
  const RepositoryRules rules = read_repository(in.get(), failures);
  ASSERT_TRUE(reading.opened());
  EXPECT_EQ(rules.info_exclude.content, "excluded\n");
}

// An exchange between the resolution of a root's path and its use puts a link there.
TEST_F(HostileRulesTest, FilesAboveARootAreNotReadThroughALinkOnItsPath) {
  make_repository("private/shared");
  home_.symlink("../private", "in/link");
  const RemoteMounts mounts;
  const std::string path = home_.at("in/link/shared");
  const auto gitignore = read_gitignore(mounts, path);
  EXPECT_EQ(gitignore.rules.content, "");
  ASSERT_EQ(gitignore.failures.size(), 1U);
  EXPECT_EQ(gitignore.failures[0].code, ELOOP);
  EXPECT_FALSE(read_repository(mounts, path).rules.begins);
  EXPECT_EQ(read_gitignore(mounts, home_.at("private/shared")).rules.content, "ignored\n");
}

// An exchange while the path is resolved has it lead to a directory that is not the root.
TEST_F(HostileRulesTest, FilesAboveADirectoryThatIsNotTheRootDoNotCount) {
  make_repository("private");
  home_.directory("private/root");
  struct stat seen {};
  ASSERT_EQ(::stat(home_.at("private/root").c_str(), &seen), 0);
  for (const bool same : {true, false}) {
    const Tree tree;
    Visibility visibility(tree);
    RulesAbove above(home_.at("private/root"), {seen.st_dev, seen.st_ino + (same ? 0 : 1)});
    while (!above.done()) ASSERT_EQ(above.step(RemoteMounts(), visibility), std::nullopt);
    EXPECT_EQ(above.scope()->same_as(*Scope::empty()), !same);
  }
}

TEST_F(HostileRulesTest, ARepositoryIsNotTakenForNoneWhereThereAreNoDescriptors) {
  make_repository("in");
  const UniqueFd in(::open(home_.at("in").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  std::vector<RuleFailure> failures;
  read_repository(in.get(), failures);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_EQ(failures[0].code, EMFILE);
}

// However many there are: each check of a file or folder may be the one for which there is none.
TEST_F(HostileRulesTest, P1WhatCannotBeCheckedForLackOfDescriptorsIsNotTakenForUntrusted) {
  make_repository("in");
  home_.write("in/rules", "excluded\n");
  home_.write("in/.git/commondir", "../.git\n");
  home_.write("user/.gitconfig", "[safe]\ndirectory = *\n");
  for (const bool linked : {false, true}) {
    if (linked) {
      home_.remove("in/.git/commondir");
      home_.remove("in/.git/info/exclude");
      home_.symlink("../../rules", "in/.git/info/exclude");
    }
    const UniqueFd in(::open(home_.at("in").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    bool complete = false;
    for (rlim_t most = 0; !complete; ++most) {
      SCOPED_TRACE(most);
      ASSERT_LT(most, before.rlim_cur);
      const rlimit few{most, before.rlim_max};
      ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
      std::vector<RuleFailure> failures;
      const RepositoryRules rules = read_repository(in.get(), failures);
      ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
      for (const RuleFailure& failure : failures) EXPECT_EQ(failure.code, EMFILE) << failure.file;
      complete = failures.empty();
      if (complete) {
        EXPECT_EQ(rules.info_exclude.content, "excluded\n");
      }
    }
  }
}

TEST_F(HostileRulesTest, P1AFileWhoseAclCannotBeReadForLackOfMemoryIsReadLater) {
  make_repository("in");
  home_.write("in/rules", "excluded\n");
  home_.remove("in/.git/info/exclude");
  home_.symlink("../../rules", "in/.git/info/exclude");
  const UniqueFd in(::open(home_.at("in").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::vector<RuleFailure> failures;
  fail_xattrs(ENOMEM);
  read_gitignore(in.get(), failures);
  read_repository(in.get(), failures);
  fail_xattrs(EIO);
  read_gitignore(in.get(), failures);
  fail_xattrs(0);
  ASSERT_EQ(failures.size(), 3U);
  EXPECT_EQ(failures[0].code, ENOMEM);
  EXPECT_EQ(failures[1].code, ENOMEM);
  EXPECT_EQ(failures[2].code, kUntrusted);
}

TEST_F(HostileRulesTest, LinksWithinARepositoryAreFollowed) {
  make_repository("in");
  home_.remove("in/.git/info/exclude");
  home_.write("in/rules", "excluded\n");
  home_.symlink("../../rules", "in/.git/info/exclude");
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
  write_each();
  EXPECT_EQ(synced(), kTrusted);
}

TEST_F(HostileRulesTest, AFileWithTooManyPatternsDoesNotCount) {
  home_.write("in/.gitignore", patterns("x", RuleLimits{}.file_patterns + 1));
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
  home_.write("in/x1");
  EXPECT_EQ(sorted(synced()), (Told{"created file in/x1", "unreadable in/.gitignore efbig"}));
}

// A name in `in` would be compared with the stars of each file, at each of its bytes.
TEST_F(HostileRulesTest, RulesThatTogetherCostTooMuchForANameDoNotCount) {
  std::string stars;
  while (stars.size() < 4000) stars += "a*b*c*d*e\n";
  home_.directory("in/below");
  home_.write("in/.gitignore", stars);
  home_.write("in/below/.gitignore", stars + "x\n");
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
  for (const char* name : {"in/below/abcde", "in/below/x"}) home_.write(name);
  EXPECT_EQ(sorted(synced()),
            (Told{"created file in/below/x", "unreadable in/below/.gitignore efbig"}));
}

TEST_F(HostileRulesTest, FilesBeyondTheBudgetOfAllDoNotCount) {
  const RuleLimits limits;
  const std::size_t fit = limits.patterns / limits.file_patterns;
  for (std::size_t i = 0; i < fit + 2; ++i) {
    const std::string name = "in/" + std::to_string(i);
    home_.directory(name);
    home_.write(name + "/.gitignore", patterns(std::to_string(i) + '-', limits.file_patterns));
  }
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
  const Told told = synced();
  EXPECT_EQ(std::count_if(told.begin(), told.end(),
                          [](const std::string& line) { return line.ends_with(" efbig"); }),
            2);
}

TEST_F(HostileRulesTest, HardLinksToOneFileTakeTheBudgetOnce) {
  const RuleLimits limits;
  home_.write("rules", "x\n" + patterns("y", limits.file_patterns - 1));
  for (int i = 0; i < 100; ++i) {
    home_.directory("in/" + std::to_string(i));
    home_.link("rules", "in/" + std::to_string(i) + "/.gitignore");
  }
  watch({"in"}, options_);
  home_.write("in/0/x");
  home_.write("in/99/x");
  EXPECT_EQ(synced(), Told{});
}

TEST_F(HostileRulesTest, TheBudgetOfAFileThatIsGoneIsFreeAgain) {
  const RuleLimits limits;
  watch({"in"}, options_);
  for (std::size_t i = 0; i < 3 * limits.patterns / limits.file_patterns; ++i) {
    home_.save("in/.gitignore",
               "x\n" + patterns(std::to_string(i) + '-', limits.file_patterns - 1));
    home_.write("in/x");
    home_.remove("in/x");
    Told told = synced();
    ASSERT_EQ(std::count(told.begin(), told.end(), "unreadable in/.gitignore efbig"), 0) << i;
  }
}

// Each of them, however small, is searched for each name.
TEST_F(HostileRulesTest, ManySmallFilesOneBelowTheOtherDoNotCountWithoutEnd) {
  std::string endings = "x\n";
  for (std::size_t length = 1; length < 250; ++length) {
    endings += '*' + std::string(length, 'a') + "b\n";
  }
  home_.write("rules", endings);
  std::string deepest = "in";
  for (int depth = 0; depth < 40; ++depth) {
    home_.directory(deepest += "/d");
    home_.link("rules", deepest + "/.gitignore");
  }
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
  home_.write(deepest + "/x");
  const Told told = synced();
  EXPECT_EQ(std::count(told.begin(), told.end(), "unreadable " + deepest + "/.gitignore efbig"), 1);
}

// Whoever owns a file may keep others from opening it for as long as they have a lease (fcntl(2)).
TEST_F(HostileRulesTest, AFileWithALeaseHoldsNothingUpAndCountsLater) {
  std::signal(SIGIO, SIG_IGN);  // sent to the holder of the lease
  home_.write("in/.gitignore", "x\n");
  UniqueFd held(::open(home_.at("in/.gitignore").c_str(), O_RDWR | O_CLOEXEC));
  if (::fcntl(held.get(), F_SETLEASE, F_WRLCK) != 0) GTEST_SKIP() << "no leases here";
  ASSERT_EQ(watcher_.watch({home_.at("in")}, options_), std::nullopt);
  home_.write("in/x");
  EXPECT_EQ(sorted(synced()), (Told{"created file in/x", "unreadable in/.gitignore eagain"}));
  held.reset();
  watcher_.sync();
  EXPECT_EQ(synced(), Told{"deleted file in/x"});
}

TEST_F(HostileRulesTest, AFileThatIsNoGitFileBeginsNoRepository) {
  home_.write(".git", "moved here by somebody else\n");
  home_.write(".gitignore", "*\n");
  home_.directory("in/lib");
  ASSERT_EQ(watcher_.watch({home_.at("in/lib")}, options_), std::nullopt);
  home_.write("in/lib/y");
  EXPECT_EQ(synced(), Told{"created file in/lib/y"});
}

// A link to a file that others cannot read, or one that was moved there, shows by the names that it
// hides what it contains.
TEST_F(HostileRulesTest, AGitignoreThatWritersOfItsDirectoryCannotReadDoesNotCount) {
  struct Case {
    mode_t directory;
    uid_t directory_owner;
    mode_t file;
    uid_t file_owner;
    bool counts;
  };
  for (const Case& at :
       {Case{0755, 0, 0600, 0, true}, Case{0755, kOther, 0600, 0, false},
        Case{0755, kOther, 0600, kOther, true}, Case{01777, 0, 0600, 0, false},
        Case{01777, 0, 0644, 0, true}, Case{0775, 0, 0600, 0, false}, Case{0775, 0, 0640, 0, true},
        Case{0755, kOther, 0644, 0, true}, Case{0755, kOther, 0640, 0, false},
        Case{0755, kOther, 0604, 0, false}, Case{01777, 0, 0640, 0, false}}) {
    TempDirectory home;
    home.directory("in");
    home.write("in/.gitignore", "x\n");
    const std::string file = home.at("in/.gitignore");
    if (::chown(home.at("in").c_str(), at.directory_owner, 0) != 0 ||
        ::chown(file.c_str(), at.file_owner, 0) != 0) {
      GTEST_SKIP() << "only root can change owners";
    }
    ::chmod(file.c_str(), at.file);
    ::chmod(home.at("in").c_str(), at.directory);
    Watcher watcher(home.path());
    ASSERT_EQ(watcher.watch({home.at("in")}, options_), std::nullopt);
    home.write("in/x");
    watcher.sync();
    const Told hidden{};
    const Told shown{"created file in/x", "unreadable in/.gitignore untrusted"};
    EXPECT_EQ(sorted(watcher.told()), at.counts ? hidden : shown)
        << std::oct << at.directory << ' ' << at.directory_owner << ' ' << at.file << ' '
        << at.file_owner;
  }
}

// Gives `user` the permissions `granted`, and all others what the mode says.
bool set_acl(const std::string& path, uid_t user, std::uint16_t granted) {
  struct stat seen {};
  if (::stat(path.c_str(), &seen) != 0) return false;
  struct {
    posix_acl_xattr_header header{htole32(POSIX_ACL_XATTR_VERSION)};
    std::array<posix_acl_xattr_entry, 5> entries{};
  } acl;
  const auto entry = [](int tag, unsigned permissions, std::uint32_t id) {
    return posix_acl_xattr_entry{htole16(static_cast<std::uint16_t>(tag)),
                                 htole16(static_cast<std::uint16_t>(permissions & 7)), htole32(id)};
  };
  constexpr auto kNobody = static_cast<std::uint32_t>(ACL_UNDEFINED_ID);
  acl.entries = {entry(ACL_USER_OBJ, seen.st_mode >> 6, kNobody), entry(ACL_USER, granted, user),
                 entry(ACL_GROUP_OBJ, seen.st_mode >> 3, kNobody), entry(ACL_MASK, 7, kNobody),
                 entry(ACL_OTHER, seen.st_mode, kNobody)};
  return ::setxattr(path.c_str(), "system.posix_acl_access", &acl, sizeof acl, 0) == 0;
}

TEST_F(HostileRulesTest, AGitignoreThatWritersByAnAclCannotReadDoesNotCount) {
  constexpr std::uint16_t kAll = 7;
  struct Case {
    const char* with_acl;
    std::uint16_t granted;
    mode_t file;
    bool counts;
  };
  for (const Case& at :
       {Case{"in", kAll, 0600, false}, Case{"in", kAll, 0640, false}, Case{"in", kAll, 0644, true},
        Case{"in/.gitignore", kAll, 0600, false}, Case{"in/.gitignore", kAll, 0644, true},
        Case{"in/.gitignore", 0, 0644, false}}) {
    TempDirectory home;
    home.directory("in");
    home.write("in/.gitignore", "x\n");
    home.set_mode("in", 0755);
    home.set_mode("in/.gitignore", at.file);
    if (!set_acl(home.at(at.with_acl), kOther, at.granted)) GTEST_SKIP() << "no ACLs here";
    const UniqueFd in(::open(home.at("in").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    std::vector<RuleFailure> failures;
    EXPECT_EQ(read_gitignore(in.get(), failures).content, at.counts ? "x\n" : "")
        << at.with_acl << ' ' << at.granted << ' ' << std::oct << at.file;
    EXPECT_EQ(failures.size(), at.counts ? 0U : 1U);
    for (const RuleFailure& failure : failures) EXPECT_EQ(failure.code, kUntrusted);
  }
}

}  // namespace
}  // namespace lookout
