// The tree of 600,000 entries: looking up, adding and removing, paths.
#include "watch/model/tree.h"

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

namespace {

using lookout::EntryType;
using lookout::NodeId;
using lookout::Tree;

constexpr int kDirectories = 100'000;
constexpr int kFilesEach = 5;

struct Sample {
  Sample() {
    directories.push_back(tree.add_root("/srv/project", {1, 1}));
    std::uint64_t inode = 2;
    for (std::size_t i = 1; i <= kDirectories; ++i) {
      directories.push_back(tree.add(directories[(i - 1) / 10], "folder_" + std::to_string(i),
                                     EntryType::directory, {1, inode++}));
      for (int file = 0; file < kFilesEach; ++file) {
        tree.add(directories.back(), "source_" + std::to_string(file) + ".txt", EntryType::file,
                 {1, inode++});
      }
    }
  }
  Tree tree;
  std::vector<NodeId> directories;
};

Sample& sample() {
  static Sample made;
  return made;
}

// Steps through the directories so that the caches of the machine do not help.
std::size_t next(std::size_t& at) {
  at = (at + 7919) % kDirectories;
  return at + 1;
}

void tree_child(benchmark::State& state) {
  const Sample& it = sample();
  std::size_t at = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(it.tree.child(it.directories[next(at)], "source_3.txt"));
  }
}
BENCHMARK(tree_child);

void tree_add_and_remove(benchmark::State& state) {
  Sample& it = sample();
  std::size_t at = 0;
  for (auto _ : state) {
    it.tree.remove(
        it.tree.add(it.directories[next(at)], "new.txt", EntryType::file, {1, 1ULL << 40}));
  }
}
BENCHMARK(tree_add_and_remove);

void tree_rename(benchmark::State& state) {
  Sample& it = sample();
  std::size_t at = 0;
  for (auto _ : state) {
    const NodeId directory = it.directories[next(at)];
    const NodeId file = it.tree.child(directory, "source_2.txt");
    it.tree.move(file, directory, "renamed.txt");
    it.tree.move(file, directory, "source_2.txt");
  }
}
BENCHMARK(tree_rename);

void tree_path(benchmark::State& state) {
  const Sample& it = sample();
  std::size_t at = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(it.tree.path(it.directories[next(at)]));
  }
}
BENCHMARK(tree_path);

}  // namespace
