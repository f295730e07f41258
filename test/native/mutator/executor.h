// Carries out operations by raw system calls, as fast as the kernel takes them.
#pragma once

#include <memory>
#include <string>

#include "mutator/disk.h"
#include "mutator/operation.h"
#include "mutator/snapshot.h"

namespace lookout::oracle {

class Executor {
 public:
  // `workspace` is a directory that exists. Throws std::system_error where it cannot be opened.
  explicit Executor(const std::string& workspace);

  // 0, or the errno of the first call that failed. `stall`, `resume` and `rest` do nothing here.
  int run(const Operation& operation);

  // Reads the tree of the workspace through its descriptor, since another writer may have replaced
  // its path. Other writers may change the tree meanwhile.
  std::unique_ptr<SnapshotNode> look() const;

 private:
  int write_to(const Place& place, int flags, std::uint64_t bytes);
  int write_text(const Place& place, const std::string& text);
  int flood(const Operation& operation);
  int link_tmpfile(const Place& place, std::uint64_t bytes);
  int fill(const Place& place, std::uint64_t count);
  int move_busy(const Operation& operation);
  int mount_over(const Place& place);
  int bind(const Operation& operation);
  int unmount(const Place& place);
  int replace_parent(std::uint64_t kind);
  int restore_parent();

  std::string path_;
  Descriptor workspace_;
  Descriptor held_;
};

}  // namespace lookout::oracle
