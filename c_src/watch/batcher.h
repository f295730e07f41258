// Collects changes into batches and keeps notices in order between them; sends both only while
// there is credit. Makes no system call.
//
// EngineLoop owns it, adds what the reconciler and the roots report, and flushes it in its slices.
// It calls the listener within flush(), and within add() where a batch must be sent first.
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
  // Takes back all credit. A batch that was begun before is sent without credit.
  void revoke();
  bool has_credit() const { return credit_ > 0; }
  // The number of batches that may still be sent; nullopt is unlimited.
  std::optional<std::uint64_t> credit() const;

  // Sets which changes are reported from now on; add() drops the others.
  void want(ChangeSet changes) { wanted_ = changes; }

  void add(Event event);
  // Notices cost no credit, but are sent only while there is credit and room, so that they cannot
  // accumulate in the output. Those beyond a number of bytes that wait here are left out, and
  // counted in an OmittedNotice; those about roots themselves never are.
  void add(Notice notice);

  // Whether a batch is waiting for credit or room, so that the tree is ahead of seq().
  bool withholds_batch() const { return !may_send() && !batch_.empty() && !is_free_; }
  // Whether that or pending notices are waiting for credit or room.
  bool withholds() const { return withholds_batch() || (!may_send() && !notices_.empty()); }
  // Whether flush() should be called before more is added.
  bool is_due() const;
  // Sends, while the listener has room, the pending batch and the notices: those that were added
  // before the last change precede the batch, the others follow it. Once the notice that a root was
  // deleted follows the batch, all later ones do, too. The engine produces changes only while there
  // is credit; where a notice must come between two of them, the first may take the last credit,
  // and the second waits. A batch that costs more than the credit that is left is sent, and the
  // next grants pay for the rest.
  void flush();

  std::uint64_t seq() const { return seq_; }        // the number of the last batch
  std::uint64_t events() const { return events_; }  // reported so far

 private:
  bool may_send() const { return credit_ > 0 && listener_.has_room(); }
  bool cancels(const Notice& notice);
  bool omits(const Notice& notice);
  void send();
  void pay_for_batch();

  Listener& listener_;
  ChangeSet wanted_;
  std::uint64_t credit_ = 0;
  std::uint64_t seq_ = 0;
  std::uint64_t events_ = 0;
  std::vector<Event> batch_;
  std::size_t batch_bytes_ = 0;
  std::vector<Notice> notices_;
  std::size_t notices_first_ = 0;         // how many of notices_ precede the batch
  std::size_t notice_bytes_ = 0;          // of those of notices_ that may be left out
  std::optional<OmittedNotice> omitted_;  // follows notices_
  bool follows_batch_ = false;            // one of notices_ must not precede the batch
  bool ends_batch_ = false;               // one of notices_ must precede later events
  std::uint64_t debt_ = 0;                // what batches cost that were sent with too little credit
  bool is_free_ = false;                  // batch_ was begun before revoke()
};

}  // namespace lookout
