#include "watch/model/name_arena.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <stdexcept>
#include <string>

namespace lookout {
namespace {

std::string name_of(std::size_t length, char first = 'a') {
  std::string name(length, 'x');
  if (length > 0) name.front() = first;
  if (length > 1) name.back() = '.';
  return name;
}

TEST(NameArena, KeepsNamesOfEveryLength) {
  NameArena arena;
  std::map<std::size_t, NameArena::Ref> refs;
  for (std::size_t length = 0; length <= NameArena::kMaxLength; ++length) {
    refs[length] = arena.add(name_of(length));
  }
  for (const auto& [length, ref] : refs) ASSERT_EQ(arena.get(ref), name_of(length)) << length;
}

TEST(NameArena, RefusesALongerNameAndGoesOn) {
  NameArena arena;
  const auto kept = arena.add("kept");
  EXPECT_THROW(arena.add(name_of(NameArena::kMaxLength + 1)), std::length_error);
  EXPECT_EQ(arena.get(kept), "kept");
  EXPECT_EQ(arena.get(arena.add("next")), "next");
}

TEST(NameArena, KeepsEveryByte) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes.push_back(static_cast<char>(byte));
  NameArena arena;
  EXPECT_EQ(arena.get(arena.add(bytes)), bytes);
}

TEST(NameArena, GivesNoNameTheReferenceZero) {
  NameArena arena;
  EXPECT_NE(arena.add(""), 0U);
  EXPECT_NE(arena.add("a"), 0U);
}

TEST(NameArena, UsesTheBlockOfARemovedNameAgain) {
  for (const std::size_t length : {0U, 1U, 3U, 4U, 100U, 254U, 255U, 256U, 8192U}) {
    NameArena arena;
    const auto first = arena.add(name_of(length, 'a'));
    const auto second = arena.add(name_of(length, 'b'));
    arena.remove(first);
    arena.remove(second);
    const std::set<NameArena::Ref> before{first, second};
    const std::set<NameArena::Ref> after{arena.add(name_of(length, 'c')),
                                         arena.add(name_of(length, 'd'))};
    EXPECT_EQ(before, after) << length;
  }
}

TEST(NameArena, KeepsAllNamesThroughManyAdditionsAndRemovals) {
  NameArena arena;
  std::mt19937 random(11);
  std::map<NameArena::Ref, std::string> expected;
  for (int i = 0; i < 50'000; ++i) {
    if (expected.size() > 500 || (!expected.empty() && random() % 3 == 0)) {
      auto gone = expected.lower_bound(static_cast<NameArena::Ref>(random() % 200'000));
      if (gone == expected.end()) gone = expected.begin();
      ASSERT_EQ(arena.get(gone->first), gone->second);
      arena.remove(gone->first);
      expected.erase(gone);
    } else {
      // Mostly short ones, and those around the length that needs a longer header.
      const std::size_t length = random() % 4 == 0 ? 250 + random() % 10 : random() % 12;
      std::string name = name_of(length, static_cast<char>(random() % 256));
      const auto ref = arena.add(name);
      ASSERT_TRUE(expected.emplace(ref, std::move(name)).second) << "handed out twice: " << ref;
    }
  }
  for (const auto& [ref, name] : expected) EXPECT_EQ(arena.get(ref), name);
}

}  // namespace
}  // namespace lookout
