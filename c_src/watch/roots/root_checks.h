// Which roots are due to be compared with what exists at their paths, and which of them a timer has
// checked again. Makes no system call. RootManager owns it; the classes of roots/ call it.
#pragma once

#include <cstdint>
#include <set>

#include "watch/model/tree.h"
#include "watch/roots/roots.h"

namespace lookout {

class RootChecks {
 public:
  explicit RootChecks(const Roots& roots) : roots_(roots) {}
  RootChecks(const RootChecks&) = delete;
  RootChecks& operator=(const RootChecks&) = delete;

  // --- checks that are due ---
  void add(const RootPointer& root);
  void add(NodeId root);
  void add_all();
  // All roots whose paths are below `path`.
  void add_below(const std::string& path);
  bool any() const { return !due_.empty(); }
  // Whether a check must come before other work, since two roots may report the same paths.
  bool any_urgent() const { return !urgent_.empty(); }
  // Takes the next root: urgent ones first, shorter paths first.
  RootPointer take();
  // The root is checked when it has been reported.
  void add_when_reported(const RootPointer& root) { when_reported_.insert(root); }
  void reported(const RootPointer& root) {
    if (when_reported_.erase(root) > 0) add(root);
  }
  // The root is given up, which asks for a check at its end.
  void given_up(const RootPointer& root) { when_reported_.erase(root); }

  // The number of the last check that was asked for, and whether all checks up to a number are
  // done.
  std::uint64_t last() const { return last_; }
  bool is_done(std::uint64_t check) const { return numbers_.empty() || *numbers_.begin() > check; }

  // --- what no event reports ---
  // The root could not be checked for a transient reason; or the kernel sends no events for it.
  // Both hold until its next check.
  void set_transient(const RootPointer& root) { transient_.insert(root); }
  void set_unwatched(const RootPointer& root) { unwatched_.insert(root); }
  void begin(const RootPointer& root);
  bool any_transient() const { return !transient_.empty(); }
  bool any_unwatched() const { return !unwatched_.empty(); }
  void add_transient();
  void add_unwatched();

  // The root is no longer watched.
  void forget(const RootPointer& root);

 private:
  void clear_due(const RootPointer& root);

  const Roots& roots_;
  Roots::Ordered due_;
  Roots::Ordered urgent_;  // the urgent ones of due_
  Roots::Ordered transient_;
  Roots::Ordered unwatched_;
  std::set<RootPointer> when_reported_;
  std::uint64_t last_ = 0;
  std::set<std::uint64_t> numbers_;  // of the checks that are due
};

}  // namespace lookout
