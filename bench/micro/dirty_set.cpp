// The dirty set: hints for new names, and again for one that is dirty already.
#include "watch/model/dirty_set.h"

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

namespace {

using lookout::DirtySet;

constexpr std::size_t kNames = 10'000;

std::vector<std::string> names() {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kNames; ++i) names.push_back("file_" + std::to_string(i) + ".txt");
  return names;
}

void dirty_set_add_and_take(benchmark::State& state) {
  const auto all = names();
  DirtySet set;
  for (auto _ : state) {
    for (std::size_t i = 0; i < kNames; ++i) {
      set.add(static_cast<lookout::NodeId>(i % 100 + 1), all[i], lookout::hint::kCreated);
    }
    benchmark::DoNotOptimize(set.take());
  }
  state.SetItemsProcessed(state.iterations() * kNames);
}
BENCHMARK(dirty_set_add_and_take);

void dirty_set_add_again(benchmark::State& state) {
  DirtySet set;
  for (auto _ : state) set.add(1, "server.log", lookout::hint::kWritten);
}
BENCHMARK(dirty_set_add_again);

}  // namespace
