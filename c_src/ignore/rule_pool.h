// The parsed rules of files, shared by content and within a budget. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "ignore/rules.h"

namespace lookout {

struct RuleLimits {
  std::size_t file_patterns = 4096;       // of one file
  std::size_t patterns = 65'536;          // of all files
  std::size_t bytes = 2UL * 1024 * 1024;  // of all files
};

class RulePool {
 public:
  explicit RulePool(const RuleLimits& limits = {}) : budget_(std::make_shared<Budget>(limits)) {}

  // The rules of a content that somebody holds; nullptr where nobody does.
  RulesPtr known(const std::string& content) const;
  // A parser of a content that is not known, within the limits of a file.
  RuleParser parser(const std::string& content);
  // The rules of a file, which were parsed from this content; the same object for the same content
  // while somebody holds it. nullptr where there are none or a limit of all files is exceeded.
  // Rules take their part of the budget until their last holder is gone.
  RulesPtr admit(const std::string& content, const RulesPtr& parsed);

  // How many parsers were made since the start.
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
