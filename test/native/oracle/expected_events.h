// The events that a script expects of its intervals. They are in its comments:
//
//   #> created file r0/b
//   #> renamed file r0/c from r0/a
//   #> or
//   #> renamed file r0/c from r0/a
//   #> created file r0/b
//   #> maybe modified file r0/c
//   rest
//
// The events come in this order, or in the order after an `or`, where the kernel allows several.
// What is `maybe` expected may come at any place, or not: a file that was written in the tick in
// which it was checked is checked again. An interval ends at its `rest`; of one without such a line
// any events may come. What a script does before its first `rest` is done before the engine
// watches.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace lookout::oracle {

struct ExpectedInterval {
  std::vector<std::vector<std::string>> sequences{};  // none: any events
  std::set<std::string> maybe{};
};

// By interval.
std::vector<ExpectedInterval> parse_expected(const std::string& script);

// nullopt where the events match, else a text that shows both.
std::optional<std::string> unexpected(const ExpectedInterval& expected,
                                      const std::vector<std::string>& events);

}  // namespace lookout::oracle
