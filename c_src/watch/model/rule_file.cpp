#include "watch/model/rule_file.h"

#include "support/error.h"

namespace lookout {

std::string RuleFailure::reason() const {
  return code == kUntrusted ? "untrusted" : errno_name(code);
}

}  // namespace lookout
