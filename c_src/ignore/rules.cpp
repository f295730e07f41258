#include "ignore/rules.h"

#include <algorithm>
#include <utility>

namespace lookout {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kSpecial = "*?[\\";

constexpr std::size_t kLongestName = 255;

// Measured, in nanoseconds: each comparison; each word of a state for each byte of a name; each
// path pattern when a directory is entered (a quarter of it); each file, and each suffix length
// like that of `*.o`, when a name is looked up.
constexpr std::size_t kComparison = 40;
constexpr std::size_t kWord = 4;
constexpr std::size_t kEntering = 100;
constexpr std::size_t kLookup = 1000;
constexpr std::size_t kEnding = 200;

std::size_t steps_of(const Rules::Pattern& made) {
  const bool searched = made.match != Rules::Pattern::Match::glob;
  const std::size_t compared = searched ? 0 : made.steps(kLongestName);
  return compared + (made.on_path ? kEntering : 0);
}

// Measured, in nanoseconds: each line when parsing, each byte of it and each bracket; each pattern
// when indexing.
constexpr std::size_t kLine = 200;
constexpr std::size_t kByte = 30;
constexpr std::size_t kBracket = 1000;
constexpr std::size_t kIndexed = 120;
constexpr std::size_t kParseSlice = 500'000;

std::string_view without_spaces_at_end(std::string_view line) {
  std::size_t end = line.size();
  bool in_spaces = false;
  for (std::size_t at = 0; at < line.size(); ++at) {
    if (line[at] == ' ') {
      if (!std::exchange(in_spaces, true)) end = at;
      continue;
    }
    if (line[at] == '\\' && ++at == line.size()) return line;
    in_spaces = false;
  }
  return in_spaces ? line.substr(0, end) : line;
}

}  // namespace

void LastMatch::take(const LastMatch& match) {
  any = std::max(any, match.any);
  other = std::max(other, match.other);
}

bool Rules::Pattern::matches_name(std::string_view name) const {
  switch (match) {
    case Match::exact:
      return name == literal;
    case Match::suffix:
      return name.ends_with(literal);
    case Match::glob:
      return glob.matches(name);
  }
  return false;
}

std::size_t Rules::Pattern::steps(std::size_t bytes) const {
  return kComparison + glob.longest(bytes) * glob.words() * kWord;
}

RulesPtr Rules::parse(std::string_view content, std::size_t most) {
  RuleParser parser{std::string(content), most};
  while (parser.step()) {
  }
  return parser.rules();
}

RulesPtr Rules::of(const std::vector<std::string>& lines) {
  auto rules = std::make_shared<Rules>();
  for (const std::string& line : lines) rules->add_line(line);
  rules->index();
  return rules;
}

void Rules::add_line(std::string_view line) {
  if (line.starts_with('#')) return;
  if (line.ends_with('\r')) line.remove_suffix(1);
  line = line.substr(0, line.find('\0'));
  add_pattern(without_spaces_at_end(line));
}

void Rules::add_pattern(std::string_view pattern) {
  Pattern made;
  if (pattern.starts_with('!')) {
    made.negated = true;
    pattern.remove_prefix(1);
  }
  if (pattern.ends_with('/')) {
    made.directory_only = true;
    pattern.remove_suffix(1);
  }
  // Such a pattern applies in all directories, like a name without a slash.
  while (pattern.starts_with("**/") && pattern.find('/', 3) == std::string_view::npos) {
    pattern.remove_prefix(3);
  }
  if (pattern.empty()) return;
  made.on_path = pattern.find('/') != std::string_view::npos;
  const bool ends_with_literal =
      pattern.starts_with('*') && pattern.find_first_of(kSpecial, 1) == std::string_view::npos;

  std::size_t plain = std::min(pattern.find_first_of(kSpecial), pattern.size());
  if (made.on_path) {
    if (pattern.starts_with('/')) {
      pattern.remove_prefix(1);
      --plain;
    }
    // Only whole directories: in a**/b the stars are not a `**`, as gitignore(5) says. (Git 2.39
    // removes the whole literal prefix and then finds a `**` there; later versions do not.)
    const bool literal = plain == pattern.size();
    plain = plain == 0 ? 0 : pattern.rfind('/', plain - 1) + 1;
    made.literal = literal ? pattern : pattern.substr(0, plain);
    if (!literal) {
      made.match = Pattern::Match::glob;
      made.glob = Glob(pattern.substr(plain));
    }
  } else if (plain == pattern.size()) {
    made.literal = pattern;
  } else if (ends_with_literal) {
    made.match = Pattern::Match::suffix;
    made.literal = pattern.substr(1);
  } else {
    made.match = Pattern::Match::glob;
    made.glob = Glob(pattern);
  }
  most_steps_ += steps_of(made);
  patterns_.push_back(std::move(made));
}

std::size_t Rules::literal_steps() const {
  return kLookup + suffix_lengths_.size() * kEnding;
}

LastMatch Rules::last_match(std::uint32_t pattern) const {
  return {pattern + 1, patterns_[pattern].directory_only ? 0 : pattern + 1};
}

void Rules::index() {
  patterns_.shrink_to_fit();
  for (std::uint32_t i = 0; i < patterns_.size(); ++i) {
    const Pattern& pattern = patterns_[i];
    if (pattern.on_path) {
      on_paths_.push_back(i);
    } else if (pattern.match == Pattern::Match::glob) {
      globs_.push_back(i);
    } else {
      (pattern.match == Pattern::Match::exact ? names_ : suffixes_).push_back(last_match(i));
    }
  }
  sort(names_);
  sort(suffixes_);
  for (const LastMatch& suffix : suffixes_) suffix_lengths_.push_back(literal_of(suffix).size());
  std::sort(suffix_lengths_.begin(), suffix_lengths_.end());
  suffix_lengths_.erase(std::unique(suffix_lengths_.begin(), suffix_lengths_.end()),
                        suffix_lengths_.end());
}

std::string_view Rules::literal_of(const LastMatch& match) const {
  return patterns_[match.any - 1].literal;
}

// Merges patterns with the same literal into one entry.
void Rules::sort(Literals& literals) const {
  std::sort(literals.begin(), literals.end(), [this](const LastMatch& a, const LastMatch& b) {
    return literal_of(a) < literal_of(b);
  });
  std::size_t kept = 0;
  for (const LastMatch& match : literals) {
    if (kept > 0 && literal_of(literals[kept - 1]) == literal_of(match)) {
      literals[kept - 1].take(match);
    } else {
      literals[kept++] = match;
    }
  }
  literals.resize(kept);
  literals.shrink_to_fit();
}

void Rules::find(const Literals& literals, std::string_view literal, LastMatch& found) const {
  const auto at = std::lower_bound(literals.begin(), literals.end(), literal,
                                   [this](const LastMatch& match, std::string_view wanted) {
                                     return literal_of(match) < wanted;
                                   });
  if (at != literals.end() && literal_of(*at) == literal) found.take(*at);
}

LastMatch Rules::find_literal(std::string_view name) const {
  LastMatch found;
  find(names_, name, found);
  for (const std::size_t length : suffix_lengths_) {
    if (length > name.size()) break;
    find(suffixes_, name.substr(name.size() - length), found);
  }
  return found;
}

RuleParser::RuleParser(std::string content, std::size_t most)
    : content_(std::move(content)), most_(most), rules_(std::make_shared<Rules>()) {
  if (content_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
}

bool RuleParser::step() {
  if (ended_) return false;
  const std::size_t before = work_;
  if (at_ < content_.size()) {
    while (at_ < content_.size() && work_ - before < kParseSlice) take_line();
  } else {
    rules_->index();
    work_ += rules_->patterns_.size() * kIndexed;
    ended_ = true;
  }
  largest_slice_ = std::max(largest_slice_, work_ - before);
  return !ended_;
}

void RuleParser::take_line() {
  const std::size_t end = std::min(content_.find('\n', at_), content_.size());
  const std::string_view line = std::string_view(content_).substr(at_, end - at_);
  at_ = std::min(end + 1, content_.size());
  work_ += kLine;
  if (line.starts_with('#')) return;
  if (line.size() > kLongestPattern) {
    work_ += line.size() * kByte;
    // Each byte of the line matches one byte of a path, except a "!" and slashes at the ends, so it
    // matches no path.
    constexpr std::size_t kEnds = 3;
    const bool literal = line.find_first_of("*[\\ ") == std::string_view::npos;
    if (literal && line.size() > kLongestPattern + kEnds) return;
    return refuse();
  }
  const auto brackets = std::min(std::count(line.begin(), line.end(), '['),
                                 std::count(line.begin(), line.end(), ']'));
  work_ += line.size() * kByte + static_cast<std::size_t>(brackets) * kBracket;
  rules_->add_line(line);
  if (rules_->patterns_.size() > most_) refuse();
}

void RuleParser::refuse() {
  rules_ = nullptr;
  ended_ = true;
  at_ = content_.size();
}

}  // namespace lookout
