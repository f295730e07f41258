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

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ignore/glob.h"

namespace lookout {

class Rules;
using RulesPtr = std::shared_ptr<const Rules>;

class Rules {
 public:
  struct Pattern {
    enum class Match : std::uint8_t { exact, suffix, glob };
    bool negated = false;
    bool directory_only = false;
    bool on_path = false;        // else it is compared with the name alone
    Match match = Match::exact;  // of a name; a path is matched by the glob
    std::string literal;         // the name, or what it ends with
    Glob glob{{}, {}};

    bool matches_name(std::string_view name) const;
  };

  // The content of a file.
  static RulesPtr parse(std::string_view content);
  // Each element stands for one line; LF is a byte as others here.
  static RulesPtr of(const std::vector<std::string>& lines);

  // In the order of the lines: the last that matches decides.
  const std::vector<Pattern>& patterns() const { return patterns_; }
  // Which of them are compared with names, and which with paths.
  const std::vector<std::uint32_t>& on_names() const { return on_names_; }
  const std::vector<std::uint32_t>& on_paths() const { return on_paths_; }

 private:
  void add_line(std::string_view line);
  void add_pattern(std::string_view pattern);

  std::vector<Pattern> patterns_;
  std::vector<std::uint32_t> on_names_;
  std::vector<std::uint32_t> on_paths_;
};

}  // namespace lookout
