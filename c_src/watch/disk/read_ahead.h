// Reads listings on a thread of its own, a few ahead of their use, stats the files in them where
// that is asked for, and closes directories on that thread. During the crawl of a large tree the
// kernel looks up the next entries while the event loop adds the last ones to the tree. Reconciler
// owns it; ListingStarter and DirectoryCache call it.
//
// Only for local file systems, since the user of a listing waits while the thread reads it. If no
// thread can be started, or there is one processor, each listing is read when it is used.
#pragma once

#include <cstddef>
#include <memory>
#include <thread>

#include "watch/disk/disk.h"

namespace lookout {

// A listing that the thread may read ahead of its use.
class PendingListing {
 public:
  explicit PendingListing(DirectoryReader reader);

  // Returns the reader for use. Waits until the thread has finished with this listing; after that
  // the thread does not touch it.
  DirectoryReader& reader();

 private:
  friend class ReadAhead;
  struct State;
  std::shared_ptr<State> state_;
};

class ReadAhead {
 public:
  ReadAhead();
  ~ReadAhead() { rest(); }
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // How many listings the caller starts before it uses the first, so that all of them are read
  // ahead.
  static constexpr std::size_t kDepth = 32;

  using Names = std::shared_ptr<const DirectoryReader::Names>;

  // Lets the thread read a listing. Starts the thread if necessary. With `unsafe` the thread stats
  // the files of the listing, too, but those with these names.
  void read(const PendingListing& listing, Names unsafe = nullptr);
  // Releases what keeps a directory open: on the thread, if it runs.
  void close(std::shared_ptr<const void> directory);
  // Stops the thread, which finishes the system call that it is making. Call it when there is
  // nothing more to read for now.
  void rest();

 private:
  struct Shared;
  bool start();
  static void serve(Shared& shared);

  std::shared_ptr<Shared> shared_;
  std::thread thread_;
  bool single_;  // the machine has one processor
};

}  // namespace lookout
