// Reports the changes that a round applies to the tree. The reporter of a crawl has no sink: what a
// crawl loads is reported later, by its root, or not at all. Reconciler owns both; the classes of
// reconcile/ that check entries call them.
#pragma once

#include <string>
#include <utility>

#include "watch/model/tree.h"
#include "watch/reconcile/change_sink.h"
#include "watch/reconcile/round_progress.h"

namespace lookout {

class Reporter {
 public:
  // `sink` is nullptr for a crawl.
  Reporter(const Tree& tree, ChangeSink* sink, RoundProgress& progress)
      : tree_(tree), sink_(sink), progress_(progress) {}
  Reporter(const Reporter&) = delete;
  Reporter& operator=(const Reporter&) = delete;

  bool reports() const { return sink_ != nullptr; }
  void report(Change change, NodeId node, std::string from = {}) {
    progress_.change();
    if (sink_ != nullptr) {
      sink_->change({change, tree_.type(node), tree_.path(node), std::move(from)});
    }
  }

 private:
  const Tree& tree_;
  ChangeSink* sink_;
  RoundProgress& progress_;
};

}  // namespace lookout
