// Reports the lasting conditions of directories and files below the roots, each of them once until
// it has ended. Reconciler owns it; the classes of reconcile/ call it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "watch/disk/rule_files.h"
#include "watch/model/trail.h"
#include "watch/model/tree.h"
#include "watch/reconcile/change_sink.h"
#include "watch/reconcile/reported_once.h"

namespace lookout {

class Notices {
 public:
  Notices(Tree& tree, ChangeSink& sink) : tree_(tree), sink_(sink) {}
  Notices(const Notices&) = delete;
  Notices& operator=(const Notices&) = delete;

  // A directory, or a file, is polled since other hosts may change its file system.
  void polled(NodeId directory, std::string_view file_system);
  void polled(const DirEntry& place, std::uint64_t device, std::string_view file_system);
  // The kernel grants no more watches; this ends when no directory is polled any more.
  void watch_limit(NodeId directory);
  void watch_limit(const DirEntry& place);
  void watches_suffice() { once_.watches_suffice(); }
  // A link is not followed, since the paths of the links that are have too many components; this
  // ends when every link is followed.
  void too_many_links(const DirEntry& place);
  void all_links_followed() { once_.all_links_followed(); }
  // A pseudo file system is mounted there.
  void unwatched(NodeId directory, std::string_view file_system);
  void unwatched(const DirEntry& place, std::string_view file_system);
  // A directory cannot be read; this ends when DirMark::unreadable is removed.
  void unreadable(NodeId directory, const std::string& reason);
  // The directory is outside of what may be watched; it is reported without its entries from now
  // on.
  void not_allowed(NodeId directory);
  void not_allowed(const DirEntry& place);
  // The file system at a path, of a directory or of an entry does not answer.
  void unanswered(const std::string& path);
  void unanswered(NodeId directory);
  void unanswered(const DirEntry& place);
  void all_mounts_answer() { once_.all_mounts_answer(); }
  // A mount cannot be stat'ed, since its server is dead or refuses.
  void unreachable(const DirEntry& place, int code);
  void reachable(NodeId directory, const std::string& name) { once_.reachable(directory, name); }
  // The files of rules in a directory were read; those in `failures` do not count.
  void rules_read(NodeId directory, const std::vector<RuleFailure>& failures);

  // The node is removed from the tree, and its NodeId may be reused.
  void forget_directory(NodeId directory) { once_.forget_directory(directory); }
  void forget_root(NodeId root, const std::string& path) { once_.forget_root(root, path); }

 private:
  std::string path(const DirEntry& place) const;

  Tree& tree_;
  ChangeSink& sink_;
  ReportedOnce once_;
};

}  // namespace lookout
