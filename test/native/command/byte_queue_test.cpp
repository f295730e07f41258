#include "command/byte_queue.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace lookout {
namespace {

TEST(ByteQueue, GivesEveryByteOnceAndInOrder) {
  ByteQueue queue;
  std::string given;
  std::string expected;
  for (std::size_t i = 0; i < 200; ++i) {
    const std::string part(i % 7, static_cast<char>('a' + i % 26));
    expected += part;
    queue.append(part);
    const std::size_t count = std::min<std::size_t>(i % 5, queue.waiting().size());
    given += queue.waiting().substr(0, count);
    queue.take(count);
  }
  given += queue.waiting();
  EXPECT_EQ(given, expected);
  queue.clear();
  EXPECT_EQ(queue.waiting(), "");
}

TEST(ByteQueue, P3MemoryIsBoundedByWhatWaitsAlsoWhereItIsNeverEmpty) {
  constexpr std::size_t kMax = std::size_t{256} * 1024;
  ByteQueue queue;
  queue.append(std::string(kMax, 'x'));
  const std::string part(1000, 'x');
  for (std::size_t streamed = 0; streamed < 64 * kMax; streamed += part.size()) {
    queue.take(part.size());
    queue.append(part);
    ASSERT_LE(queue.memory(), 4 * kMax);
  }
}

}  // namespace
}  // namespace lookout
