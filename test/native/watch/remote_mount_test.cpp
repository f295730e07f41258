#include "watch/disk/remote_mount.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <future>
#include <memory>
#include <thread>

namespace lookout {
namespace {

// A call that is out until the test says so.
class StuckCall {
 public:
  auto call(int answer) {
    return [done = done_, answer] {
      done.wait();
      return answer;
    };
  }
  void end() { end_.set_value(); }

 private:
  std::promise<void> end_;
  std::shared_future<void> done_ = end_.get_future().share();
};

class RemoteMountTest : public testing::Test {
 protected:
  RemoteMountTest() : mount_(waits_, [this] { answered_.release(); }) {}
  ~RemoteMountTest() override { mount_.end(); }

  // Counted, so that none is missed.
  class Signal {
   public:
    void release() {
      ++count_;
      count_.notify_all();
    }
    void acquire() {
      count_.wait(0);
      --count_;
    }

   private:
    std::atomic<int> count_{0};
  };

  Signal answered_;
  RemoteWaits waits_;
  RemoteMount mount_;
};

TEST_F(RemoteMountTest, AnAnswerInTimeIsGiven) {
  EXPECT_EQ(mount_.ask("a", [] { return 1; }), 1);
  EXPECT_EQ(mount_.ask("a", [] { return 2; }), 2);
  EXPECT_EQ(*mount_.ask("b", [] { return std::make_unique<int>(3); }).value(), 3);
}

TEST_F(RemoteMountTest, WhileACallIsOutNoOtherIsMadeAndNoneWaits) {
  StuckCall stuck;
  EXPECT_EQ(mount_.ask("a", stuck.call(1)), std::nullopt);
  const auto never = [] {
    ADD_FAILURE() << "it was made";
    return 0;
  };
  EXPECT_EQ(mount_.ask("b", never), std::nullopt);
  EXPECT_EQ(mount_.ask("a", never), std::nullopt);
  EXPECT_EQ(mount_.code(), EAGAIN);
  while (!mount_.hung()) std::this_thread::yield();
  EXPECT_EQ(mount_.code(), ETIMEDOUT);
  stuck.end();
  answered_.acquire();
  EXPECT_FALSE(mount_.hung());
}

TEST_F(RemoteMountTest, ALateAnswerIsForWhoAsksTheSame) {
  StuckCall stuck;
  EXPECT_EQ(mount_.ask("a", stuck.call(1)), std::nullopt);
  stuck.end();
  answered_.acquire();
  const auto never = [] {
    ADD_FAILURE() << "it was made";
    return 0;
  };
  EXPECT_EQ(mount_.ask("a", never), 1);
}

TEST_F(RemoteMountTest, ALateAnswerIsNotForWhoAsksAfterWhatMayHaveChangedIt) {
  for (const bool before : {true, false}) {
    SCOPED_TRACE(before);
    StuckCall stuck;
    EXPECT_EQ(mount_.ask("a", stuck.call(1)), std::nullopt);
    if (before) mount_.forget_answers();
    stuck.end();
    answered_.acquire();
    if (!before) mount_.forget_answers();
    // None is waited for until one has come in time.
    while (mount_.ask("other", [] { return 0; }) != 0) answered_.acquire();
    EXPECT_EQ(mount_.ask("a", [] { return 2; }), 2);
  }
}

TEST_F(RemoteMountTest, WhatACallOwnsLivesUntilItIsDone) {
  auto owned = std::make_shared<int>(1);
  const std::weak_ptr<int> watched = owned;
  StuckCall stuck;
  {
    RemoteMount mount(waits_, [] {});
    EXPECT_EQ(mount.ask("a", [owned = std::move(owned), call = stuck.call(1)] { return call(); }),
              std::nullopt);
  }
  EXPECT_FALSE(watched.expired()) << "the mount is gone, the call is not";
  stuck.end();
  while (!watched.expired()) std::this_thread::yield();
}

// It may hold a descriptor, which would keep the mount busy for ever.
TEST_F(RemoteMountTest, AnAnswerThatNobodyAsksForAnyMoreIsDropped) {
  StuckCall stuck;
  std::promise<void> dropped;
  const auto call = [call = stuck.call(0), &dropped] {
    call();
    return std::shared_ptr<int>(new int(0), [&dropped](const int* held) {
      delete held;
      dropped.set_value();
    });
  };
  EXPECT_FALSE(mount_.ask("open", call));
  stuck.end();
  answered_.acquire();
  EXPECT_EQ(dropped.get_future().wait_for(3 * RemoteMount::kValid), std::future_status::ready);
}

TEST_F(RemoteMountTest, NothingIsAskedOfOneThatIsMountedNoMore) {
  mount_.end();
  EXPECT_EQ(mount_.ask("a", [] { return 1; }), std::nullopt);
  EXPECT_EQ(mount_.code(), EAGAIN) << "its place is to be checked at again";
}

}  // namespace
}  // namespace lookout
