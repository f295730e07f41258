#include "command/orphans.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <vector>

namespace lookout {
namespace {

std::vector<pid_t>& guardians() {
  static std::vector<pid_t> pids;
  return pids;
}

// many: more children may have ended
enum class Left : std::uint8_t { nothing, living, many };

// Without guardians the kernel's answer suffices. It needs no /proc, which may hide processes of
// other users.
Left reap_all(const ReapHandler& reaped) {
  // Children may end faster than they are reaped.
  for (int i = 0; i < kMostReaped; ++i) {
    const Reaped ended = reap_one();
    if (ended.none_left) return Left::nothing;
    if (ended.pid == 0) return Left::living;
    reaped(ended);
  }
  return Left::many;
}

Left reap_all_but_guardians(const ReapHandler& reaped) {
  const auto orphans = children_but(guardians());
  if (!orphans) return Left::living;
  for (const pid_t orphan : *orphans) {
    const Reaped ended = reap(orphan);
    if (ended.pid != 0) reaped(ended);
  }
  return orphans->empty() ? Left::nothing : Left::living;
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
  const Left left = guardians().empty() ? reap_all(reaped) : reap_all_but_guardians(reaped);
  if (left == Left::living) kill_below(::getpid(), guardians());
  // A list of all processes would take long.
  if (left == Left::many) kill_own_children(guardians());
  return left == Left::nothing;
}

std::optional<Survivor> surviving_orphan() {
  return survivor_below(::getpid(), guardians());
}

}  // namespace lookout
