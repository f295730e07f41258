#include "support/error.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "support/answered_errno.h"

namespace lookout {
namespace {

TEST(Error, NamesAnErrnoInLowerCase) {
  EXPECT_EQ(errno_name(ENOENT), "enoent");
  EXPECT_EQ(errno_name(EOVERFLOW), "eoverflow");
}

TEST(Error, GivesOneReasonToEveryErrnoWithoutANameAndItsNumberInTheDetail) {
  EXPECT_EQ(errno_name(12345), "errno_unknown");
  EXPECT_EQ(errno_name(-1), "errno_unknown");
  EXPECT_EQ(errno_error(12345, "open", "/a").detail, "unknown error 12345");
}

// No text has the bit that marks an errno of a remote mount.
TEST(Error, NamesAnErrnoThatAMountHasAnsweredAsAnyOther) {
  EXPECT_EQ(errno_name(EAGAIN | kAnswered), "eagain");
  EXPECT_EQ(errno_error(EIO | kAnswered, "open", "/a").detail, "Input/output error");
}

TEST(Error, KeepsOperationAndPathAsTheyAre) {
  const std::string path("/a\nb\xff", 5);
  const Error error = errno_error(EIO, "read", path);
  EXPECT_EQ(error.reason, "eio");
  EXPECT_EQ(error.code, EIO);
  EXPECT_EQ(error.operation, "read");
  EXPECT_EQ(error.path, path);
  EXPECT_EQ(error.detail, "Input/output error");
}

TEST(Error, SaysWhatToDoWhereSomethingCanBeDone) {
  const auto advises = [](int code, const char* what) {
    return errno_error(code, "open", "/a").detail.find(what) != std::string::npos;
  };
  EXPECT_TRUE(advises(ENOENT, "create it"));
  EXPECT_TRUE(advises(EACCES, "grant"));
  EXPECT_TRUE(advises(EPERM, "grant"));
  EXPECT_TRUE(advises(ENOTDIR, "parent"));
  EXPECT_TRUE(advises(ELOOP, "leads back to itself"));
  EXPECT_TRUE(advises(ELOOP, "namei -l"));
  EXPECT_TRUE(advises(ENOSPC, "fs.inotify.max_user_watches"));
  EXPECT_NE(errno_error(ENOSPC, "epoll_ctl", "").detail.find("fs.epoll.max_user_watches"),
            std::string::npos);
  EXPECT_TRUE(advises(EMFILE, "fs.inotify.max_user_instances"));
  EXPECT_TRUE(advises(ENFILE, "table of open files"));
}

}  // namespace
}  // namespace lookout
