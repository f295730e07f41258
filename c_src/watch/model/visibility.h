// Which entries of the watched directories are reported: the visible subtree. Makes no system call.
// EngineModel owns it; the classes of reconcile/ and roots/ call it.
//
// All other code treats an entry that is not visible as missing on disk. Whether it is visible
// depends on its path below the root and on its type. An ignored directory is not scanned, so
// nothing below it is visible.
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
#include "watch/model/entry.h"
#include "watch/model/rule_file.h"
#include "watch/model/tree.h"
#include "watch/model/watch_options.h"

namespace lookout {

// The maximum cost of the rules of git's files for a name in one directory, in Rules::most_steps().
// The rules of a directory that would exceed it do not count.
inline constexpr std::size_t kMaxSteps = 500'000;
// The maximum cost of decisions, in the same unit, in one step of the engine.
inline constexpr std::uint64_t kRuleCostPerStep = 500'000;

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

  // Defines what is visible below `root`: with `single_files` only what show_single() names and is
  // no directory, otherwise what the filter shows. `above` has the rules of git's files above the
  // root, and is nullptr if they do not count.
  void add_root(NodeId root, bool single_files, const Filter& filter, const ScopePtr& above);
  // Replaces the rules above a root. Returns false if they are the same as before.
  bool set_rules_above(NodeId root, const Filter& filter, const ScopePtr& above);
  // Adds or removes a name of a root that has single files.
  void show_single(NodeId root, const std::string& name) { roots_.at(root).single.insert(name); }
  void hide_single(NodeId root, const std::string& name);
  // The tree is about to remove this directory.
  void forget_directory(NodeId directory);

  // The names to which a root is limited; nullptr for any other directory.
  const Names* single_names(NodeId directory) const;

  // Whether git's files count in this directory, and whether `name` is one of them.
  bool reads_rules(NodeId directory) { return view(directory).gitignore; }
  bool names_rules(NodeId directory, std::string_view name);
  // Parses a slice of the files that set_rules() gets next. Returns false when all are parsed.
  bool parse_step(RuleFiles& files);
  // Replaces the rules of git's files in this directory by those of `files`, which are parsed.
  // Returns false if they are the same as before. Files beyond the limits of RuleParser and
  // RulePool, or of kMaxSteps, do not count and are added to the failures, with EFBIG.
  bool set_rules(NodeId directory, const RuleFiles& files, std::vector<RuleFailure>& failures);
  // Adds the rules of a directory above a root, whose files are parsed, to those of the directories
  // above that one. After that, the scope is that of the entry `name` in the directory. Files that
  // do not count are handled as in set_rules().
  void add_rules_above(ScopePtr& scope, const RuleFiles& files, std::string_view name,
                       std::vector<RuleFailure>& failures);

  bool shows(NodeId directory, std::string_view name, EntryType type);
  // The cost of all decisions and views since the start, in about nanoseconds (Verdict::steps).
  std::uint64_t steps() const { return steps_; }
  // Whether an entry of this name would be visible with some type.
  bool may_show(NodeId directory, std::string_view name);
  // The same for one of many events that are handled together: returns `otherwise` when the
  // decisions since limit() have cost kRuleCostPerStep.
  bool may_show_within(NodeId directory, std::string_view name, bool otherwise);
  void limit() { limit_ = steps_ + kRuleCostPerStep; }
  // Whether the entry that is reached from `directory` through these names would be visible; all
  // but the last are directories.
  bool shows_path(NodeId directory, const std::vector<std::string_view>& names, EntryType type);

  // What the decisions in a directory depend on.
  struct View {
    ScopePtr ignore;  // nullptr: nothing is ignored
    ScopePtr only;    // nullptr: files need not match
    bool gitignore = false;
    bool hidden = false;  // the directory itself is not visible, nor is anything in it
    bool excess = false;  // the rules in the directory exceed kMaxSteps and do not count

    // Both add their cost to `steps`.
    View enter(std::string_view name, std::uint64_t& steps) const;
    bool shows(std::string_view name, bool directory, std::uint64_t& steps) const;
    bool same_as(const View& other) const;
  };
  const View& view(NodeId directory);
  // How many views were computed since the start.
  std::uint64_t views_made() const { return views_made_; }
  // A directory that had the view `before` was moved. Returns whether other entries are visible
  // below it now.
  bool moved(NodeId directory, const View& before);

 private:
  struct Root {
    bool limited = false;  // to the names in `single`
    Names single;
    View base;  // without the files in the root itself
  };

  RulesPtr parse(const RuleFile& file, std::vector<RuleFailure>& failures);
  DirectoryRules parse(const RuleFiles& files, const DirectoryRules& kept,
                       std::vector<RuleFailure>& failures);
  void forget_views_in(NodeId directory);
  void forget_view(NodeId directory);
  void forget_most_views(NodeId directory);

  const Tree& tree_;
  std::unordered_map<NodeId, Root> roots_;  // roots that do not show all their entries
  RulePool pool_;
  std::unordered_map<NodeId, DirectoryRules> found_;
  std::unordered_map<NodeId, View> views_;  // of directories below these roots, computed on demand
  std::size_t views_memory_ = 0;            // of their scopes, approximately, in bytes
  std::uint64_t views_made_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t limit_ = kRuleCostPerStep;
  const View all_;
};

}  // namespace lookout
