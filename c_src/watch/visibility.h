// What of the watched directories is told of: the visible subtree. Pure.
//
// To everything else an entry that is not visible is one that does not stand on disk. Whether it is
// visible depends on its path below the root and on its type. A directory that is ignored is not
// looked into, so nothing below it is visible.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ignore/rule_pool.h"
#include "ignore/rules.h"
#include "ignore/scope.h"
#include "watch/entry.h"
#include "watch/rule_files.h"
#include "watch/tree.h"
#include "watch/watch_options.h"

namespace lookout {

// What the rules of git's files that hold in one directory may cost for a name in it, in
// Rules::most_steps(): those of a directory that would exceed it do not count.
inline constexpr std::size_t kMostSteps = 500'000;
// What decisions may cost, in the same unit, before other work has its turn.
inline constexpr std::uint64_t kStepsASlice = 500'000;

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

  // The names of single files.
  using Names = std::set<std::string, std::less<>>;

  // What is visible below `root` from now on: with `single_files` only what show_single() names and
  // is no directory, else what the filter shows. `above` is what git's files above the root say,
  // nullptr where they do not count.
  void plant(NodeId root, bool single_files, const Filter& filter, const ScopePtr& above);
  // Other rules above a root; false where they are the same as before.
  bool set_rules_above(NodeId root, const Filter& filter, const ScopePtr& above);
  // One more name, or one less, of a root that has single files.
  void show_single(NodeId root, const std::string& name) { roots_.at(root).single.insert(name); }
  void hide_single(NodeId root, const std::string& name);
  // The tree is about to lose this directory.
  void forget(NodeId directory);

  // The names to which a root is limited; nullptr of any other directory.
  const Names* single_names(NodeId directory) const;

  // Whether git's files count in this directory, and whether `name` is that of one.
  bool reads_rules(NodeId directory) { return view(directory).gitignore; }
  bool names_rules(NodeId directory, std::string_view name);
  // Parses a slice of the files that set_rules() gets next. False when all are parsed.
  bool parse_step(RuleFiles& files);
  // Replaces the rules of git's files in this directory by these, which are parsed. False where
  // they are the same as before. Files beyond the limits of RuleParser and RulePool, or of
  // kMostSteps, do not count and are added to the failures, with EFBIG.
  bool set_rules(NodeId directory, const RuleFiles& files, std::vector<RuleFailure>& failures);
  // Adds the rules of a directory above a root, whose files are parsed, to those of the directories
  // above that one. The scope is then that of the entry `name` in the directory. Files that do not
  // count are as in set_rules().
  void add_rules_above(ScopePtr& scope, const RuleFiles& files, std::string_view name,
                       std::vector<RuleFailure>& failures);

  bool shows(NodeId directory, std::string_view name, EntryType type);
  // What decisions have cost since the start, in about nanoseconds (Verdict::steps).
  std::uint64_t steps() const { return steps_; }
  // Whether an entry of some type would be visible.
  bool may_show(NodeId directory, std::string_view name);
  // The same for one of many events, which are taken in one go: `otherwise` where the decisions
  // since limit() have cost a slice.
  bool may_show_within(NodeId directory, std::string_view name, bool otherwise);
  void limit() { limit_ = steps_ + kStepsASlice; }
  // Whether what is reached from `directory` through these names would be visible: all but the
  // last are directories.
  bool shows_path(NodeId directory, const std::vector<std::string_view>& names, EntryType type);

  // What is decided in a directory.
  struct View {
    ScopePtr ignore;  // nullptr: nothing is ignored
    ScopePtr only;    // nullptr: files need not match
    bool gitignore = false;
    bool hidden = false;  // the directory is not visible itself, nor is what lies in it
    bool excess = false;  // the rules in the directory do not count: kMostSteps

    View enter(std::string_view name) const;
    // Adds to `steps` what the decision costs.
    bool shows(std::string_view name, bool directory, std::uint64_t& steps) const;
    bool same_as(const View& other) const;
  };
  const View& view(NodeId directory);
  // How many views were made since the start.
  std::uint64_t views_made() const { return views_made_; }
  // A directory that had this view has come to another place. Whether other entries are visible
  // below it now.
  bool moved(NodeId directory, const View& before);

 private:
  struct Root {
    bool limited = false;  // to the single names
    Names single;
    View base;  // without the files in the root itself
  };

  RulesPtr parse(const RuleFile& file, std::vector<RuleFailure>& failures);
  DirectoryRules parse(const RuleFiles& files, const DirectoryRules& kept,
                       std::vector<RuleFailure>& failures);
  void forget_views();
  void forget_view(NodeId directory);
  void forget_most_views(NodeId directory);

  const Tree& tree_;
  std::unordered_map<NodeId, Root> roots_;  // those of which not all is visible
  RulePool pool_;
  std::unordered_map<NodeId, DirectoryRules> found_;
  std::unordered_map<NodeId, View> views_;  // of directories below them, as they were asked for
  std::size_t views_memory_ = 0;            // of their scopes, about
  std::uint64_t views_made_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t limit_ = kStepsASlice;
  const View all_;
};

}  // namespace lookout
