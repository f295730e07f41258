// How much a step of the event loop may do, by counts of what is done and not by a clock: matches
// of rules, components of links, directories that are opened, and waits for remote mounts. A step
// looks at it between two entries. Makes no system call.
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
inline constexpr std::uint64_t kOpensASlice = 512;

class StepBudget {
 public:
  // The step begins.
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
    return visibility_.steps() - steps_ >= kStepsASlice ||
           reader_.resolved() - resolved_ >= kLinkComponentsPerSlice ||
           directories_.opened() - opened_ >= kOpensASlice ||
           mounts_.waited() - waited_ >= kWaitAStep;
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
