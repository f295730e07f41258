// Collects changes into batches and keeps notices in order between them; sends both only while
// there is credit. Pure.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "watch/engine.h"
#include "watch/model/entry.h"

namespace lookout {

class Batcher {
 public:
  explicit Batcher(Listener& listener) : listener_(listener) { wanted_.set(); }

  // The number of the last batch of an earlier run, which this one continues.
  void continue_after(std::uint64_t seq) { seq_ = seq; }
  void grant(std::uint64_t batches);
  void revoke() {
    credit_ = 0;
    overdrawn_ = false;
  }
  bool has_credit() const { return credit_ > 0; }
  // The number of batches that may still be sent; nullopt is unlimited.
  std::optional<std::uint64_t> credit() const;

  // Sets which changes are reported from now on; add() drops the others.
  void want(ChangeSet changes) { wanted_ = changes; }

  void add(Event event);
  // Notices cost no credit, but are sent only while there is credit, so that they cannot accumulate
  // in the output.
  void add(Notice notice);

  // Whether pending notices are waiting for credit.
  bool withholds() const { return credit_ == 0 && !notices_.empty(); }
  // Whether flush() should be called before more is added.
  bool is_due() const;
  // Sends the pending batch and, while there is credit, the notices: those that were added before
  // the last change precede the batch, the others follow it. Once the notice that a root was
  // deleted follows the batch, all later ones do, too. The batch itself needs no check of the
  // credit, since the engine produces changes only while there is credit.
  void flush();

  std::uint64_t seq() const { return seq_; }        // the number of the last batch
  std::uint64_t events() const { return events_; }  // reported so far

 private:
  bool cancels(const Notice& notice);

  Listener& listener_;
  ChangeSet wanted_;
  std::uint64_t credit_ = 0;
  std::uint64_t seq_ = 0;
  std::uint64_t events_ = 0;
  std::vector<Event> batch_;
  std::size_t batch_bytes_ = 0;
  std::vector<Notice> notices_;
  std::size_t notices_first_ = 0;  // how many of notices_ precede the batch
  bool follows_batch_ = false;     // one of notices_ must not precede the batch
  bool ends_batch_ = false;        // one of notices_ must precede later events
  bool overdrawn_ = false;         // a batch was begun without credit; the next grant pays for it
};

}  // namespace lookout
