// Whose shortage an errno is, that of this process or of a server: see watch/disk/remote_answer.h.
#include "watch/disk/remote_answer.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cerrno>

#include "support/answered_errno.h"

namespace lookout {
namespace {

TEST(RemoteAnswerTest, P3AShortageThatThisProcessDoesNotHaveIsThatOfTheServer) {
  EXPECT_EQ(answered(EMFILE), EMFILE | kAnswered);
  EXPECT_EQ(answered(EAGAIN), EAGAIN | kAnswered);
  EXPECT_EQ(plain_errno(answered(EMFILE)), EMFILE);
}

TEST(RemoteAnswerTest, AnErrorThatIsNotTransientIsLeftAsItIs) {
  EXPECT_EQ(answered(EACCES), EACCES);
  EXPECT_EQ(answered(0), 0);
}

TEST(RemoteAnswerTest, P1WithoutDescriptorsOfItsOwnThisProcessTriesAgain) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const int code = answered(EMFILE);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(code, EMFILE);
}

}  // namespace
}  // namespace lookout
