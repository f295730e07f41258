// Writes a snapshot to disk on a thread of its own: as NAME.new, which takes the name when it is
// whole and on the disk. So there is the whole file or, as before, none. Cursor owns it and calls
// it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "snapshot/directory.h"
#include "support/error.h"

namespace lookout {

class SnapshotSaver {
 public:
  // `done` is called on the thread, with an error if the file could not be written. Throws
  // std::system_error if there are too many threads.
  using Done = std::function<void(std::optional<Error>)>;
  SnapshotSaver(const SnapshotDirectory& directory, const std::string& name, Done done);
  // Waits for the thread, unless give_up() was called. A file that is not finished is removed.
  ~SnapshotSaver();
  SnapshotSaver(const SnapshotSaver&) = delete;
  SnapshotSaver& operator=(const SnapshotSaver&) = delete;

  // Appends to the file; does not block.
  void write(std::string bytes);
  // All was written.
  void finish();
  // The disk does not answer: the thread is left alone, and `done` is not called any more.
  void give_up();
  // Whether the bytes in memory are many, so that write() should wait.
  bool is_behind() const;

 private:
  struct Work;
  std::shared_ptr<Work> work_;
  std::thread thread_;
};

}  // namespace lookout
