// What is done with scripts: telling those that prove nothing, and making a failing one short.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "mutator/disk.h"
#include "mutator/executor.h"
#include "mutator/generator.h"
#include "mutator/mutator.h"
#include "oracle/expected_events.h"
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

std::string text_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

TEST(KeptScripts, EachDoesWhatItSaysAndProvesSomething) {
  std::size_t kept = 0;
  for (const auto& file :
       std::filesystem::directory_iterator(LOOKOUT_SOURCE_DIR "/test/testdata")) {
    if (file.path().extension() != ".script") continue;
    ++kept;
    const std::string text = text_of(file.path());
    EXPECT_EQ(text.substr(0, 2), "# ") << file.path() << " does not say which behaviour it shows";
    const std::vector<Operation> script = parse_script(text);
    EXPECT_EQ(blind_spot(script), std::nullopt) << file.path();

    std::string workspace = testing::TempDir() + "lookout-script-XXXXXX";
    ASSERT_NE(::mkdtemp(workspace.data()), nullptr);
    Executor executor(workspace);
    for (const char* top : {"r0", "side"})
      EXPECT_EQ(executor.run({.verb = Verb::mkdir, .path = top}), 0);
    for (const Operation& operation : script)
      EXPECT_EQ(executor.run(operation), 0) << file.path() << ": " << to_line(operation);
    remove_tree(AT_FDCWD, workspace);
  }
  EXPECT_GT(kept, 0u);
}

TEST(ExpectedEvents, ComeInOneOfTheOrdersAndWhatIsMaybeAnywhere) {
  const std::string script =
      "write r0/a 1\nrest\n#> one\n#> two\n#> or\n#> two\n#> one\n#> maybe three\nrest\nrest\n";
  const std::vector<ExpectedInterval> expected = parse_expected(script);
  ASSERT_EQ(expected.size(), 4u);
  EXPECT_FALSE(unexpected(expected[1], {"one", "two"}));
  EXPECT_FALSE(unexpected(expected[1], {"two", "three", "one", "three"}));
  EXPECT_TRUE(unexpected(expected[1], {"one"}));
  EXPECT_TRUE(unexpected(expected[1], {"one", "two", "one"}));
  EXPECT_FALSE(unexpected(expected[2], {"any", "event"}));
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
