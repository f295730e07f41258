// The verdict at a rest: the mirror against the disk, and what was told against what differs.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "mutator/snapshot.h"
#include "oracle/mirror.h"

namespace lookout::oracle {

struct Judgement {
  std::vector<std::string> violations{};  // sentences; empty when all promises were kept
  // Entries that were told as modified or with new attributes though their ctime and inode are as
  // before. Not a broken promise, but a price.
  std::uint64_t false_reports = 0;
};

// What is on the disk below one root, taken while the mutator rested.
using Disk = std::map<std::string, std::unique_ptr<SnapshotNode>>;  // by root
// With `beyond`, also finds what symbolic links lead to.
Disk walk_all(const std::vector<std::string>& roots, Beyond* beyond = nullptr);

enum class Recall : std::uint8_t {
  none,     // only paths and types (P2)
  lenient,  // also each difference from the state before (P1); a rename of a file tells its content
  strict,   // a rename tells nothing of the content: a consumer who moves its copy would keep the
            // old
};

// Compares, and then makes `disk` the state before the next interval: the mirror's nodes point into
// it from now on, so it must live until the next call.
Judgement judge(Mirror& mirror, const Disk& disk, Recall recall);

}  // namespace lookout::oracle
