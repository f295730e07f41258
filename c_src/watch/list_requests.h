// The listings of the tree that subscribers have asked for. They are answered one after the other,
// in chunks, before any other work: the tree must not change during a listing. EngineLoop owns it,
// and calls step() in its slices; the handlers are called within step().
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "support/error.h"
#include "watch/list_reader.h"
#include "watch/model/entry.h"

namespace lookout {

class ListRequests {
 public:
  using ChunkHandler = std::function<void(std::vector<Entry>)>;
  using SeqHandler = std::function<void(Result<std::uint64_t>)>;

  bool any() const { return !requests_.empty(); }
  void add(ListReader reader, std::optional<std::string> under, ChunkHandler chunk,
           SeqHandler done) {
    requests_.push_back(
        {std::move(reader), std::move(under), std::move(chunk), std::move(done), false});
  }
  // Passes on the next chunk of the first listing, or its end with `seq`, the number of the last
  // batch.
  void step(std::uint64_t seq);

 private:
  struct Request {
    ListReader reader;
    std::optional<std::string> under;
    ChunkHandler chunk;
    SeqHandler done;
    bool started;
  };

  std::deque<Request> requests_;
};

}  // namespace lookout
