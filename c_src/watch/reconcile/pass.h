// The context of a check: a round, which reports changes, or a crawl, which only loads the tree. A
// directory that the check finds is added to the agenda of the same round or crawl. Reconciler owns
// one for rounds and one for the crawl; the classes that check read it.
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
