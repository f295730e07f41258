// The lines of one gitignore file, or patterns written as such lines. Pure; raw bytes.
//
// Follows git's dir.c (add_patterns_from_buffer and what it calls): a byte order mark of UTF-8 at
// the beginning is passed over, CR before LF is no part of the line, a line ends at a NUL byte,
// lines that are empty or begin with `#` are no patterns, spaces at the end count only behind a
// backslash, `!` in front makes an exception, `/` at the end is for directories alone; without
// another `/` a pattern is compared with names at any depth, else with paths below the
// directory that the rules stand for. Names are compared byte by byte (as with
// core.ignoreCase=false).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ignore/glob.h"

namespace lookout {

class Rules;
using RulesPtr = std::shared_ptr<const Rules>;

// The last patterns of a file that match a name, as their index plus 1; 0 for none. The last one
// decides, so no other has to be known.
struct LastMatch {
  std::uint32_t any = 0;    // of all patterns
  std::uint32_t other = 0;  // of those that are not for directories alone

  void take(const LastMatch& match);
};

class Rules {
 public:
  struct Pattern {
    enum class Match : std::uint8_t { exact, suffix, glob };
    bool negated = false;
    bool directory_only = false;
    bool on_path = false;        // else it is compared with the name alone
    Match match = Match::exact;  // of a name; of a path: exact, or a literal beginning and a glob
    std::string literal;  // the name, or what it ends with; of a path its literal directories
    Glob glob{std::string_view()};  // what follows the literal beginning of a path

    bool matches_name(std::string_view name) const;
    // What a comparison with so many bytes costs at most, in about nanoseconds.
    std::size_t steps(std::size_t bytes) const;
  };

  static constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1);

  // The content of a file; nullptr as of RuleParser.
  static RulesPtr parse(std::string_view content, std::size_t most = kNoLimit);
  // Each element stands for one line; LF is a byte as others here.
  static RulesPtr of(const std::vector<std::string>& lines);

  // In the order of the lines: the last that matches decides.
  const std::vector<Pattern>& patterns() const { return patterns_; }
  LastMatch last_match(std::uint32_t pattern) const;
  // The last of the patterns without wildcards, and of those like `*.o`, that match a name. It
  // takes a binary search, and one more for each length that such an ending has.
  LastMatch find_literal(std::string_view name) const;
  // The other patterns on names: each has to be compared.
  const std::vector<std::uint32_t>& globs() const { return globs_; }
  const std::vector<std::uint32_t>& on_paths() const { return on_paths_; }
  // What a comparison with a name costs at most, in about nanoseconds. Entering a directory, which
  // is done once for all names in it, takes at most four times as long.
  std::size_t most_steps() const { return most_steps_; }
  // What find_literal() costs, in the same unit.
  std::size_t literal_steps() const;

 private:
  friend class RuleParser;
  // Patterns by literal, in the order of the literals, one entry for each.
  using Literals = std::vector<LastMatch>;

  void add_line(std::string_view line);
  void add_pattern(std::string_view pattern);
  void index();
  std::string_view literal_of(const LastMatch& match) const;
  void sort(Literals& literals) const;
  void find(const Literals& literals, std::string_view literal, LastMatch& found) const;

  std::vector<Pattern> patterns_;
  Literals names_;
  Literals suffixes_;
  std::vector<std::size_t> suffix_lengths_;  // ascending
  std::vector<std::uint32_t> globs_;
  std::vector<std::uint32_t> on_paths_;
  std::size_t most_steps_ = 0;
};

// No path that a system call takes is longer (PATH_MAX), in bytes. As an option a longer pattern
// matches as others do.
inline constexpr std::size_t kLongestPattern = 4096;

// Parses the content of a file in slices, none of which takes longer than a millisecond or so.
class RuleParser {
 public:
  explicit RuleParser(std::string content, std::size_t most = Rules::kNoLimit);

  // Parses a slice. False when nothing is left.
  bool step();
  // At the end. nullptr where there are more than `most` patterns, or one is longer than
  // kLongestPattern and might match a path all the same: the rest was not parsed.
  RulesPtr rules() const { return rules_; }
  // The cost of all slices so far, in about nanoseconds, and of the largest one.
  std::size_t work() const { return work_; }
  std::size_t largest_slice() const { return largest_slice_; }

 private:
  void take_line();
  void refuse();

  const std::string content_;
  const std::size_t most_;
  std::size_t at_ = 0;
  std::size_t work_ = 0;
  std::size_t largest_slice_ = 0;
  bool ended_ = false;
  std::shared_ptr<Rules> rules_;
};

}  // namespace lookout
