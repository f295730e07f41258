// A file system that answers, or does not: served by a process of its own, by the kernel's FUSE
// protocol (linux/fuse.h). It holds a file "f", a directory "d" with a file "g" in it, and what
// is told to appear. Nothing is cached: each look asks the server.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "support/unique_fd.h"

namespace lookout {

class HungMount {
 public:
  // Whether a server takes the calls, held or not, or none is there to take any.
  enum class Served { yes, no };
  // What is mounted: with a file, it is all that the file system holds.
  enum class Root { directory, file };

  // Mounts at a directory or a file. The process must be allowed to.
  explicit HungMount(std::string place, Served served = Served::yes, Root root = Root::directory);
  ~HungMount();  // ends the server: all that waits for it fails then
  HungMount(const HungMount&) = delete;
  HungMount& operator=(const HungMount&) = delete;

  bool mounted() const { return mounted_; }

  // No call that comes after this is answered, until release().
  void hold() { shared_->held = true; }
  void release() { shared_->held = false; }
  // Whether there is a call that is not answered.
  bool holds_calls() const { return shared_->waiting > 0; }
  // Every answer takes so long from now on.
  void delay(int milliseconds) { shared_->delay = milliseconds; }
  // The next call that looks for "f" is held, and all that follow.
  void hold_look_at_file() { shared_->holds_look = true; }
  // The next call that opens a file is held, and all that follow.
  void hold_open() { shared_->holds_open = true; }
  // One call after so many others is held, and all that follow.
  void hold_after(int calls) { shared_->left = calls; }

  // "new" stands beside "f" from now on, or "d" and what is in it does no more.
  void add_file() { shared_->has_new = true; }
  void remove_directory() { shared_->has_d = false; }
  // Somebody writes "f" and sets its mtime back, which the ctime shows: now.
  void write_unseen();
  // As another host renames "d" to "e": what was opened as "d" is gone at once, but the name is
  // still found, as by a cache, until remove_directory().
  void rename_directory() { shared_->renamed = true; }

  // The server answers with this errno from now on: to a lookup of "f", to opening "d", or to
  // opening the mount itself. 0: as it should.
  enum class Call { look, open_d, open_root, read_d };
  void fail(Call call, int code) {
    shared_->failing = call;
    shared_->code = code;
  }
  // Each look at "d" finds another inode number from now on.
  void renumber() { shared_->renumbered = true; }
  // The calls that were answered.
  int calls() const { return shared_->answered; }

  // The server dies: every call fails with ENOTCONN from then on.
  void end_server();

 private:
  // Between the processes.
  struct Shared {
    std::atomic<bool> held{false};
    std::atomic<int> left{-1};
    std::atomic<bool> holds_look{false};
    std::atomic<bool> holds_open{false};
    std::atomic<bool> is_file{false};
    std::atomic<int> delay{0};
    std::atomic<int> waiting{0};
    std::atomic<bool> has_new{false};
    std::atomic<bool> has_d{true};
    std::atomic<bool> renamed{false};
    std::atomic<bool> renumbered{false};
    std::atomic<Call> failing{Call::look};
    std::atomic<int> code{0};
    std::atomic<int> answered{0};
    std::atomic<std::int64_t> ctime{1'000'000'000'000'000'000};  // of "f", in nanoseconds
  };
  class Server;

  std::string place_;
  Shared* shared_;
  UniqueFd device_;  // where there is no server
  pid_t server_ = -1;
  bool mounted_ = false;
};

}  // namespace lookout
