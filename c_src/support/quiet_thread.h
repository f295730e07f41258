// A thread that blocks all signals. RemoteMount, ReadAhead and SnapshotSaver start their threads
// with it.
#pragma once

#include <csignal>
#include <thread>
#include <utility>

namespace lookout {

// Throws std::system_error if there are too many threads.
template <class Work>
std::thread quiet_thread(Work work) {
  struct AllBlocked {
    AllBlocked() {
      sigset_t all;
      ::sigfillset(&all);
      ::pthread_sigmask(SIG_SETMASK, &all, &before);
    }
    ~AllBlocked() { ::pthread_sigmask(SIG_SETMASK, &before, nullptr); }
    AllBlocked(const AllBlocked&) = delete;
    AllBlocked& operator=(const AllBlocked&) = delete;

    sigset_t before;
  };
  const AllBlocked blocked;  // a thread inherits the signal mask of its creator
  return std::thread(std::move(work));
}

}  // namespace lookout
