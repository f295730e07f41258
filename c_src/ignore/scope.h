// What rules say of the entries of one directory. Pure; raw bytes.
//
// Rules of several files hold in a directory: those that stand for it and for the directories
// above it, each with its patterns matched as far as this directory. A scope is immutable and
// shared: a directory of which no pattern says more than of its parent has its parent's.
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
  ignored,  // the last that matches says so
  included  // the last that matches is an exception (`!`)
};

// What is decided of a name: should it be a directory, and should it be anything else.
struct Verdict {
  Decision directory = Decision::none;
  Decision other = Decision::none;
  std::uint32_t compared = 0;  // patterns that had to be compared with the name one by one
  std::size_t steps = 0;       // what that and the search cost, in about nanoseconds
};

// The rules that git finds in one directory. Each may be nullptr.
struct DirectoryRules {
  RulesPtr gitignore;
  bool repository = false;  // one begins here: nothing that git finds above counts
  RulesPtr info_exclude;
  RulesPtr excludes_file;

  bool operator==(const DirectoryRules&) const = default;
};

class Scope;
using ScopePtr = std::shared_ptr<const Scope>;

class Scope : public std::enable_shared_from_this<Scope> {
 public:
  // The later ones win, as in git's dir.c: --exclude, .gitignore files (the deeper the stronger),
  // $GIT_DIR/info/exclude, core.excludesFile.
  enum class Rank : std::uint8_t { excludes_file, info_exclude, directory, option };

  // Nothing is said.
  static ScopePtr empty();

  // With rules that stand for this directory; they win over those of the same rank.
  ScopePtr with(RulesPtr rules, Rank rank) const;
  // With the rules of one rank alone.
  ScopePtr only(Rank rank) const;
  // With what git finds in this directory.
  ScopePtr in(const DirectoryRules& rules) const;
  // The scope of the directory `name` in this one.
  ScopePtr enter(std::string_view name) const;

  Verdict judge(std::string_view name) const;
  // About how many bytes it takes for patterns on paths, those that it shares included.
  std::size_t memory() const;
  // What enter() costs at most, in about nanoseconds.
  std::size_t entering_steps() const;
  // As Rules::most_steps(), with the search, of all rules but those of options.
  std::size_t most_steps() const;
  // Whether the same is decided here and below as in the other.
  bool same_as(const Scope& other) const;

 private:
  // A pattern on paths that may still match below this directory. While its literal beginning is
  // not passed it is found by the name that it needs next, and its glob has no state yet.
  struct Live {
    std::uint32_t pattern;
    std::size_t at;  // of that name in the literal; its size when it is passed
    Glob::State state;
    bool operator==(const Live&) const = default;
  };
  using Positions = std::vector<std::uint32_t>;
  struct Layer {
    RulesPtr rules;
    Rank rank;
    std::vector<Live> live;  // in the order of the patterns
    Positions named;         // in `live`: can only match below one name here; by that name
    Positions open;          // in `live`: all others
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
  bool same_below_ = true;        // no pattern is on paths that lead below this directory
};

// Whether `path`, below the directory that the scope is of, is ignored: itself or a directory that
// it lies in. What lies in an ignored directory is ignored whatever is said of it.
bool is_ignored(ScopePtr scope, std::string_view path, bool directory);

}  // namespace lookout
