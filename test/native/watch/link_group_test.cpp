#include "watch/model/link_group.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>

#include "mutator/random.h"

namespace {

// An id that counts the comparisons of all.
struct Counted {
  std::uint32_t id = 0;
  static inline std::uint64_t comparisons = 0;
  bool operator==(const Counted& other) const {
    ++comparisons;
    return id == other.id;
  }
};

}  // namespace

template <>
struct std::hash<Counted> {
  std::size_t operator()(const Counted& counted) const { return counted.id; }
};

namespace lookout {
namespace {

TEST(LinkGroup, HasWhatWasAddedAndNotRemoved) {
  LinkGroup<std::uint32_t> group;
  std::set<std::uint32_t> expected;
  oracle::Random random(1);
  for (int step = 0; step < 20000; ++step) {
    // Grows and shrinks over the number from which on positions are kept.
    const auto id = static_cast<std::uint32_t>(random.below(step % 4000 < 2000 ? 60 : 12));
    if (expected.insert(id).second) {
      group.add(id);
    } else {
      group.remove(id);
      expected.erase(id);
    }
    std::set<std::uint32_t> found;
    for (std::size_t i = 0; i < group.size(); ++i) found.insert(group[i]);
    ASSERT_EQ(found, expected);
    ASSERT_EQ(group.size(), expected.size());
    ASSERT_EQ(group.empty(), expected.empty());
  }
}

std::uint64_t comparisons_to_remove_all_of(std::uint32_t count) {
  LinkGroup<Counted> group;
  for (std::uint32_t id = 0; id < count; ++id) group.add({id});
  Counted::comparisons = 0;
  for (std::uint32_t i = 0; i < count; ++i) group.remove({(i * 7919U) % count});
  EXPECT_TRUE(group.empty());
  return Counted::comparisons;
}

TEST(LinkGroup, RemovingAllOfThemIsLinear) {
  EXPECT_LT(comparisons_to_remove_all_of(40000), 5 * comparisons_to_remove_all_of(10000));
}

}  // namespace
}  // namespace lookout
