// Makes calls on a file system that another host, or another process, serves. RemoteMounts creates
// it and shares it with the open directories; the functions of disk/ call it.
//
// While the server does not answer, a system call on the file system blocks, and no signal but
// SIGKILL interrupts it. So each such mount has a thread of its own that makes these calls. The
// event loop waits for a response, as for any system call, but only for a short time, and makes no
// other call while one is pending.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "watch/disk/remote_waits.h"

namespace lookout {

// The threads of file systems that were unmounted, all together. Each blocks, with what its call
// has open, until the server answers or dies: anyone who may mount could leave threads without end.
// RemoteMounts owns it, its mounts and their threads share it.
class EndedThreads {
 public:
  // While there are this many threads, a mount that has no thread yet gets none.
  static constexpr std::size_t kMax = 64;

  bool full() const;
  void add();
  // Calls what notify() was given last if there is room again.
  void remove();
  void notify(std::function<void()> has_room);

 private:
  mutable std::mutex mutex_;
  std::size_t count_ = 0;
  std::function<void()> has_room_;
};

class RemoteMount {
 public:
  // How long the caller waits for a response: RemoteWaits::limit(). After a call that took longer,
  // the caller waits for no further call until one was answered within kMaxWait, or until kPause
  // has passed since the last response that took longer.
  static constexpr std::chrono::milliseconds kMaxWait = RemoteWaits::kMaxWait;
  static constexpr std::chrono::milliseconds kPause{10'000};
  // A mount is hung if a call has been pending for this time, or could not be made for this time
  // because of EndedThreads::kMax.
  static constexpr std::chrono::milliseconds kHung{1000};
  // How long a late response may be used. It lets an operation of several slow calls succeed.
  static constexpr std::chrono::milliseconds kValid{10'000};

  // The thread of the mount calls `answered` when a late response has arrived. `waits` must live
  // longer.
  RemoteMount(RemoteWaits& waits, std::function<void()> answered,
              std::shared_ptr<EndedThreads> ended = std::make_shared<EndedThreads>());
  ~RemoteMount();
  RemoteMount(const RemoteMount&) = delete;
  RemoteMount& operator=(const RemoteMount&) = delete;

  // Returns the response to a call, or nullopt while there is none; code() returns the reason.
  // `what` names the call: a late response goes to a caller that asks for the same name within
  // kValid. The call must own everything that it uses, and may be made on any thread.
  template <class Call>
  std::optional<std::invoke_result_t<Call>> ask(const std::string& what, Call call) {
    using Answer = std::invoke_result_t<Call>;
    constexpr bool kOnce = !std::is_copy_constructible_v<Answer>;
    const std::shared_ptr<void> answer =
        ask_for(what, kOnce, [call = std::move(call)]() mutable -> std::shared_ptr<void> {
          return std::make_shared<Answer>(call());
        });
    if (!answer) return std::nullopt;
    if constexpr (kOnce) {
      return std::move(*static_cast<Answer*>(answer.get()));
    } else {
      return *static_cast<const Answer*>(answer.get());
    }
  }

  // Why there is no response, as an errno: EAGAIN, or ETIMEDOUT if the mount is hung.
  int code() const;
  bool hung() const;
  // Whether a call is pending.
  bool waits() const;
  // Whether the last response arrived in time, and a call can be made.
  bool prompt() const;

  // Drops all late responses, and that of a pending call: the state may have changed since.
  void forget_answers();
  // Destroys an object on the thread of the mount, since that may block: on some file systems
  // close(2) does.
  void discard(std::shared_ptr<void> something);

  // The file system was unmounted, or no caller waits any more: no call is made after this.
  void end();
  bool ended() const;

 private:
  struct State;
  using Call = std::function<std::shared_ptr<void>()>;

  // `once`: only one caller may get the response.
  std::shared_ptr<void> ask_for(const std::string& what, bool once, Call call);
  static bool start(const std::shared_ptr<State>& state);
  static bool start_any(const std::shared_ptr<State>& state);
  static void serve(const std::shared_ptr<State>& state);

  RemoteWaits& waits_;
  std::shared_ptr<State> state_;
};

}  // namespace lookout
