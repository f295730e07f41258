// What a check of an entry works for: a round, which reports what it finds, or a crawl, which only
// loads. A directory that the check brings up is listed by the same.
#pragma once

#include "watch/reconcile/agenda.h"
#include "watch/reconcile/reporter.h"
#include "watch/reconcile/rule_loader.h"

namespace lookout {

struct Pass {
  Agenda& agenda;
  RuleLoader& rules;
  Reporter& reporter;
};

}  // namespace lookout
