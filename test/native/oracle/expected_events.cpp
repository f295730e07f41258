#include "oracle/expected_events.h"

#include <algorithm>
#include <iterator>
#include <sstream>
#include <string_view>

namespace lookout::oracle {
namespace {

constexpr std::string_view kMark = "#> ";
constexpr std::string_view kMaybe = "maybe ";

void add(ExpectedInterval& interval, std::string_view line) {
  if (line.starts_with(kMaybe)) {
    interval.maybe.emplace(line.substr(kMaybe.size()));
    return;
  }
  if (interval.sequences.empty() || line == "or") interval.sequences.emplace_back();
  if (line != "or") interval.sequences.back().emplace_back(line);
}

std::string indented(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += "\n    " + line;
  return text;
}

}  // namespace

std::vector<ExpectedInterval> parse_expected(const std::string& script) {
  std::vector<ExpectedInterval> intervals(1);
  std::istringstream stream(script);
  for (std::string line; std::getline(stream, line);) {
    if (line == "rest") intervals.emplace_back();
    if (line.starts_with(kMark)) add(intervals.back(), std::string_view(line).substr(kMark.size()));
  }
  return intervals;
}

std::optional<std::string> unexpected(const ExpectedInterval& expected,
                                      const std::vector<std::string>& events) {
  if (expected.sequences.empty()) return std::nullopt;
  std::vector<std::string> certain;
  std::copy_if(events.begin(), events.end(), std::back_inserter(certain),
               [&](const std::string& event) { return !expected.maybe.contains(event); });
  const auto& all = expected.sequences;
  if (std::find(all.begin(), all.end(), certain) != all.end()) return std::nullopt;
  std::string text = "the events are not those that the script expects; they are:";
  text += indented(events);
  for (const auto& sequence : all)
    text += (&sequence == &all.front() ? "\n  expected:" : "\n  or:") + indented(sequence);
  return text;
}

}  // namespace lookout::oracle
