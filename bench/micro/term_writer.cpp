// A full batch of events as a term.
#include "bridge/term_writer.h"

#include <benchmark/benchmark.h>

#include <string>

#include "bridge/replies.h"

namespace {

void term_writer_batch(benchmark::State& state) {
  std::vector<lookout::Event> events;
  for (int i = 0; i < 256; ++i) {
    events.push_back({lookout::Change::modified,
                      lookout::EntryType::file,
                      "/srv/project/lib/project/source_" + std::to_string(i) + ".ex",
                      {}});
  }
  std::int64_t bytes = 0;
  lookout::TermWriter out;
  for (auto _ : state) {
    encode(out, lookout::EventBatch{17, events});
    bytes += static_cast<std::int64_t>(out.bytes().size());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * 256);
  state.SetBytesProcessed(bytes);
}
BENCHMARK(term_writer_batch);

}  // namespace
