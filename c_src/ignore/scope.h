// Evaluates rules for the entries of one directory. Pure; works on raw bytes.
//
// Rules of several files apply in a directory: those of the directory itself and of the directories
// above it, each with its path patterns matched down to this directory. A scope is immutable and
// shared: a directory uses the scope of its parent unless the state of a pattern changes.
// Visibility keeps the scopes of the directories and calls judge() for each name; RulesAbove builds
// the scope of the rules above a root.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "ignore/rules.h"

namespace lookout {

enum class Decision : std::uint8_t {
  none,     // no pattern matches
  ignored,  // the last matching pattern ignores the name
  included  // the last matching pattern is an exception (`!`)
};

// The decisions for a name: one if it is a directory, one if it is anything else.
struct Verdict {
  Decision directory = Decision::none;
  Decision other = Decision::none;
  std::uint32_t compared = 0;  // patterns that were compared with the name one by one
  std::size_t steps = 0;       // estimated cost of these comparisons and of the lookups, in ns
};

// The rules that git finds in one directory. Each pointer may be nullptr.
struct DirectoryRules {
  RulesPtr gitignore;
  bool repository = false;  // a repository begins here: git's rules from above do not apply
  RulesPtr info_exclude;
  RulesPtr excludes_file;

  bool operator==(const DirectoryRules&) const = default;
};

class Scope;
using ScopePtr = std::shared_ptr<const Scope>;

class Scope : public std::enable_shared_from_this<Scope> {
 public:
  // Later enumerators win, as in git's dir.c. From strongest to weakest: --exclude, .gitignore
  // files (deeper ones win), $GIT_DIR/info/exclude, core.excludesFile.
  enum class Rank : std::uint8_t { excludes_file, info_exclude, directory, option };

  // A scope without rules.
  static ScopePtr empty();

  // Returns this scope plus rules that apply to its directory. They win over rules of the same
  // rank.
  ScopePtr with(RulesPtr rules, Rank rank) const;
  // Returns this scope with the rules of one rank only.
  ScopePtr only(Rank rank) const;
  // Returns this scope plus the rules that git finds in its directory.
  ScopePtr in(const DirectoryRules& rules) const;
  // Returns the scope of the subdirectory `name`.
  ScopePtr enter(std::string_view name) const;

  Verdict judge(std::string_view name) const;
  // Returns about how many bytes the path patterns take, including those shared with other scopes.
  std::size_t memory() const;
  // Returns the maximum cost of enter(), in about nanoseconds.
  std::size_t entering_steps(std::string_view name) const;
  // Returns the maximum cost of judge(), in about nanoseconds, without the rules of options: for
  // each file Rules::most_steps() plus Rules::literal_steps().
  std::size_t most_steps() const;
  // Returns whether both scopes have the same rules in the same state, and so decide the same in
  // and below their directories.
  bool same_as(const Scope& other) const;

 private:
  // A path pattern that may still match below this directory. Before the end of its literal prefix
  // it is looked up by its next path component, and its glob has no state yet.
  struct Live {
    std::uint32_t pattern;
    // Offset of the next component in the literal prefix; the size of the prefix once all of it has
    // matched.
    std::size_t at;
    Glob::State state;
    bool operator==(const Live&) const = default;
  };
  using Positions = std::vector<std::uint32_t>;
  struct Layer {
    RulesPtr rules;
    Rank rank;
    std::vector<Live> live;  // in the order of the patterns
    Positions named;         // indexes in `live`: next component is literal; sorted by it
    Positions open;          // indexes in `live`: all others
    std::size_t memory = 0;
    const Rules::Pattern& pattern(const Live& of) const { return rules->patterns()[of.pattern]; }
    bool is_open(const Live& of) const;
    std::string_view name_at(std::uint32_t position) const;
  };
  using LayerPtr = std::shared_ptr<const Layer>;
  using Named = std::pair<Positions::const_iterator, Positions::const_iterator>;

  static LayerPtr make_layer(RulesPtr rules, Rank rank, std::vector<Live> live);
  static bool enter_live(const Rules::Pattern& pattern, std::string_view name, Live& live);
  static Named find_named(const Layer& layer, std::string_view name);
  static LayerPtr enter_layer(const LayerPtr& layer, std::string_view name);
  static LastMatch find_in(const Layer& layer, std::string_view name, Verdict& verdict);

  std::vector<LayerPtr> layers_;  // the strongest last
  bool same_below_ = true;        // no path pattern leads below this directory
};

// Returns whether `path`, relative to the directory of the scope, or a directory above it is
// ignored. Exceptions do not apply to entries of an ignored directory. Only tests call it.
bool is_ignored(ScopePtr scope, std::string_view path, bool directory);

}  // namespace lookout
