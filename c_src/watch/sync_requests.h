// The syncs that subscribers have asked for: each is answered when all changes made before it have
// been reported, or after a number of rounds if the changes never end. EngineLoop owns it, and
// calls answer() in its slices; the handlers are called within answer().
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "support/error.h"

namespace lookout {

class SyncRequests {
 public:
  using SeqHandler = std::function<void(Result<std::uint64_t>)>;

  bool any() const { return !requests_.empty(); }
  // `round` is the last round that the sync waits for, and `check` the last check of a root.
  void add(std::uint64_t round, std::uint64_t check, SeqHandler done) {
    requests_.push_back({round, check, std::move(done)});
  }
  // Answers those for which `is_due(round, check)` holds, with the number of the last batch.
  template <class IsDue>
  void answer(std::uint64_t seq, IsDue is_due) {
    std::erase_if(requests_, [&](Request& request) {
      if (!is_due(request.round, request.check)) return false;
      request.done(seq);
      return true;
    });
  }

 private:
  struct Request {
    std::uint64_t round;
    std::uint64_t check;
    SeqHandler done;
  };

  std::vector<Request> requests_;
};

}  // namespace lookout
