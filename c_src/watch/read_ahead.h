// Reads listings on a thread of its own, a few ahead of their use, and closes directories behind
// it: while a large tree is learnt, the kernel looks up the next entries as the last ones are taken
// into the tree.
//
// For local file systems: who uses a listing waits for what the thread has begun to read. Where no
// thread can be had, or there is one processor, each is read as it is used.
#pragma once

#include <cstddef>
#include <memory>
#include <thread>

#include "watch/disk.h"

namespace lookout {

// A listing that may be read ahead of its use.
class PendingListing {
 public:
  explicit PendingListing(DirectoryReader reader);

  // Ends its being read ahead.
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

  // How many listings are to be begun before the first is used, for all of them to be read ahead.
  static constexpr std::size_t kDepth = 32;

  // Has a listing read, by a thread that is started if need be.
  void read(const PendingListing& listing);
  // Gives up what keeps a directory open: on the thread, while there is one.
  void close(std::shared_ptr<const void> directory);
  // Ends the thread, when there is nothing more to read for now.
  void rest();

 private:
  struct Shared;
  bool start();
  static void serve(Shared& shared);

  std::shared_ptr<Shared> shared_;
  std::thread thread_;
  bool single_;  // there is one processor
};

}  // namespace lookout
