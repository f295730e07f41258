// Single system calls of lookout_port fail: what was once broken by it. All of them:
// lookout_inject.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "inject/errnos.h"
#include "inject/trial.h"

namespace lookout::inject {
namespace {

class FailingCall : public ::testing::Test {
 protected:
  static Outcome run(Work work, const std::string& call, int error, std::uint64_t number,
                     const std::string& backend = "auto", bool for_ever = false) {
    TrialOptions options;
    options.backend = backend;
    options.port = std::filesystem::canonical(LOOKOUT_PORT);
    options.work = work;
    options.directory = std::filesystem::temp_directory_path();
    options.seed = number;
    options.rule = {{call_number(call)},
                    error,
                    number,
                    for_ever ? UINT64_MAX : number,
                    1,
                    [error](const Call& each) { return is_plausible(each, error); }};
    return run_trial(options);
  }

  // The first call fails, then the second alone, and so on: each time all promises are kept.
  static void each_fails(Work work, const std::string& call, int error, std::uint64_t most,
                         const std::function<void(const Outcome&)>& check = nullptr) {
    try {
      for (std::uint64_t number = 1; number <= most; ++number) {
        const Outcome outcome = run(work, call, error, number);
        SCOPED_TRACE(call + " number " + std::to_string(number));
        EXPECT_EQ(outcome.failure, "");
        if (outcome.injected == 0) return;
        if (check) check(outcome);
      }
    } catch (const Unavailable& reason) {
      GTEST_SKIP() << "no system call can be made to fail here: " << reason.what();
    }
  }

  static void go_unnoticed(const Outcome& outcome) { EXPECT_EQ(outcome.seen, "kept"); }

  // Where it has begun it goes on.
  static void go_on(const Outcome& outcome) {
    EXPECT_TRUE(!outcome.ended || outcome.seen.starts_with("did not start")) << outcome.seen;
  }

  static std::string binary(const std::string& text) { return "\"" + text + "\""; }
};

TEST(EachCall, P5ASettledWatcherMakesNoSystemCall) {
  TrialOptions options;
  options.port = std::filesystem::canonical(LOOKOUT_PORT);
  options.directory = std::filesystem::temp_directory_path();
  try {
    const Outcome outcome = run_trial(options);
    EXPECT_EQ(outcome.failure, "");
    EXPECT_FALSE(outcome.counts.empty());
  } catch (const Unavailable& reason) {
    GTEST_SKIP() << "system calls cannot be counted here: " << reason.what();
  }
}

TEST_F(FailingCall, GuardianThatCouldNotNoticeTheEndOfItsCommandStartsNone) {
  each_fails(Work::command, "signalfd4", EMFILE, 1, [](const Outcome& outcome) {
    EXPECT_NE(outcome.seen.find("{:emfile, :guard, "), std::string::npos) << outcome.seen;
  });
}

TEST_F(FailingCall, ReportsOfAGuardianAndOrdersToItAreSentAgainWhereTheKernelHasNoMemory) {
  each_fails(Work::command, "sendto", ENOBUFS, 10, go_unnoticed);
}

TEST_F(FailingCall, ReportsOfAGuardianAndOrdersToItAreReceivedAgainWhereTheKernelHasNoMemory) {
  each_fails(Work::command, "recvfrom", ENOMEM, 10, go_unnoticed);
}

TEST_F(FailingCall, CommandWhoseStartCannotBeReportedIsEndedAndTheSpawnAnswered) {
  try {
    const Outcome outcome = run(Work::ended, "sendto", ENOBUFS, 1, "auto", true);
    EXPECT_EQ(outcome.failure, "");
    EXPECT_NE(outcome.seen.find(":guardian_killed"), std::string::npos) << outcome.seen;
  } catch (const Unavailable& reason) {
    GTEST_SKIP() << "no system call can be made to fail here: " << reason.what();
  }
}

TEST_F(FailingCall, InterruptedWriteOfAMessageOrOfALaunchIsMadeAgain) {
  each_fails(Work::command, "write", EINTR, 10, go_unnoticed);
}

TEST_F(FailingCall, InterruptedReadLosesNoOutputAndNoLaunch) {
  each_fails(Work::command, "read", EINTR, 26, go_unnoticed);
}

// The user's share of what epoll may watch is used up.
TEST_F(FailingCall, SpawnHasAnErrorWhereTheLoopTakesNoMoreDescriptors) {
  each_fails(Work::command, "epoll_ctl", ENOSPC, 10, go_on);
}

TEST_F(FailingCall, WatchHasAnErrorWhereTheLoopTakesNoMoreDescriptors) {
  each_fails(Work::watch, "epoll_ctl", ENOSPC, 6, go_on);
}

TEST_F(FailingCall, CgroupThatIsBusyForAMomentIsRemovedByTheGuardian) {
  each_fails(Work::killed, "rmdir", EBUSY, 2);
}

TEST_F(FailingCall, CgroupThatCannotBeOpenedIsRemoved) {
  each_fails(Work::ended, "openat", EMFILE, 12);
}

TEST_F(FailingCall, SignalThatIsRefusedIsReportedAndNotTakenForSent) {
  each_fails(Work::command, "kill", EPERM, 6);
}

TEST_F(FailingCall, FanotifyThatIsRefusedForWantOfDescriptorsIsTriedAgain) {
  try {
    if (!run(Work::watch, "setsid", EPERM, 1, "fanotify").failure.empty()) {
      GTEST_SKIP() << "fanotify may not be used here";
    }
    EXPECT_EQ(run(Work::watch, "fanotify_init", EMFILE, 1, "fanotify").failure, "");
  } catch (const Unavailable& reason) {
    GTEST_SKIP() << "no system call can be made to fail here: " << reason.what();
  }
}

TEST_F(FailingCall, TerminalWithoutItsSizeIsAnError) {
  each_fails(Work::command, "ioctl", EIO, 8);
}

}  // namespace
}  // namespace lookout::inject
