// Mutator and walker on a real directory, with no engine at all.
#include "mutator/mutator.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <system_error>

#include "mutator/disk.h"
#include "mutator/executor.h"
#include "mutator/snapshot.h"

namespace lookout::oracle {
namespace {

class OnDisk : public testing::Test {
 public:
  OnDisk() { EXPECT_NE(::mkdtemp(workspace.data()), nullptr); }
  ~OnDisk() override { remove_tree(AT_FDCWD, workspace); }

 protected:
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
int run(const MutatorOptions& options) {
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

TEST_F(OnDisk, AMutatorDoesNotRunWithoutItsLog) {
  MutatorOptions options;
  options.workspace = workspace;
  options.log = workspace + "/missing/log";
  EXPECT_THROW(run(options), std::system_error);
}

TEST_F(OnDisk, AMutatorDoesNotRunWithoutItsRoots) {
  MutatorOptions options;
  options.workspace = "/proc/sys";  // nothing can be created in it
  options.operations = 10;
  options.existing = 0;
  EXPECT_THROW(run(options), std::system_error);
}

TEST_F(OnDisk, AllOperationsAreDrawn) {
  MutatorOptions options;
  options.workspace = workspace;
  options.operations = 6'000;
  options.log = workspace + "/log";
  options.generator.stalls = true;
  options.generator.flood = 4;
  options.generator.rules = options.generator.leads = true;
  EXPECT_EQ(run(options), 0);
  std::set<Verb> drawn;
  for (const Operation& operation : parse_script(text_of(options.log)))
    drawn.insert(operation.verb);
  const std::set<Verb> others{Verb::fill,   Verb::mount,          Verb::bind,
                              Verb::umount, Verb::replace_parent, Verb::restore_parent};
  EXPECT_EQ(drawn.size() + others.size(), static_cast<std::size_t>(Verb::rest) + 1);
}

TEST_F(OnDisk, AWriterFindsItsWorkspaceWhereAnotherHasReplacedIt) {
  const std::string parent = workspace + "/parent";
  ASSERT_EQ(Executor(workspace).run({.verb = Verb::mkdir, .path = "parent"}), 0);
  Executor one(parent);
  Executor other(parent);
  ASSERT_EQ(one.run({.verb = Verb::mkdir, .path = "r0"}), 0);
  ASSERT_EQ(one.run({.verb = Verb::replace_parent, .number = 0}), 0);
  const auto found = other.look();
  EXPECT_EQ(found->children.count("r0"), 1u);
  EXPECT_EQ(one.run({.verb = Verb::restore_parent}), 0);
}

TEST_F(OnDisk, NoParentIsReplacedBeforeAllWritersAreReady) {
  GeneratorOptions options;
  options.lost_parents = true;
  Verb found = Verb::rest;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    options.seed = seed;
    Generator generator(options);
    for (const Operation& each : generator.existing(500)) {
      if (each.verb == Verb::replace_parent) found = each.verb;
    }
  }
  EXPECT_EQ(found, Verb::rest);
}

TEST_F(OnDisk, NothingIsDoneThroughASymbolicLink) {
  Executor outside(workspace);
  for (const char* path : {"in", "in/r0", "out"})
    ASSERT_EQ(outside.run({.verb = Verb::mkdir, .path = path}), 0);
  ASSERT_EQ(outside.run({.verb = Verb::write, .path = "out/f", .number = 1}), 0);
  Executor inside(workspace + "/in");
  ASSERT_EQ(inside.run({.verb = Verb::write, .path = "r0/g"}), 0);
  ASSERT_EQ(inside.run({.verb = Verb::symlink, .path = "r0/out", .other = workspace + "/out"}), 0);
  ASSERT_EQ(inside.run({.verb = Verb::symlink, .path = "r0/f", .other = workspace + "/out/f"}), 0);
  const auto before = walk(workspace + "/out");

  const std::vector<std::string> tops{"r0/out", "r0/f", "../out", "r0/../../out"};
  for (const std::string& top : tops) {
    for (const std::string& path : {top, top + "/f", top + "/new"}) {
      for (Verb verb : {Verb::mkdir, Verb::write, Verb::append, Verb::overwrite, Verb::truncate,
                        Verb::chmod, Verb::tmpfile, Verb::fifo, Verb::rmdir})
        EXPECT_NE(inside.run({.verb = verb, .path = path, .number = 0700}), 0) << path;
    }
    for (Verb verb : {Verb::unlink, Verb::utimes})
      EXPECT_NE(inside.run({.verb = verb, .path = top + "/f"}), 0) << top;
    for (Verb verb : {Verb::rename, Verb::link})
      EXPECT_NE(inside.run({.verb = verb, .path = "r0/g", .other = top + "/new"}), 0) << top;
  }
  EXPECT_NE(inside.run({.verb = Verb::chmod, .path = "..", .number = 0700}), 0);

  const auto after = walk(workspace + "/out");
  ASSERT_EQ(after->children.size(), 1u);
  EXPECT_EQ(after->ctime_ns, before->ctime_ns);
  EXPECT_EQ(after->children.at("f")->ctime_ns, before->children.at("f")->ctime_ns);
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

}  // namespace
}  // namespace lookout::oracle
