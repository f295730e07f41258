#include "command/orphans.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <vector>

namespace lookout {
namespace {

std::vector<pid_t>& known_children() {
  static std::vector<pid_t> pids;
  return pids;
}

// many: more children may have ended
enum class Left : std::uint8_t { nothing, living, many };

// Without known children the kernel's answer suffices. It needs no /proc, which may hide processes
// of other users.
Left reap_all(const ReapHandler& reaped) {
  // Children may end faster than they are reaped.
  for (int i = 0; i < kMaxReaped; ++i) {
    const Reaped ended = reap_one();
    if (ended.none_left) return Left::nothing;
    if (ended.pid == 0) return Left::living;
    reaped(ended);
  }
  return Left::many;
}

Left reap_all_but_known_children(const ReapHandler& reaped) {
  const auto orphans = children_but(known_children());
  if (!orphans) return Left::living;
  for (const pid_t orphan : *orphans) {
    const Reaped ended = reap(orphan);
    if (ended.pid != 0) reaped(ended);
  }
  return orphans->empty() ? Left::nothing : Left::living;
}

}  // namespace

void add_known_child(pid_t pid) {
  known_children().push_back(pid);
}

bool reap_known_child(pid_t pid) {
  std::erase(known_children(), pid);
  const Reaped reaped = reap(pid);
  return reaped.pid == pid && reaped.status == ExitStatus{};
}

void await_known_child(pid_t pid) {
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  std::erase(known_children(), pid);
}

bool sweep_orphans(const ReapHandler& reaped) {
  const Left left =
      known_children().empty() ? reap_all(reaped) : reap_all_but_known_children(reaped);
  if (left == Left::living) kill_below(::getpid(), known_children());
  // A list of all processes would take long.
  if (left == Left::many) kill_own_children(known_children());
  return left == Left::nothing;
}

std::optional<Survivor> surviving_orphan() {
  return survivor_below(::getpid(), known_children());
}

}  // namespace lookout
