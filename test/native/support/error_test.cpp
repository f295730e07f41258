#include "support/error.h"

#include <gtest/gtest.h>

#include <cerrno>

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

TEST(Error, KeepsOperationAndPathAsTheyAre) {
  const std::string path("/a\nb\xff", 5);
  const Error error = errno_error(EIO, "read", path);
  EXPECT_EQ(error.reason, "eio");
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
  EXPECT_TRUE(advises(ENOSPC, "fs.inotify.max_user_watches"));
  EXPECT_TRUE(advises(EMFILE, "fs.inotify.max_user_instances"));
  EXPECT_TRUE(advises(ENFILE, "table of open files"));
}

}  // namespace
}  // namespace lookout
