#include "bridge/session.h"

#include <cerrno>
#include <utility>
#include <variant>

namespace lookout {

void Session::on_payload(std::string_view payload) {
  auto decoded = decode_request(payload);
  if (auto* refused = std::get_if<RefusedRequest>(&decoded)) {
    outbox_.send(Reply{refused->id, std::move(refused->error)});
    return;
  }
  const std::size_t cost = payload.size() + kRequestCost;
  std::visit(
      [this, cost](auto&& request) { serve(std::forward<decltype(request)>(request), cost); },
      std::get<Request>(std::move(decoded)));
}

void Session::serve(const WatchRequest& request, std::size_t cost) {
  if (!admit(request.id, "watch", cost)) return;
  if (request.cursor) {
    watching_.watch_from(request.paths, request.options, *request.cursor,
                         watch_handler<std::uint64_t>(request, cost));
  } else {
    watching_.watch(request.paths, request.options, watch_handler<Done>(request, cost));
  }
}

// A watch that fails applies neither its settings nor its credit.
template <class T>
std::function<void(Result<T>)> Session::watch_handler(const WatchRequest& request,
                                                      std::size_t cost) {
  return [this, id = request.id, cost, settings = request.settings,
          credit = request.credit](Result<T> result) {
    waiting_ -= cost;
    const bool succeeded = std::holds_alternative<T>(result);
    reply(id, std::move(result));
    if (!succeeded || left_) return;
    watching_.set(settings);
    if (credit > 0) watching_.grant(credit);
  };
}

void Session::serve(const UnwatchRequest& request, std::size_t cost) {
  if (!admit(request.id, "unwatch", cost)) return;
  watching_.unwatch(request.path, done_handler(request.id, cost));
}

void Session::serve(const SyncRequest& request, std::size_t cost) {
  if (!admit(request.id, "sync", cost)) return;
  watching_.sync(seq_handler(request.id, cost));
}

void Session::serve(const SaveRequest& request, std::size_t cost) {
  if (!admit(request.id, "save", cost)) return;
  watching_.save(request.name, seq_handler(request.id, cost));
}

void Session::serve(ListRequest request, std::size_t cost) {
  if (!admit(request.id, "list", cost)) return;
  auto chunk = [this, id = request.id, with_stat = request.with_stat](std::vector<Entry> entries) {
    outbox_.send(Entries{id, std::move(entries), with_stat});
  };
  watching_.list(std::move(request.under), request.with_stat, std::move(chunk),
                 seq_handler(request.id, cost));
}

void Session::serve(const InfoRequest& request, std::size_t /*cost*/) {
  reply(request.id, watching_.info());
}

void Session::serve(const PingRequest& request, std::size_t /*cost*/) {
  outbox_.send(Reply{request.id, Done{}});
}

void Session::serve(const CreditRequest& request, std::size_t /*cost*/) {
  if (request.batches > 0) watching_.grant(request.batches);
}

// A spawn that fails grants no credit.
void Session::serve(const SpawnRequest& request, std::size_t cost) {
  if (!admit(request.id, "spawn", cost)) return;
  commanding_.spawn(request.spec, [this, id = request.id, credit = request.credit,
                                   cost](Result<std::uint64_t> result) {
    waiting_ -= cost;
    const bool succeeded = std::holds_alternative<std::uint64_t>(result);
    reply(id, std::move(result));
    if (!succeeded || credit == 0) return;
    commanding_.grant(OutputStreamName::output, credit);
    commanding_.grant(OutputStreamName::errors, credit);
  });
}

// The request has no id, so only an error is answered.
void Session::serve(const InputRequest& request, std::size_t /*cost*/) {
  Result<Done> result = commanding_.write(request.bytes);
  if (std::holds_alternative<Error>(result)) reply(std::nullopt, std::move(result));
}

void Session::serve(const CloseInputRequest& request, std::size_t /*cost*/) {
  reply(request.id, commanding_.close_input());
}

void Session::serve(const SignalRequest& request, std::size_t cost) {
  if (!admit(request.id, "signal", cost)) return;
  commanding_.signal(request.number, done_handler(request.id, cost));
}

void Session::serve(const StopRequest& request, std::size_t cost) {
  if (!admit(request.id, "stop", cost)) return;
  commanding_.stop(request.grace, done_handler(request.id, cost));
}

void Session::serve(const ResizeRequest& request, std::size_t /*cost*/) {
  reply(request.id, commanding_.resize(request.size));
}

void Session::serve(const StatsRequest& request, std::size_t /*cost*/) {
  reply(request.id, commanding_.stats());
}

void Session::serve(const ReadRequest& request, std::size_t /*cost*/) {
  commanding_.grant(request.stream, request.bytes);
}

void Session::on_room() {
  watching_.resume();
  commanding_.resume();
}

template <class T>
void Session::reply(std::optional<RequestId> id, Result<T> result) {
  std::visit(
      [this, id](auto outcome) {
        outbox_.send(Reply{id, std::move(outcome)});
      },
      std::move(result));
}

bool Session::admit(RequestId id, std::string_view operation, std::size_t cost) {
  if (waiting_ > 0 && waiting_ + cost > kMaxWaiting) {
    Error error = errno_error(EAGAIN, std::string(operation), "");
    error.detail += "; too many requests wait for their reply, ask again when some have it";
    outbox_.send(Reply{id, std::move(error)});
    return false;
  }
  waiting_ += cost;
  return true;
}

Engine::DoneHandler Session::done_handler(RequestId id, std::size_t cost) {
  return [this, id, cost](Result<Done> result) {
    waiting_ -= cost;
    reply(id, std::move(result));
  };
}

Engine::SeqHandler Session::seq_handler(RequestId id, std::size_t cost) {
  return [this, id, cost](Result<std::uint64_t> result) {
    waiting_ -= cost;
    reply(id, std::move(result));
  };
}

}  // namespace lookout
