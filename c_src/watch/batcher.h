// Gathers changes into batches and notices between them, and sends them on credit. Pure.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "watch/engine.h"
#include "watch/entry.h"

namespace lookout {

class Batcher {
 public:
  explicit Batcher(Listener& listener) : listener_(listener) { wanted_.set(); }

  void grant(std::uint64_t batches);
  bool has_credit() const { return credit_ > 0; }
  // Batches; nullopt is unlimited.
  std::optional<std::uint64_t> credit() const;

  // Which changes are told from now on; the others are dropped.
  void want(ChangeSet changes) { wanted_ = changes; }

  void add(Event event);
  // Notices wait for credit though they cost none, so that they cannot pile up in the output.
  void add(Notice notice);

  // Whether notices wait for credit.
  bool withholds() const { return credit_ == 0 && !notices_.empty(); }
  // Whether it should be flushed before there is more.
  bool is_due() const;
  // Sends what there is: changes, which are found on credit only, and around them the notices:
  // those that were added before the last change come first.
  void flush();

  std::uint64_t seq() const { return seq_; }        // of the last batch
  std::uint64_t events() const { return events_; }  // told so far

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
  std::size_t notices_first_ = 0;  // how many of them come before the batch
};

}  // namespace lookout
