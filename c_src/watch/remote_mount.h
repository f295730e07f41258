// Calls on a file system that another host, or another process, serves.
//
// Where the server does not answer, a system call on it blocks for as long as that lasts, and no
// signal but SIGKILL ends it. So these calls are made on a thread that each such mount has for
// itself. The loop waits for an answer, as for any system call, but not for long, and while one
// call is out no other is made.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace lookout {

class RemoteMount {
 public:
  // How long a call is waited for. After one that took longer none is waited for, until one has
  // been answered within that time, or so much time has passed since the last that was not.
  static constexpr std::chrono::milliseconds kPatience{200};
  static constexpr std::chrono::milliseconds kRest{10'000};
  // A mount is hung when a call has been out for so long.
  static constexpr std::chrono::milliseconds kHung{1000};
  // How long an answer that was not waited for may be used: what takes several calls, each of them
  // slow, gets through by that.
  static constexpr std::chrono::milliseconds kValid{10'000};

  // `answered` is called on the mount's thread when an answer came that was not waited for.
  explicit RemoteMount(std::function<void()> answered);
  ~RemoteMount();
  RemoteMount(const RemoteMount&) = delete;
  RemoteMount& operator=(const RemoteMount&) = delete;

  // The answer to a call, nullopt where there is none yet; code() tells why. `what` names the call:
  // an answer that was not waited for is given to those that ask the same within kValid. The call
  // must own all that it uses, and may be made on any thread.
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

  // Why there is no answer, an errno: EAGAIN, or ETIMEDOUT where the mount is hung.
  int code() const;
  bool hung() const;
  // Whether a call has not been answered.
  bool waits() const;
  // Whether the last answer came in time.
  bool prompt() const;

  // What was asked so far will be asked anew: what it tells may have changed since.
  void forget_answers();
  // Has something destroyed where that may block: closing a descriptor does on some file systems.
  void discard(std::shared_ptr<void> something);

  // It is mounted no more, or nobody waits any more: no call is made after this.
  void end();
  bool ended() const;

 private:
  struct State;
  using Call = std::function<std::shared_ptr<void>()>;

  // `once`: an answer is for one who asks.
  std::shared_ptr<void> ask_for(const std::string& what, bool once, Call call);
  static bool start(const std::shared_ptr<State>& state);
  static void serve(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
};

}  // namespace lookout
