// The lines of one gitignore file, or patterns written as such lines. Pure; works on raw bytes.
// Scopes and filters share them; Scope and Visibility call them.
//
// Follows git's dir.c (add_patterns_from_buffer and its callees). A UTF-8 byte order mark at the
// beginning is skipped. CR before LF is not part of the line. A NUL byte ends a line. Empty lines
// and lines that begin with `#` are no patterns. Trailing spaces count only after a backslash. A
// leading `!` makes an exception. A trailing `/` restricts the pattern to directories. A pattern
// without another `/` is compared with names at any depth, otherwise with paths below the directory
// to which the rules apply. Names are compared byte by byte (as with core.ignoreCase=false).
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

// The last patterns of a file that match a name, as their index plus 1; 0 if none matches. The last
// match decides, so earlier matches need not be recorded.
struct LastMatch {
  std::uint32_t any = 0;    // among all patterns
  std::uint32_t other = 0;  // among patterns that are not restricted to directories

  void take(const LastMatch& match);
};

class Rules {
 public:
  struct Pattern {
    enum class Match : std::uint8_t { exact, suffix, glob };
    bool negated = false;
    bool directory_only = false;
    bool on_path = false;        // compared with a path; else with the name alone
    Match match = Match::exact;  // of a name; for a path `exact`, or `glob` after a literal prefix
    // The name or its suffix. For a path, the literal directories at its beginning, or all of it.
    std::string literal;
    Glob glob{std::string_view()};  // what follows the literal prefix of a path

    bool matches_name(std::string_view name) const;
    // Returns the maximum cost of a comparison with `bytes` bytes, in about nanoseconds.
    std::size_t steps(std::size_t bytes) const;
  };

  static constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1);

  // Parses the content of a file. Returns nullptr as RuleParser::rules() does.
  static RulesPtr parse(std::string_view content, std::size_t most = kNoLimit);
  // Each element is one line; LF has no special meaning in it.
  static RulesPtr of(const std::vector<std::string>& lines);

  // The patterns in the order of their lines. The last one that matches decides.
  const std::vector<Pattern>& patterns() const { return patterns_; }
  LastMatch last_match(std::uint32_t pattern) const;
  // Returns the last matches of a name among patterns without wildcards and patterns like `*.o`.
  // Takes one binary search, plus one for each distinct length of such suffixes.
  LastMatch find_literal(std::string_view name) const;
  // The other patterns on names. Each of them has to be compared.
  const std::vector<std::uint32_t>& globs() const { return globs_; }
  const std::vector<std::uint32_t>& on_paths() const { return on_paths_; }
  // Returns the maximum cost of a comparison with a name, in about nanoseconds. Entering a
  // directory, once for all names in it, costs at most four times as much.
  std::size_t most_steps() const { return most_steps_; }
  // Returns the cost of find_literal(), in the same unit.
  std::size_t literal_steps() const;

 private:
  friend class RuleParser;
  // Entries sorted by the literal of their pattern, one for each literal.
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

// In bytes. No path that a system call accepts is longer (PATH_MAX). The limit does not apply to
// patterns given as options.
inline constexpr std::size_t kLongestPattern = 4096;

// Parses the content of a file in slices of at most about one millisecond.
class RuleParser {
 public:
  explicit RuleParser(std::string content, std::size_t most = Rules::kNoLimit);

  // Parses one slice. Returns false when nothing is left.
  bool step();
  // Call it after the last step(). Returns nullptr if parsing was aborted: there are more than
  // `most` patterns, or one is longer than kLongestPattern and might match a path nevertheless.
  RulesPtr rules() const { return rules_; }
  // The cost of all slices so far, in about nanoseconds, and of the largest slice.
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
