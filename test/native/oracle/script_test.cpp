// What is done with scripts: telling those that prove nothing, and making a failing one short.
#include <gtest/gtest.h>

#include "mutator/generator.h"
#include "mutator/mutator.h"
#include "oracle/interpreter.h"
#include "oracle/shrink.h"

namespace lookout::oracle {
namespace {

TEST(BlindSpot, WhatIsDrawnHasNone) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Generator generator({.seed = seed, .roots = 2});
    std::vector<Operation> script = generator.existing(100);
    for (int i = 0; i < 20; ++i) {
      std::vector<Operation> more = generator.interval(100);
      script.insert(script.end(), more.begin(), more.end());
    }
    std::optional<Operation> blind = blind_spot(script);
    EXPECT_FALSE(blind) << "seed " << seed << ": " << to_line(*blind);
  }
}

TEST(BlindSpot, AWriteThroughALinkOutsideIsOne) {
  EXPECT_TRUE(blind_spot(parse_script("write r0/a 1\nlink r0/a side/b\nappend side/b 1\n")));
  EXPECT_FALSE(blind_spot(parse_script("write r0/a 1\nlink r0/a side/b\nappend r0/a 1\n")));
}

TEST(BlindSpot, ALinkThatIsMadeWrittenThroughAndGoneIsOne) {
  const std::string made = "write r0/a 1\nrest\nlink r0/a r0/b\nappend r0/b 1\n";
  EXPECT_TRUE(blind_spot(parse_script(made + "unlink r0/b\n")));
  EXPECT_TRUE(blind_spot(parse_script(made + "rename r0/b r0/c\n")));
  EXPECT_FALSE(blind_spot(parse_script(made + "rest\nunlink r0/b\n")));
}

TEST(Shrink, OnlyWhatFailsRemains) {
  std::vector<Operation> script;
  for (std::uint64_t i = 0; i < 100; ++i) script.push_back({.verb = Verb::pause, .number = i});
  auto fails = [](const std::vector<Operation>& operations) {
    bool first = false;
    bool second = false;
    for (const Operation& operation : operations) {
      first = first || operation.number == 17;
      second = second || (first && operation.number == 71);
    }
    return second;
  };
  std::vector<Operation> expected{{.verb = Verb::pause, .number = 17},
                                  {.verb = Verb::pause, .number = 71}};
  EXPECT_EQ(shrink(script, fails, std::chrono::seconds(60)), expected);
}

}  // namespace
}  // namespace lookout::oracle
