#include "ignore/rules.h"

#include <algorithm>
#include <utility>

namespace lookout {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kSpecial = "*?[\\";

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

RulesPtr Rules::parse(std::string_view content) {
  auto rules = std::make_shared<Rules>();
  if (content.starts_with(kByteOrderMark)) content.remove_prefix(kByteOrderMark.size());
  while (!content.empty()) {
    const std::size_t end = std::min(content.find('\n'), content.size());
    rules->add_line(content.substr(0, end));
    content.remove_prefix(std::min(end + 1, content.size()));
  }
  return rules;
}

RulesPtr Rules::of(const std::vector<std::string>& lines) {
  auto rules = std::make_shared<Rules>();
  for (const std::string& line : lines) rules->add_line(line);
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
  const bool ends_with_literal =
      pattern.starts_with('*') && pattern.find_first_of(kSpecial, 1) == std::string_view::npos;
  if (pattern.ends_with('/')) {
    made.directory_only = true;
    pattern.remove_suffix(1);
  }
  if (pattern.empty()) return;
  made.on_path = pattern.find('/') != std::string_view::npos;

  std::size_t plain = std::min(pattern.find_first_of(kSpecial), pattern.size());
  if (made.on_path) {
    if (pattern.starts_with('/')) {
      pattern.remove_prefix(1);
      --plain;
    }
    // Whole directories only, since the stars of a**/b are no `**`, as gitignore(5) says. (Git 2.39
    // takes all of the plain beginning off and then finds a `**` there; later ones do not.)
    plain = plain == 0 ? 0 : pattern.rfind('/', plain - 1) + 1;
    made.glob = Glob(pattern.substr(0, plain), pattern.substr(plain));
  } else if (plain == pattern.size()) {
    made.literal = pattern;
  } else if (ends_with_literal) {
    made.match = Pattern::Match::suffix;
    made.literal = pattern.substr(1);
  } else {
    made.match = Pattern::Match::glob;
    made.glob = Glob({}, pattern);
  }
  const auto index = static_cast<std::uint32_t>(patterns_.size());
  (made.on_path ? on_paths_ : on_names_).push_back(index);
  patterns_.push_back(std::move(made));
}

}  // namespace lookout
