// What of the watched directories is told of: the visible subtree. Pure.
//
// To everything else an entry that is not visible is one that does not stand on disk. Whether it is
// visible depends on its path below the root and on its type. A directory that is ignored is not
// looked into, so nothing below it is visible.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ignore/rules.h"
#include "ignore/scope.h"
#include "watch/entry.h"
#include "watch/rule_files.h"
#include "watch/tree.h"
#include "watch/watch_options.h"

namespace lookout {

// What is visible below a root.
struct Filter {
  Filter() = default;
  explicit Filter(const WatchOptions& options);

  bool shows_all() const { return !ignore && !only && !gitignore; }

  RulesPtr ignore;  // nullptr for no rules
  RulesPtr only;
  bool gitignore = false;
};

class Visibility {
 public:
  explicit Visibility(const Tree& tree) : tree_(tree) {}
  Visibility(const Visibility&) = delete;
  Visibility& operator=(const Visibility&) = delete;

  // What holds from now on below `root`: where `single` is not empty, only the entry of that name
  // is visible, else the filter decides. `above` is what git's files above the root say, nullptr
  // where they do not count.
  void plant(NodeId root, std::string single, const Filter& filter, const ScopePtr& above);
  // The tree is about to lose this directory.
  void forget(NodeId directory);

  // The name of the single entry that a root stands for; nullptr of any other directory.
  const std::string* single_name(NodeId directory) const;

  // Whether git's files count in this directory, and whether `name` is that of one.
  bool reads_rules(NodeId directory) { return view(directory).gitignore; }
  bool names_rules(NodeId directory, std::string_view name);
  // What git's files in this directory say from now on. False where that is as before.
  bool learn(NodeId directory, RuleFiles files);

  bool shows(NodeId directory, std::string_view name, EntryType type);
  // Whether an entry of some type would be visible.
  bool may_show(NodeId directory, std::string_view name);
  // Whether what is reached from `directory` through these names would be visible: all but the
  // last are directories.
  bool shows_path(NodeId directory, const std::vector<std::string_view>& names, EntryType type);

  // What is decided in a directory.
  struct View {
    ScopePtr ignore;  // nullptr: nothing is ignored
    ScopePtr only;    // nullptr: files need not match
    bool gitignore = false;
    bool hidden = false;  // the directory is not visible itself, nor is what lies in it

    View enter(std::string_view name) const;
    bool shows(std::string_view name, bool directory) const;
    bool same_as(const View& other) const;
  };
  const View& view(NodeId directory);
  // A directory that had this view has come to another place. Whether other entries are visible
  // below it now.
  bool moved(NodeId directory, const View& before);

 private:
  struct Root {
    std::string single;
    View base;  // without the files in the root itself
  };
  struct Found {
    RuleFiles files;
    DirectoryRules rules;
  };

  const Tree& tree_;
  std::unordered_map<NodeId, Root> roots_;  // those of which not all is visible
  std::unordered_map<NodeId, Found> found_;
  std::unordered_map<NodeId, View> views_;  // of directories below them, as they were asked for
  const View all_;
};

}  // namespace lookout
