#include "command/process_tree.h"

#include <gtest/gtest.h>

#include "command/environment.h"
#include "command/signals.h"

namespace lookout {
namespace {

TEST(ProcessStat, IsReadWhateverTheNameOfTheProcessIs) {
  const auto plain = parse_process_stat("12 (cat) S 7 12 12 0 -1");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->parent, 7);
  EXPECT_EQ(plain->state, 'S');
  const auto odd = parse_process_stat("12 (a) Z 1 (b) R 8 12");
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->parent, 8);
  EXPECT_EQ(odd->state, 'R');
}

TEST(ProcessStat, WhatIsNoneIsRefused) {
  for (const auto* line : {"", "12", "12 (cat", "12 (cat)", "12 (cat) S", "12 (cat) S x 1"}) {
    EXPECT_FALSE(parse_process_stat(line)) << line;
  }
}

TEST(ProcessesBelow, AreAllOfTheTreeAndNoOthersParentsFirst) {
  EXPECT_EQ(below(1, {{5, 4}, {4, 1}, {2, 1}, {3, 9}, {6, 5}}), (std::vector<pid_t>{4, 2, 5, 6}));
  EXPECT_EQ(below(7, {{5, 4}, {4, 1}}), std::vector<pid_t>{});
}

TEST(ProcessesBelow, AreFoundOnceInAListThatIsNoTree) {
  EXPECT_EQ(below(1, {{2, 1}, {1, 2}, {2, 1}}), std::vector<pid_t>{2});
}

TEST(SignalNames, GoBothWays) {
  for (int number = 1; number < 32; ++number) {
    EXPECT_EQ(signal_number(signal_name(number)), number);
  }
  EXPECT_EQ(signal_number("no such"), std::nullopt);
  EXPECT_EQ(signal_name(SIGRTMIN + 3), "rtmin_3");
}

TEST(Environment, OfLikeNamesIsToldApart) {
  const char* const inherited[] = {"A=1", "AB=2", "B", nullptr};
  LaunchSpec spec;
  spec.environment = {{"A", std::nullopt}, {"C", "3"}};
  EXPECT_EQ(make_environment(inherited, spec), (std::vector<std::string>{"AB=2", "B", "C=3"}));
  EXPECT_EQ(value_of("AB", {"AB=2"}), "2");
  EXPECT_EQ(value_of("A", {"AB=2"}), "");
}

TEST(Environment, LastChangeOfAVariableCounts) {
  const char* const inherited[] = {"A=1", "B=2", nullptr};
  LaunchSpec spec;
  spec.environment = {{"A", "3"},          {"C", "4"},          {"A", "5"},
                      {"C", std::nullopt}, {"B", std::nullopt}, {"B", "6"}};
  EXPECT_EQ(make_environment(inherited, spec), (std::vector<std::string>{"A=5", "B=6"}));
  spec.clear_environment = true;
  spec.environment = {{"B", "7"}};
  EXPECT_EQ(make_environment(inherited, spec), (std::vector<std::string>{"B=7"}));
}

}  // namespace
}  // namespace lookout
