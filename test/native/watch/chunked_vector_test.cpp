#include "watch/chunked_vector.h"

#include <gtest/gtest.h>

#include <vector>

namespace lookout {
namespace {

TEST(ChunkedVector, IsEmptyAtFirst) {
  const ChunkedVector<int> none;
  EXPECT_EQ(none.size(), 0U);
}

TEST(ChunkedVector, ReturnsTheIndexOfWhatIsAppended) {
  ChunkedVector<int, 2> numbers;
  for (std::size_t i = 0; i < 100; ++i) {
    EXPECT_EQ(numbers.push_back(static_cast<int>(i * i)), i);
    EXPECT_EQ(numbers.size(), i + 1);
  }
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(numbers[i], static_cast<int>(i * i));
}

TEST(ChunkedVector, NeverMovesItsElements) {
  ChunkedVector<int, 2> numbers;
  std::vector<const int*> places;
  for (std::size_t i = 0; i < 1000; ++i) {
    numbers.push_back(static_cast<int>(i));
    places.push_back(&numbers[i]);
  }
  for (std::size_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(&numbers[i], places[i]);
    EXPECT_EQ(*places[i], static_cast<int>(i));
  }
}

TEST(ChunkedVector, AppendsAnElementOfItsOwn) {
  ChunkedVector<int, 1> numbers;
  numbers.push_back(7);
  for (int i = 0; i < 10; ++i) numbers.push_back(numbers[0]);
  EXPECT_EQ(numbers[10], 7);
}

}  // namespace
}  // namespace lookout
