// A session of the node: one engine for the requests of one owner, a process on another node that
// has opened the session. A session without a name may run commands too, in a ChildProgram.
//
// A named session outlives its owner, and may get another one. Without an owner it merges changes
// as for a subscriber without credit.
//
// Sessions owns it, gives it an owner and takes that away, and passes on what the owner sends. Each
// owner has a Session (bridge/session.h) of its own, which decodes its requests.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bridge/engine_watching.h"
#include "bridge/outbox.h"
#include "bridge/session.h"
#include "node/child_program.h"
#include "node/kept_payloads.h"
#include "node/owner_channel.h"
#include "node/rights.h"

namespace lookout {

class NodeSession : private Listener {
 public:
  // `name` is empty for a session that ends with its owner. `epoch` is different for each session:
  // a batch of a named session has the number epoch + seq for its owners, so that no batch of
  // another session of the same name is taken for it.
  NodeSession(boost::asio::io_context& io, std::string name, std::uint64_t epoch, bool commands);
  ~NodeSession() override;
  NodeSession(const NodeSession&) = delete;
  NodeSession& operator=(const NodeSession&) = delete;

  const std::string& name() const { return name_; }
  bool is_attached() const { return channel_ != nullptr; }

  // Gives the session an owner. Sends hello and, in a named session, {session, {new, Epoch}} or
  // {session, {resumed, Epoch, Batch}} with what was sent after that batch. `ended` is called if
  // the session cannot continue, with the reason: from the loop, or within on_payload().
  using EndHandler = std::function<void(std::string_view reason)>;
  // The batch of this session that has the number epoch + seq, if all after it is kept.
  std::optional<std::uint64_t> resumable(std::uint64_t number) const;
  void attach(OwnerChannel& channel, std::optional<std::uint64_t> resumed, EndHandler ended);
  // The owner is gone. Its credit is taken back, and its replies are dropped.
  void detach();

  void on_payload(std::string_view payload);
  // The owner has sent a request that was too large to be read.
  void on_large(std::size_t size);
  void on_room();

  // Whether destroying it would wait for a system call that does not return.
  bool is_stuck() const { return watching_.is_stuck(); }

 private:
  // One owner's requests. It stays until its last request is answered, since the engine holds the
  // handlers.
  class Owner;

  void on_events(std::uint64_t seq, const std::vector<Event>& events) override;
  void on_notice(Notice notice) override;
  bool has_room() const override { return channel_ != nullptr && channel_->has_room(); }
  bool start_program();

  boost::asio::io_context& io_;
  std::string name_;
  std::uint64_t epoch_;
  bool commands_;
  EngineWatching watching_;
  RestrictedWatching restricted_;
  RefusedCommanding commanding_;
  TermWriter writer_;
  KeptPayloads kept_;
  OwnerChannel* channel_ = nullptr;
  EndHandler ended_;
  std::unique_ptr<ChildProgram> program_;  // which runs commands
  std::unique_ptr<Owner> owner_;
  std::vector<std::unique_ptr<Owner>> former_;  // with requests that are not answered yet
};

}  // namespace lookout
