#include "watch/disk/safe_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <string>
#include <thread>

#include "watch/temp_directory.h"

namespace lookout {
namespace {

// For the calling thread, for good.
bool forbid_openat2(unsigned code) {
  std::array<sock_filter, 4> program{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | code),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter{program.size(), program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

class SafeFileTest : public testing::Test {
 protected:
  SafeFileTest() {
    home_.directory("a/b");
    home_.write("a/b/file", "text");
    home_.symlink("b", "a/link");
    home_.symlink("file", "a/b/link");
  }

  int code_of(const std::string& name, Links links) const {
    return open_path(AT_FDCWD, home_.at(name), links).code;
  }
  std::string text_of(const std::string& name, Links links) const {
    return read_text(open_path(AT_FDCWD, home_.at(name), links), 100).text;
  }

  void expect_that_links_are_refused() const {
    EXPECT_EQ(text_of("a/b/file", Links::refused), "text");
    EXPECT_EQ(code_of("a", Links::refused), 0);
    EXPECT_EQ(code_of("a/link/file", Links::refused), ELOOP);
    EXPECT_EQ(code_of("a/link", Links::refused), ELOOP);
    EXPECT_EQ(code_of("a/b/link", Links::refused), ELOOP);
    EXPECT_EQ(code_of("a/none/file", Links::refused), ENOENT);
    EXPECT_EQ(code_of("a/b/file/none", Links::refused), ENOTDIR);
  }

  TempDirectory home_;
};

TEST_F(SafeFileTest, APathWithALinkIsRefused) {
  expect_that_links_are_refused();
}

TEST_F(SafeFileTest, APathWithALinkIsRefusedWithoutOpenat2Too) {
  for (const int code : {ENOSYS, EPERM}) {
    std::thread([this, code] {
      if (!forbid_openat2(static_cast<unsigned>(code))) GTEST_SKIP() << "no seccomp here";
      expect_that_links_are_refused();
    }).join();
  }
}

TEST_F(SafeFileTest, AFileBelowADirectoryIsReadWithoutOpenat2Too) {
  std::thread([this] {
    if (!forbid_openat2(ENOSYS)) GTEST_SKIP() << "no seccomp here";
    const SafePath a = open_path(AT_FDCWD, home_.at("a"), Links::none);
    EXPECT_EQ(read_text(open_path(a.fd.get(), "b/file", Links::beneath), 100).text, "text");
    EXPECT_EQ(open_path(a.fd.get(), "link/file", Links::beneath).code, ELOOP);
  }).join();
}

TEST_F(SafeFileTest, APathIsFollowedAsTheKernelDoes) {
  home_.symlink(home_.at("a/b"), "absolute");
  home_.symlink("loop", "loop");
  const auto all = [](const SafePath&) { return true; };
  const UniqueFd home(::open(home_.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (const char* path :
       {"a", "a/", "a//b/./file", "a/b/../link/link", "absolute/link", "absolute/../link", "..",
        ".", "/", "", "loop", "loop/x", "a/b/file/..", "a/b/file/.", "none/..", "absolute/"}) {
    const SafePath expected = open_path(home.get(), path, Links::all);
    const SafePath found = open_path(home.get(), path, all);
    EXPECT_EQ(found.code, expected.code) << path;
    EXPECT_EQ(found.seen.st_ino, expected.seen.st_ino) << path;
  }
  EXPECT_EQ(open_path(home.get(), std::string(5000, 'x'), all).code, ENAMETOOLONG);
}

// A path to `end` that passes the directory `a` this many times.
std::string there_and_back(std::size_t times, const std::string& end) {
  std::string path;
  for (std::size_t i = 0; i < times; ++i) path += "a/../";
  return path + end;
}

TEST_F(SafeFileTest, LinksAreFollowedThroughALimitedNumberOfComponents) {
  const auto all = [](const SafePath&) { return true; };
  const UniqueFd home(::open(home_.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  home_.symlink(there_and_back(199, "a"), "shorter");  // 399 components
  home_.symlink(there_and_back(199, "a/b"), "longest");
  home_.symlink(there_and_back(200, "a"), "longer");
  home_.symlink(there_and_back(100, "shorter"), "chain");
  EXPECT_EQ(open_path(home.get(), "shorter/b", all).seen.st_ino, home_.inode("a/b"));
  EXPECT_EQ(open_path(home.get(), "longest", all).seen.st_ino, home_.inode("a/b"));
  EXPECT_EQ(open_path(home.get(), "longest/file", all).code, ELOOP);
  EXPECT_EQ(open_path(home.get(), "longer", all).code, ELOOP);
  EXPECT_EQ(open_path(home.get(), "chain", all).code, ELOOP);
  EXPECT_EQ(open_path(home.get(), there_and_back(500, "a/b"), all).seen.st_ino, home_.inode("a/b"))
      << "no link";
}

TEST_F(SafeFileTest, ALinkThatIsNotFollowedIsWhatThePathLeadsTo) {
  const auto followed = [this](const SafePath& link) {
    return link.seen.st_ino != home_.inode("a/b/link");
  };
  const SafePath found = open_path(AT_FDCWD, home_.at("a/link/link"), followed);
  EXPECT_EQ(found.code, 0);
  EXPECT_EQ(found.seen.st_ino, home_.inode("a/b/link"));
  EXPECT_EQ(target_of(found), "file");
}

}  // namespace
}  // namespace lookout
