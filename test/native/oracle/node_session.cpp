#include "oracle/node_session.h"

#include <chrono>
#include <utility>
#include <variant>

namespace lookout::oracle {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{60};

}  // namespace

void run_until(boost::asio::io_context& io, const std::string& what,
               const std::function<bool()>& reached) {
  const auto deadline = steady_clock::now() + kPatience;
  while (!reached()) {
    io.restart();
    io.run_one_for(std::chrono::milliseconds(100));
    if (steady_clock::now() > deadline) throw Broken("no end came: " + what);
  }
}

template <class T>
NodeSession::ReplyHandler NodeSession::handler(std::function<void(Result<T>)> done) {
  return [done = std::move(done)](const Reply& reply) {
    if (const auto* value = std::get_if<T>(&reply.outcome)) return done(*value);
    if (const auto* error = std::get_if<Error>(&reply.outcome)) return done(*error);
    throw Broken("a reply has another type than its request has");
  };
}

RequestId NodeSession::expect(Waiting waiting) {
  waiting_[++last_id_] = std::move(waiting);
  return last_id_;
}

void NodeSession::take(const NodeMessage& message) {
  if (!greeted_ && !std::holds_alternative<HelloMessage>(message) &&
      !std::holds_alternative<Fatal>(message))
    throw Broken("the first message is not hello");
  std::visit([this](const auto& each) { on(each); }, message);
}

void NodeSession::on(const HelloMessage& /*hello*/) {
  if (std::exchange(greeted_, true)) throw Broken("hello came twice");
}

void NodeSession::on(const Reply& reply) {
  const auto found = reply.id ? waiting_.find(*reply.id) : waiting_.end();
  if (found == waiting_.end()) throw Broken("a reply came to no request");
  const ReplyHandler done = std::move(found->second.done);
  asked_syncs_.erase(found->first);
  waiting_.erase(found);
  done(reply);
}

void NodeSession::on(const Entries& entries) {
  const auto found = waiting_.find(entries.id);
  if (found == waiting_.end() || !found->second.chunk)
    throw Broken("entries came that were not asked for");
  found->second.chunk(entries.entries);
}

void NodeSession::on(const BatchMessage& batch) {
  context_.listener.on_events(batch.seq, batch.events);
}

void NodeSession::on(const Notice& notice) {
  context_.listener.on_notice(notice);
}

void NodeSession::on(const Fatal& fatal) {
  throw Broken("the session ends: " + fatal.error.reason + ", " + fatal.error.detail);
}

void NodeSession::lose() {
  greeted_ = false;
  begun_.reset();
  waiting_.clear();
  for (auto& [id, done] : std::exchange(asked_syncs_, {})) syncs_.push_back(std::move(done));
}

void NodeSession::resume_requests() {
  for (auto& done : std::exchange(syncs_, {})) sync(std::move(done));
}

void NodeSession::watch(const std::vector<std::string>& paths, const WatchOptions& options,
                        Engine::DoneHandler done) {
  WatchRequest request;
  request.id = expect({handler<Done>(std::move(done))});
  request.paths = paths;
  request.options = options;
  request.settings = std::exchange(settings_, {});
  send_(encode_request(request));
}

void NodeSession::watch_from(const std::vector<std::string>& /*paths*/,
                             const WatchOptions& /*options*/, const CursorStart& /*start*/,
                             Engine::SeqHandler /*done*/) {
  throw Broken("a node saves no snapshots");
}

void NodeSession::save(const std::string& /*name*/, Engine::SeqHandler /*done*/) {
  throw Broken("a node saves no snapshots");
}

void NodeSession::unwatch(const std::string& path, Engine::DoneHandler done) {
  send_(encode_request(UnwatchRequest{expect({handler<Done>(std::move(done))}), path}));
}

void NodeSession::sync(Engine::SeqHandler done) {
  const RequestId id = expect({handler<std::uint64_t>(done)});
  asked_syncs_[id] = std::move(done);
  send_(encode_request(SyncRequest{id}));
}

void NodeSession::list(std::optional<std::string> under, bool with_stat, Engine::ChunkHandler chunk,
                       Engine::SeqHandler done) {
  const RequestId id = expect({handler<std::uint64_t>(std::move(done)), std::move(chunk)});
  send_(encode_request(ListRequest{id, std::move(under), with_stat}));
}

void NodeSession::grant(std::uint64_t batches) {
  send_(encode_request(CreditRequest{batches}));
}

Result<EngineInfo> NodeSession::info() {
  std::optional<Result<EngineInfo>> info;
  const RequestId id =
      expect({handler<EngineInfo>([&](Result<EngineInfo> result) { info = std::move(result); })});
  send_(encode_request(InfoRequest{id}));
  run_until(context_.io, "info", [&] { return info.has_value(); });
  return *std::move(info);
}

void NodeSession::ping() {
  bool answered = false;
  const RequestId id = expect({[&](const Reply&) { answered = true; }});
  send_(encode_request(PingRequest{id}));
  run_until(context_.io, "ping", [&] { return answered; });
}

}  // namespace lookout::oracle
