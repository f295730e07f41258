// Serves requests: decodes payloads, calls the engine and the command, and sends replies. It
// handles terms, not framing. serve() in main.cpp or NodeSession::Owner owns it; PortTransport or
// NodeSession calls it.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>

#include "bridge/commanding.h"
#include "bridge/outbox.h"
#include "bridge/requests.h"
#include "bridge/transport.h"
#include "bridge/watching.h"

namespace lookout {

// The limit for requests that wait for the engine or the command. Each counts as its payload plus
// kRequestCost. A request that would exceed the limit gets the error `eagain`, unless it is the
// only one.
inline constexpr std::size_t kMaxWaiting = 16 * 1024 * 1024;  // bytes
inline constexpr std::size_t kRequestCost = 1024;             // bytes

// Every request with an id gets a reply, even if the outbox has no room. If the engine completes a
// request at once, the reply is sent within the call.
class Session : public Receiver {
 public:
  // `watching`, `commanding` and `outbox` must outlive the session. The session must outlive every
  // handler that they hold.
  Session(Watching& watching, Commanding& commanding, Outbox& outbox)
      : watching_(watching), commanding_(commanding), outbox_(outbox) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Whether no request waits for the engine or the command, so that no handler refers to it.
  bool is_idle() const { return waiting_ == 0; }
  // Its owner is gone: what still waits changes neither settings nor credit.
  void leave() { left_ = true; }

  void on_payload(std::string_view payload) override;
  void on_room() override;
  void on_broken(const Error& error) override { outbox_.send(Fatal{error}); }

 private:
  // Requests that are answered later count with `cost` bytes in waiting_ until then.
  void serve(const WatchRequest& request, std::size_t cost);
  void serve(const UnwatchRequest& request, std::size_t cost);
  void serve(const SyncRequest& request, std::size_t cost);
  void serve(const SaveRequest& request, std::size_t cost);
  void serve(ListRequest request, std::size_t cost);
  void serve(const InfoRequest& request, std::size_t cost);
  void serve(const PingRequest& request, std::size_t cost);
  void serve(const CreditRequest& request, std::size_t cost);
  void serve(const SpawnRequest& request, std::size_t cost);
  void serve(const InputRequest& request, std::size_t cost);
  void serve(const CloseInputRequest& request, std::size_t cost);
  void serve(const SignalRequest& request, std::size_t cost);
  void serve(const StopRequest& request, std::size_t cost);
  void serve(const ResizeRequest& request, std::size_t cost);
  void serve(const StatsRequest& request, std::size_t cost);
  void serve(const ReadRequest& request, std::size_t cost);

  bool admit(RequestId id, std::string_view operation, std::size_t cost);
  template <class T>
  void reply(std::optional<RequestId> id, Result<T> result);
  template <class T>
  std::function<void(Result<T>)> watch_handler(const WatchRequest& request, std::size_t cost);
  Engine::DoneHandler done_handler(RequestId id, std::size_t cost);
  Engine::SeqHandler seq_handler(RequestId id, std::size_t cost);

  Watching& watching_;
  Commanding& commanding_;
  Outbox& outbox_;
  std::size_t waiting_ = 0;  // bytes, counted as for kMaxWaiting
  bool left_ = false;
};

}  // namespace lookout
