// Which lasting conditions have been reported. A notice is sent once, and again only after its
// condition has ended. Makes no system call. Notices owns it and calls it.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <unordered_set>
#include <utility>

#include "watch/model/trail.h"

namespace lookout {

class ReportedOnce {
 public:
  // Each of these returns true if the notice must be sent.
  bool polled(NodeId root, std::uint64_t device) { return polled_.emplace(root, device).second; }
  bool too_few_watches(NodeId root) { return too_few_watches_.insert(root).second; }
  bool too_many_links(NodeId root) { return too_many_links_.insert(root).second; }
  bool unanswered(const std::string& path) { return unanswered_paths_.insert(path).second; }
  bool unanswered(const DirEntry& place) { return unanswered_.insert(place).second; }
  bool unreachable(const DirEntry& place) { return unreachable_.insert(place).second; }
  bool rules_unreadable(NodeId directory) { return rules_unreadable_.insert(directory).second; }

  // The condition has ended.
  void watches_suffice() { too_few_watches_.clear(); }
  void all_links_followed() { too_many_links_.clear(); }
  void all_mounts_answer() {
    unanswered_.clear();
    unanswered_paths_.clear();
  }
  void reachable(NodeId directory, const std::string& name) {
    if (!unreachable_.empty()) unreachable_.erase({directory, name});
  }
  void rules_read(NodeId directory) { rules_unreadable_.erase(directory); }

  // The node was removed, and its NodeId may be reused.
  void forget_directory(NodeId directory) {
    rules_unreadable_.erase(directory);
    for (std::set<DirEntry>* places : {&unanswered_, &unreachable_}) {
      places->erase(places->lower_bound({directory, ""}), places->lower_bound({directory + 1, ""}));
    }
  }
  void forget_root(NodeId root, const std::string& path) {
    too_few_watches_.erase(root);
    too_many_links_.erase(root);
    std::erase_if(polled_, [root](const auto& reported) { return reported.first == root; });
    const std::string below = path.ends_with('/') ? path : path + '/';
    std::erase_if(unanswered_paths_, [&](const std::string& reported) {
      return reported == path || reported.starts_with(below);
    });
  }

 private:
  std::set<std::pair<NodeId, std::uint64_t>> polled_;  // roots, and devices below them
  std::unordered_set<NodeId> too_few_watches_;         // roots
  std::unordered_set<NodeId> too_many_links_;          // roots
  // On mounts that do not answer: the names below the roots, and the paths of mounts, of roots and
  // of rule files above them. A name takes some bytes, its path may take megabytes.
  std::set<DirEntry> unanswered_;
  std::set<std::string> unanswered_paths_;
  std::set<DirEntry> unreachable_;               // mount points that cannot be stat'ed
  std::unordered_set<NodeId> rules_unreadable_;  // directories
};

}  // namespace lookout
