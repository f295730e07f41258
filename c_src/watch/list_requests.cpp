#include "watch/list_requests.h"

#include <utility>

namespace lookout {

void ListRequests::step(std::uint64_t seq) {
  Request& request = requests_.front();
  std::optional<Error> error;
  if (!std::exchange(request.started, true)) error = request.reader.start(request.under);
  if (!error && request.reader.more()) {
    request.chunk(request.reader.next());
    return;
  }
  const Request done = std::move(request);
  requests_.pop_front();
  done.done(error ? Result<std::uint64_t>(*error) : Result<std::uint64_t>(seq));
}

}  // namespace lookout
