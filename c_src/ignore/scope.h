// What rules say of the entries of one directory. Pure; raw bytes.
//
// Rules of several files hold in a directory: those that stand for it and for the directories
// above it, each with its patterns matched as far as this directory. A scope is immutable and
// shared: a directory of which no pattern says more than of its parent has its parent's.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
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
};

// The rules that git finds in one directory. Each may be nullptr.
struct DirectoryRules {
  RulesPtr gitignore;
  bool repository = false;  // one begins here: nothing that git finds above counts
  RulesPtr info_exclude;
  RulesPtr excludes_file;
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
  bool says_nothing() const { return layers_.empty(); }
  // Whether the same is decided here and below as in the other.
  bool same_as(const Scope& other) const;

 private:
  // A pattern on paths that may still match below this directory.
  struct Live {
    std::uint32_t pattern;
    Glob::State state;
    bool operator==(const Live&) const = default;
  };
  struct Layer {
    RulesPtr rules;
    Rank rank;
    std::vector<Live> live;  // in the order of the patterns
  };
  using LayerPtr = std::shared_ptr<const Layer>;

  static LayerPtr enter_layer(const LayerPtr& layer, std::string_view name);
  static bool judge_in(const Layer& layer, std::string_view name, Verdict& verdict);

  std::vector<LayerPtr> layers_;  // the strongest last
};

// Whether `path`, below the directory that the scope is of, is ignored: itself or a directory that
// it lies in. What lies in an ignored directory is ignored whatever is said of it.
bool is_ignored(ScopePtr scope, std::string_view path, bool directory);

}  // namespace lookout
