// Limits the work of one step of the engine. Counts operations instead of reading a clock: the cost
// of matching rules, components of links, opened directories, and waits for remote mounts. A step
// checks it before each entry. Makes no system call. EngineLoop and DirectoryScan create one for
// each step and call it.
#pragma once

#include <cstdint>

#include "watch/disk/directory_cache.h"
#include "watch/disk/remote_mounts.h"
#include "watch/disk/remote_waits.h"
#include "watch/model/visibility.h"
#include "watch/reconcile/entry_reader.h"
#include "watch/reconcile/followed_links.h"

namespace lookout {

// An event in a directory opens those above it that are not open: up to one for each level.
inline constexpr std::uint64_t kOpensPerStep = 512;

class StepBudget {
 public:
  // Call it when the step begins.
  StepBudget(const Visibility& visibility, const EntryReader& reader,
             const DirectoryCache& directories, const RemoteMounts& mounts)
      : visibility_(visibility),
        reader_(reader),
        directories_(directories),
        mounts_(mounts),
        steps_(visibility.steps()),
        resolved_(reader.resolved()),
        opened_(directories.opened()),
        waited_(mounts.waited()) {}

  bool is_spent() const {
    return visibility_.steps() - steps_ >= kRuleCostPerStep ||
           reader_.resolved() - resolved_ >= kLinkComponentsPerStep ||
           directories_.opened() - opened_ >= kOpensPerStep ||
           mounts_.waited() - waited_ >= kWaitPerStep;
  }

 private:
  const Visibility& visibility_;
  const EntryReader& reader_;
  const DirectoryCache& directories_;
  const RemoteMounts& mounts_;
  // When the step began.
  const std::uint64_t steps_;
  const std::uint64_t resolved_;
  const std::uint64_t opened_;
  const RemoteWaits::Clock::duration waited_;
};

}  // namespace lookout
