// What a name costs under the rules of an ordinary project.
#include <benchmark/benchmark.h>

#include "ignore/rules.h"
#include "ignore/scope.h"

namespace {

using lookout::Rules;
using lookout::Scope;
using lookout::ScopePtr;

ScopePtr project() {
  return Scope::empty()->with(
      Rules::of({"node_modules/", "_build/", "deps/", "*.beam", "*.o", "*.log", ".DS_Store",
                 "/tmp/", "priv/static/**/*.map", "!important.log"}),
      Scope::Rank::option);
}

void ignore_judge(benchmark::State& state) {
  const ScopePtr scope = project()->enter("lib")->enter("project");
  for (auto _ : state) {
    benchmark::DoNotOptimize(scope->judge("session_controller.ex"));
  }
}
BENCHMARK(ignore_judge);

void ignore_enter(benchmark::State& state) {
  const ScopePtr scope = project();
  for (auto _ : state) benchmark::DoNotOptimize(scope->enter("priv"));
}
BENCHMARK(ignore_enter);

}  // namespace
