// No path leads to a call on a hung mount that the event loop itself makes (P5).
#include "watch/disk/remote_mounts.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdlib>
#include <future>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>

#include "support/fd_link.h"
#include "support/unique_fd.h"
#include "watch/disk/disk.h"
#include "watch/disk/mount_watch.h"
#include "watch/disk/open_directory.h"
#include "watch/disk/path_walk.h"
#include "watch/disk/remote_calls.h"
#include "watch/hung_mount.h"
#include "watch/own_mounts.h"

namespace lookout {
namespace {

class RemoteMountsTest : public OwnMountsTest {
 protected:
  // Runs `body` with a mount at "remote" that answers no call.
  template <class Body>
  void with_hung_mount(Body body) {
    home_.directory("remote");
    home_.directory("local");
    home_.write("local/file");
    apart([&] {
      HungMount mount(home_.at("remote"));
      if (!mount.mounted()) {
        std::cerr << "there is no FUSE here\n";
        std::_Exit(0);
      }
      MountWatch table;
      table.changes();
      RemoteMounts mounts;
      mounts.load(table.mounts(), table.types());
      EXPECT_FALSE(mounts.none());
      mount.hold();
      body(mount, mounts);
      mount.end_server();
    });
  }

  DirectoryFd opened(int at, const std::string& name) {
    UniqueFd fd(::openat(at, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    EXPECT_TRUE(fd);
    return std::make_shared<const OpenDirectory>(std::move(fd), 0755);
  }
};

// As when a directory was replaced by a link after its mount was determined.
TEST_F(RemoteMountsTest, P5AComponentThatIsALinkByNowIsNotFollowed) {
  home_.symlink(home_.at("remote"), "link");
  with_hung_mount([&](HungMount& mount, const RemoteMounts& mounts) {
    const auto step = mounts.step(home_.at("link/d"));
    EXPECT_FALSE(mount.holds_calls());
    ASSERT_TRUE(step.has_value());
    EXPECT_EQ(step->kind, PathStep::Kind::missing);
    EXPECT_EQ(mounts.step(home_.at("link"))->kind, PathStep::Kind::link);
    EXPECT_EQ(mounts.step(home_.at("local"))->kind, PathStep::Kind::directory);
    EXPECT_EQ(mounts.step(home_.at("local/file"))->kind, PathStep::Kind::other);
  });
}

// The kernel gives no path of more than 4,095 bytes.
TEST_F(RemoteMountsTest, P5ALinkInADirectoryOfUnknownPathIsFollowedOnAnotherThread) {
  with_hung_mount([&](HungMount& mount, const RemoteMounts& mounts) {
    const std::string name(250, 'n');
    DirectoryFd at = opened(AT_FDCWD, home_.at("local"));
    for (int depth = 0; depth < PATH_MAX / 250 + 1; ++depth) {
      ASSERT_EQ(::mkdirat(at->get(), name.c_str(), 0755), 0);
      at = opened(at->get(), name);
    }
    ASSERT_EQ(path_of(at->get()), "");
    ASSERT_EQ(::symlinkat(home_.at("remote/d").c_str(), at->get(), "hung"), 0);
    ASSERT_EQ(::symlinkat(home_.at("local").c_str(), at->get(), "fine"), 0);
    const auto fine = stat_target(mounts, at, "fine");
    ASSERT_TRUE(std::holds_alternative<FileStatus>(fine));
    EXPECT_EQ(std::get<FileStatus>(fine).type, EntryType::directory);
    const Opening local = open_directory(mounts, at, "fine", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    EXPECT_EQ(local.code, 0);
    EXPECT_FALSE(local.remote);
    const auto hung = stat_target(mounts, at, "hung");
    EXPECT_TRUE(mount.holds_calls());
    ASSERT_TRUE(std::holds_alternative<int>(hung));
    EXPECT_TRUE(is_transient(std::get<int>(hung)) || std::get<int>(hung) == ETIMEDOUT);
  });
}

TEST_F(RemoteMountsTest, LinksToLocalEntriesAreFollowedAsWithoutRemoteMounts) {
  home_.symlink("local", "link");
  home_.symlink("missing", "dangling");
  home_.symlink("local/file/below", "through_file");
  with_hung_mount([&](HungMount& mount, const RemoteMounts& mounts) {
    const DirectoryFd home = opened(AT_FDCWD, home_.path());
    const RemoteMounts none;
    for (const char* name : {"link", "local", "local/file"}) {
      const auto seen = stat_target(mounts, home, name);
      const auto expected = stat_target(none, home, name);
      ASSERT_TRUE(std::holds_alternative<FileStatus>(seen)) << name;
      EXPECT_EQ(std::get<FileStatus>(seen).identity, std::get<FileStatus>(expected).identity)
          << name;
      EXPECT_TRUE(std::get<FileStatus>(seen).linked) << name;
    }
    for (const char* name : {"dangling", "through_file"}) {
      EXPECT_EQ(std::get<int>(stat_target(mounts, home, name)), ENOENT) << name;
    }
    EXPECT_FALSE(mount.holds_calls());
  });
}

// Each thread that is left behind holds a descriptor, too. Nothing ends them but the server.
TEST(LeftMountsTest, P5P8BeyondTheLimitOfThreadsThatAreLeftBehindAnotherMountDoesNotAnswer) {
  RemoteMounts mounts;
  std::atomic<int> freed{0};
  mounts.notify([&freed] { ++freed; });
  auto mount_another = [&mounts, number = 0]() mutable {
    mounts.load({{"/m", std::to_string(++number)}}, {{"/m", "nfs"}});
    return mounts.at("/m");
  };
  std::promise<void> server;
  const auto stuck = [answers = server.get_future().share()] {
    answers.wait();
    return 0;
  };
  RemoteMounts::Pointer mount = mount_another();
  for (std::size_t i = 0; i < EndedThreads::kMax; ++i) {
    EXPECT_EQ(mount->ask("a", stuck), std::nullopt) << i;
    mount = mount_another();
  }
  const auto never = [] {
    ADD_FAILURE() << "it was made";
    return 0;
  };
  EXPECT_EQ(mount->ask("a", never), std::nullopt);
  EXPECT_EQ(mount->code(), EAGAIN);
  EXPECT_FALSE(mount->prompt());
  while (!mount->hung()) std::this_thread::yield();
  EXPECT_EQ(mount->ask("a", never), std::nullopt);
  EXPECT_EQ(mount->code(), ETIMEDOUT);
  // What one that was unmounted has opened is closed all the same.
  auto opened = std::make_shared<int>(0);
  const std::weak_ptr<int> watched = opened;
  mount_another();
  mount->discard(std::move(opened));
  while (!watched.expired()) std::this_thread::yield();
  mount = mounts.at("/m");
  EXPECT_EQ(mount->ask("a", never), std::nullopt);
  server.set_value();
  while (freed == 0) std::this_thread::yield();
  EXPECT_TRUE(mount->prompt());
  while (mount->ask("a", [] { return 1; }) != 1) std::this_thread::yield();
  EXPECT_FALSE(mount->hung());
}

}  // namespace
}  // namespace lookout
