// The parsed rules of files, shared between files of equal content, within a budget. Makes no
// system call. Visibility owns it and calls it.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "ignore/rules.h"

namespace lookout {

struct RuleLimits {
  std::size_t file_patterns = 4096;       // per file
  std::size_t patterns = 65'536;          // of all files together
  std::size_t bytes = 2UL * 1024 * 1024;  // of all files together
};

class RulePool {
 public:
  explicit RulePool(const RuleLimits& limits = {}) : budget_(std::make_shared<Budget>(limits)) {}

  // Returns the rules of this content if they are in use; else nullptr.
  RulesPtr known(const std::string& content) const;
  // Returns a parser for content without known rules, with the limit for one file.
  RuleParser parser(const std::string& content);
  // Returns the rules of a file that were parsed from this content. Equal contents share one object
  // as long as it is in use. Returns nullptr if `parsed` is nullptr or a limit for all files would
  // be exceeded. Rules count towards the budget until their last reference is released.
  RulesPtr admit(const std::string& content, const RulesPtr& parsed);

  // Returns the number of parsers created so far.
  std::size_t parsed() const { return parsed_; }

 private:
  struct Budget {
    explicit Budget(const RuleLimits& allowed) : limits(allowed) {}

    const RuleLimits limits;
    std::size_t patterns = 0;
    std::size_t bytes = 0;
    std::map<std::string, std::weak_ptr<const Rules>> known;  // by content
  };

  std::shared_ptr<Budget> budget_;
  std::size_t parsed_ = 0;
};

}  // namespace lookout
