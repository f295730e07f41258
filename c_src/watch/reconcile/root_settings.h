// The options of the roots in the tree, and what they mean for an entry below a root. Makes no
// system call. Reconciler owns it.
//
// The reconciler adds the options of a root when it adds the root, and forgets them when the node
// of the root is removed from the tree. Everything that depends on an option of a root asks here.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "ignore/scope.h"
#include "watch/model/tree.h"
#include "watch/model/visibility.h"
#include "watch/sources/hint_source.h"

namespace lookout {

struct RootOptions {
  bool recursive = true;
  bool follow_symlinks = false;
  Backend backend = Backend::automatic;
  std::uint32_t await = 0;    // as in WatchOptions
  bool single_files = false;  // watch only the names given to load_single() or show_single()
  Filter filter;
  ScopePtr above;                // the rules of git's files above the root, with Filter::gitignore
  std::int64_t crawl_began = 0;  // when its crawl began; inode_clock()
};

class RootSettings {
 public:
  explicit RootSettings(const Tree& tree) : tree_(tree) {}
  RootSettings(const RootSettings&) = delete;
  RootSettings& operator=(const RootSettings&) = delete;

  void add(NodeId root, RootOptions options);
  void forget_root(NodeId root) { by_root_.erase(root); }

  // The options of the root of an entry, which must have some.
  const RootOptions& of(NodeId node) const { return by_root_.at(tree_.root_of(node)); }
  // Whether a symbolic link in this directory is followed; and whether one may be in any.
  bool follows(NodeId directory) const;
  bool any_follows() const { return any_follows_; }
  // Whether an event in this directory waits for writers: how many nanoseconds at most.
  std::int64_t longest_wait(NodeId directory) const;
  bool any_waits() const { return any_waits_; }
  // Whether the directory is a root whose subdirectories are reported without their entries.
  bool is_flat(NodeId directory) const;
  bool any_flat() const;
  // When the crawl of the root of an entry began; nullopt if the root has no options.
  std::optional<std::int64_t> crawl_began(NodeId node) const;

 private:
  const Tree& tree_;
  std::unordered_map<NodeId, RootOptions> by_root_;
  bool any_follows_ = false;  // some root follows symbolic links, or did
  bool any_waits_ = false;    // some root waits for writers, or did
};

// Adds an entry to the tree, and marks a directory whose entries its root does not report.
NodeId add_entry(Tree& tree, const RootSettings& roots, NodeId directory, std::string_view name,
                 EntryType type, Identity identity);

}  // namespace lookout
