#include "watch/own_mounts.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <fstream>

namespace lookout {
namespace {

constexpr unsigned kLongest = 100;  // seconds

}  // namespace

bool enter_own_mounts() {
  const std::string user = std::to_string(::geteuid());
  const std::string group = std::to_string(::getegid());
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  const auto put = [](const char* path, const std::string& text) {
    std::ofstream file(path);
    file << text << std::flush;
    return file.good();
  };
  return put("/proc/self/uid_map", "0 " + user + " 1") && put("/proc/self/setgroups", "deny") &&
         put("/proc/self/gid_map", "0 " + group + " 1") &&
         ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

void unmount(const std::string& path, int flags) {
  EXPECT_EQ(::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW | flags), 0);
}

void OwnMountsTest::SetUp() {
  const pid_t child = ::fork();
  if (child == 0) std::_Exit(enter_own_mounts() ? 0 : 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (status != 0) GTEST_SKIP() << "nothing can be mounted here, for want of user namespaces";
}

int OwnMountsTest::run(const std::function<void()>& body) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::alarm(kLongest);  // a call that nothing ends is a failure
  if (!enter_own_mounts()) return 2;
  try {
    body();
  } catch (const std::exception& error) {
    ADD_FAILURE() << error.what();
  }
  const auto& result = *testing::UnitTest::GetInstance()->current_test_info()->result();
  for (int i = 0; i < result.total_part_count(); ++i) {
    std::cerr << result.GetTestPartResult(i).message() << '\n';
  }
  return testing::Test::HasFailure() ? 1 : 0;
}

}  // namespace lookout
