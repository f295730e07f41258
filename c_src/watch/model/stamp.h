// Makes and compares the stamps of files: size, mode, times and number of links. Pure.
// was_written() and HardLinks call it.
#pragma once

#include <cstdint>

#include "watch/model/file_status.h"
#include "watch/model/stamp_table.h"

namespace lookout {

// `salt` is random, so nobody can choose a size and a time that have the hashes of another size and
// time. It must be the same for all stamps that are compared.
Stamp stamp_of(const FileStatus& seen, std::uint64_t salt);

// Which parts of two stamps differ.
struct StampDifference {
  bool size, mtime, ctime, mode, links;
  bool birth;  // another file; false where one of the two has no birth time
};
StampDifference difference(const Stamp& known, const Stamp& seen);

}  // namespace lookout
