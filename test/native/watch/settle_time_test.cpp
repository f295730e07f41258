#include "watch/settle_time.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>

namespace lookout {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

class SettleTimeTest : public testing::Test {
 protected:
  boost::asio::io_context io_;
  SettleTime settle_{io_, [] {}};
};

TEST_F(SettleTimeTest, NothingWaitsWithoutOne) {
  settle_.event_arrived();
  EXPECT_TRUE(settle_.is_over());
}

TEST_F(SettleTimeTest, AChangeWaitsForItFromItsHintOn) {
  settle_.set(hours(1));
  settle_.event_arrived();
  EXPECT_FALSE(settle_.is_over());
  settle_.set(milliseconds(0));
  EXPECT_TRUE(settle_.is_over());
}

TEST_F(SettleTimeTest, OneThatIsSetWhileAChangeWaitsHoldsForItToo) {
  settle_.event_arrived();
  settle_.set(hours(1));
  EXPECT_FALSE(settle_.is_over());
}

TEST_F(SettleTimeTest, AChangeWaitsNoLongerThanTheLongestTimeHoweverManyFollow) {
  settle_.set(hours(1));
  settle_.set_longest(milliseconds(0));
  settle_.event_arrived();
  EXPECT_TRUE(settle_.is_over());
  settle_.set_longest(hours(1));
  EXPECT_FALSE(settle_.is_over());
}

}  // namespace
}  // namespace lookout
