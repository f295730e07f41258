// Receives what the reconciler reports and does nothing.
#pragma once

#include "watch/reconcile/change_sink.h"

namespace lookout {

class SilentSink : public ChangeSink {
 public:
  void change(Event /*event*/) override {}
  void notice(Notice /*notice*/) override {}
  void root_removed(NodeId /*root*/) override {}
  void root_needs_check(NodeId /*root*/) override {}
  void visibility_changed(NodeId /*directory*/) override {}
};

}  // namespace lookout
