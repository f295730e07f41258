// A thread that blocks all signals.
#pragma once

#include <csignal>
#include <thread>
#include <utility>

namespace lookout {

// Throws std::system_error if there are too many threads.
template <class Work>
std::thread quiet_thread(Work work) {
  struct Blocked {
    Blocked() {
      sigset_t all;
      ::sigfillset(&all);
      ::pthread_sigmask(SIG_SETMASK, &all, &before);
    }
    ~Blocked() { ::pthread_sigmask(SIG_SETMASK, &before, nullptr); }
    Blocked(const Blocked&) = delete;
    Blocked& operator=(const Blocked&) = delete;

    sigset_t before;
  };
  const Blocked blocked;  // a thread inherits the signal mask of its creator
  return std::thread(std::move(work));
}

}  // namespace lookout
