// The requests of an owner of a session, and what comes back.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oracle/node_messages.h"
#include "oracle/subject.h"

namespace lookout::oracle {

// Runs the loop until `reached`. Throws Broken, with what was waited for, where that takes a
// minute.
void run_until(boost::asio::io_context& io, const std::string& what,
               const std::function<bool()>& reached);

class NodeSession : public Watching {
 public:
  // `send` takes an encoded request.
  NodeSession(const SubjectContext& context, std::function<void(const std::string&)> send)
      : context_(context), send_(std::move(send)) {}

  // A message of the session.
  void take(const NodeMessage& message);
  // How the session began, once that has come.
  const std::optional<SessionBegin>& begun() const { return begun_; }
  bool is_greeted() const { return greeted_; }

  // The connection is lost: what was asked for is not answered any more.
  void lose();
  // The session goes on with a new connection, and has sent what it had sent already: then what
  // waits is asked for again.
  void resume_requests();

  void watch(const std::vector<std::string>& paths, const WatchOptions& options,
             Engine::DoneHandler done) override;
  void watch_from(const std::vector<std::string>& paths, const WatchOptions& options,
                  const CursorStart& start, Engine::SeqHandler done) override;
  void save(const std::string& name, Engine::SeqHandler done) override;
  void unwatch(const std::string& path, Engine::DoneHandler done) override;
  void sync(Engine::SeqHandler done) override;
  void list(std::optional<std::string> under, bool with_stat, Engine::ChunkHandler chunk,
            Engine::SeqHandler done) override;
  void grant(std::uint64_t batches) override;
  void set(const Settings& settings) override { settings_ = settings; }
  void resume() override {}
  Result<EngineInfo> info() override;
  void ping();  // returns when it is answered

 private:
  using ReplyHandler = std::function<void(const Reply&)>;
  struct Waiting {
    ReplyHandler done;
    Engine::ChunkHandler chunk = {};
  };

  template <class T>
  static ReplyHandler handler(std::function<void(Result<T>)> done);
  RequestId expect(Waiting waiting);
  void on(const HelloMessage& hello);
  void on(const SessionBegin& begin) { begun_ = begin; }
  void on(const Reply& reply);
  void on(const Entries& entries);
  void on(const BatchMessage& batch);
  void on(const Notice& notice);
  void on(const Fatal& fatal);

  SubjectContext context_;
  std::function<void(const std::string&)> send_;
  Settings settings_;
  bool greeted_ = false;
  std::optional<SessionBegin> begun_;
  RequestId last_id_ = 0;
  std::map<RequestId, Waiting> waiting_;
  std::vector<Engine::SeqHandler> syncs_;  // to be asked for again
  std::map<RequestId, Engine::SeqHandler> asked_syncs_;
};

}  // namespace lookout::oracle
