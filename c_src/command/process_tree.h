// The processes below one: who they are, and how they are ended.
//
// A process that has set PR_SET_CHILD_SUBREAPER is the parent of every orphan below it, so whatever
// a command does (fork twice, setsid) stays below its guardian and is found here.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "command/launch_spec.h"

namespace lookout {

// What a line of /proc/PID/stat (proc(5)) tells; the name in it may hold anything, also ") R 1".
struct ProcessStat {
  pid_t parent = 0;
  char state = '?';  // 'Z' for one that has ended and waits to be reaped
};
std::optional<ProcessStat> parse_process_stat(std::string_view line);

using ParentOf = std::pair<pid_t, pid_t>;  // process, its parent

// All below `root` among the pairs, parents before their children. Pure.
std::vector<pid_t> below(pid_t root, const std::vector<ParentOf>& processes);

// Makes this process the parent of every orphan below it.
void become_subreaper();

// The children of this process, ended or not, that are not among `spared`. What is empty is so for
// certain: a child that only this process reaps is seen in any listing that begins while it lives.
// Nothing where the processes cannot be listed now.
std::optional<std::vector<pid_t>> children_but(const std::vector<pid_t>& spared);

// Sends SIGKILL to every living process below this one, each through a pidfd that was checked to be
// a process of the tree (a number alone may be another's meanwhile), but for `spared` and what is
// below them.
void kill_descendants(const std::vector<pid_t>& spared = {});

// An ended child, taken off the process table without waiting.
struct Reaped {
  pid_t pid = 0;  // 0: none has ended
  ExitStatus status;
  bool none_left = false;  // there is no child, ended or not, and so no descendant
};
Reaped reap_one();
Reaped reap(pid_t child);  // this one and no other

// A descriptor that becomes readable when the process ends; -1 with errno (Linux 5.3).
int open_pidfd(pid_t pid);

}  // namespace lookout
