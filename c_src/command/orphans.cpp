#include "command/orphans.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace lookout {
namespace {

std::vector<pid_t>& guardians() {
  static std::vector<pid_t> pids;
  return pids;
}

// The kernel knows it without a look at /proc, which may hide processes of other users.
bool reap_all(const ReapHandler& reaped) {
  for (;;) {
    const Reaped ended = reap_one();
    if (ended.none_left) return true;
    if (ended.pid == 0) return false;
    reaped(ended);
  }
}

bool reap_all_but_guardians(const ReapHandler& reaped) {
  const auto orphans = children_but(guardians());
  if (!orphans) return false;
  for (const pid_t orphan : *orphans) {
    const Reaped ended = reap(orphan);
    if (ended.pid != 0) reaped(ended);
  }
  return orphans->empty();
}

}  // namespace

void add_guardian(pid_t guardian) {
  guardians().push_back(guardian);
}

bool end_guardian(pid_t guardian) {
  std::erase(guardians(), guardian);
  const Reaped reaped = reap(guardian);
  return reaped.pid == guardian && reaped.status == ExitStatus{};
}

void await_guardian(pid_t guardian) {
  while (::waitpid(guardian, nullptr, 0) < 0 && errno == EINTR) {
  }
  std::erase(guardians(), guardian);
}

bool sweep_orphans(const ReapHandler& reaped) {
  const bool none_left = guardians().empty() ? reap_all(reaped) : reap_all_but_guardians(reaped);
  if (!none_left) kill_below(::getpid(), guardians());
  return none_left;
}

std::optional<Survivor> surviving_orphan() {
  return survivor_below(::getpid(), guardians());
}

}  // namespace lookout
