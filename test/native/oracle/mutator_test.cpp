// Mutator and walker on a real directory, with no engine at all.
#include "oracle/mutator.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>

#include "oracle/disk.h"
#include "oracle/executor.h"
#include "oracle/interpreter.h"
#include "oracle/shrink.h"
#include "oracle/snapshot.h"

namespace lookout::oracle {
namespace {

class OnDisk : public testing::Test {
 protected:
  OnDisk() { EXPECT_NE(::mkdtemp(workspace.data()), nullptr); }
  ~OnDisk() override { remove_tree(AT_FDCWD, workspace); }

  std::string workspace = testing::TempDir() + "lookout-mutator-XXXXXX";
};

void collect(const SnapshotNode& node, const std::string& path, std::set<std::string>& found) {
  for (const auto& [name, child] : node.children) {
    found.insert(path + name + "fdlo"[static_cast<int>(child->type)]);
    collect(*child, path + name + '/', found);
  }
}

std::set<std::string> tree_of(const std::string& directory) {
  std::set<std::string> found;
  collect(*walk(directory), "", found);
  return found;
}

// Runs a mutator that finds a "go" for every time that it waits.
int run(MutatorOptions options) {
  int input[2];
  EXPECT_EQ(::pipe2(input, O_CLOEXEC), 0);
  Descriptor reader(input[0]);
  Descriptor writer(input[1]);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(::write(writer.get(), "go\n", 3), 3);
  Descriptor output(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  return run_mutator(options, reader.get(), output.get());
}

std::string text_of(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

TEST_F(OnDisk, TheModelKnowsWhatEachOperationDoes) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    MutatorOptions options;
    options.workspace = workspace;
    options.generator.seed = seed;
    options.generator.roots = 2;
    EXPECT_EQ(run(options), 0) << "seed " << seed;
    remove_tree(AT_FDCWD, workspace + "/r0");
    remove_tree(AT_FDCWD, workspace + "/r1");
    remove_tree(AT_FDCWD, workspace + "/side");
  }
}

TEST_F(OnDisk, AScriptMakesTheSameTreeAsItsSeed) {
  MutatorOptions options;
  options.generator.seed = 42;
  options.workspace = workspace + "/one";
  options.log = workspace + "/log";
  Executor(workspace).run({.verb = Verb::mkdir, .path = "one"});
  Executor(workspace).run({.verb = Verb::mkdir, .path = "two"});
  EXPECT_EQ(run(options), 0);

  options.script = parse_script(text_of(options.log));
  options.workspace = workspace + "/two";
  options.log.clear();
  EXPECT_EQ(run(options), 0);
  EXPECT_EQ(tree_of(workspace + "/one"), tree_of(workspace + "/two"));
  EXPECT_GT(tree_of(workspace + "/one").size(), 10u);
}

TEST_F(OnDisk, AllOperationsAreDrawn) {
  MutatorOptions options;
  options.workspace = workspace;
  options.operations = 10'000;
  options.log = workspace + "/log";
  options.generator.stalls = true;
  options.generator.flood = 4;
  EXPECT_EQ(run(options), 0);
  std::set<Verb> drawn;
  for (const Operation& operation : parse_script(text_of(options.log)))
    drawn.insert(operation.verb);
  EXPECT_EQ(drawn.size(), static_cast<std::size_t>(Verb::rest) + 1);
}

TEST_F(OnDisk, TheWalkerFindsWhatAPathIsTooLongFor) {
  Executor executor(workspace);
  std::string path = "r0";
  ASSERT_EQ(executor.run({.verb = Verb::mkdir, .path = path}), 0);
  for (int i = 0; i < 40; ++i) {
    path += '/' + std::string(255, '\xff');
    ASSERT_EQ(executor.run({.verb = Verb::mkdir, .path = path}), 0);
  }
  ASSERT_EQ(executor.run({.verb = Verb::write, .path = path + "/\n", .number = 5}), 0);
  EXPECT_EQ(tree_of(workspace).size(), 42u);
  ASSERT_EQ(executor.run({.verb = Verb::rename, .path = path + "/\n", .other = "out"}), 0);
  EXPECT_EQ(walk(workspace)->children.at("out")->size, 5u);
}

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
