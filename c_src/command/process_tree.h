// Lists and ends the processes below a process. The classes of command/ and ChildProgram call it.
//
// A process that has set PR_SET_CHILD_SUBREAPER becomes the parent of every orphan below it. So
// everything that a command starts (by a double fork, after setsid) stays below its guardian and is
// found here.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "command/launch_spec.h"

namespace lookout {

// Fields of /proc/PID/stat (proc(5)). The name in that line may contain anything, even ") R 1".
struct ProcessStat {
  pid_t parent = 0;
  pid_t group = 0;  // process group
  // 'Z' also for a process whose main thread has ended while other threads live.
  char state = '?';
};
std::optional<ProcessStat> parse_process_stat(std::string_view line);

using ParentOf = std::pair<pid_t, pid_t>;  // process, its parent

// Returns all processes below `root` among the pairs, parents before their children. Pure.
std::vector<pid_t> below(pid_t root, const std::vector<ParentOf>& processes);

// Makes this process the parent of every future orphan below it, or ends that.
void become_subreaper();
void resign_as_subreaper();

// Returns the children of this process, ended or not, that are not in `spared`. An empty result is
// reliable: only this process reaps its children, so a child is in every listing that begins while
// it exists. Returns nothing if the processes cannot be listed now.
std::optional<std::vector<pid_t>> children_but(const std::vector<pid_t>& spared);

// Returns all processes below `root`, ended or not, as listed now.
std::vector<pid_t> processes_below(pid_t root);

// The following functions send a signal to every process below `root`, through a pidfd that was
// verified to refer to a process of the tree. A process id alone may have been reused.
//
// Sends SIGKILL, except to `spared` and the processes below them. A process gets it in any state,
// also in 'Z' (see ProcessStat). If `root` is this process, its children get it first, including
// those that the mount option hidepid of /proc hides (proc(5)). If the processes cannot be listed,
// only the children are killed; the processes below them then become children of a subreaper, for
// the next call. Returns whether any process got it.
bool kill_below(pid_t root, const std::vector<pid_t>& spared = {});
// Sends SIGKILL to the children of this process only, except `spared`. Takes little time, however
// many processes exist. Call it from the main thread. Returns whether any got it.
bool kill_own_children(const std::vector<pid_t>& spared = {});
// Sends the stop signal once, and SIGCONT: first to the whole process group of a child (`group`, 0:
// none), whose members cannot fork during that system call, then to each other process. It misses
// processes that are forked after the call began, by a process outside of the group or by a handler
// of the signal. Without memory it signals the group only.
void ask_below(pid_t root, int stop_signal, pid_t group);

// A process below `root` and not below `spared`, for an error message. A process that may not be
// signalled by this one is preferred.
struct Survivor {
  pid_t pid = 0;  // 0: unknown, see `unlisted`
  std::string name;
  bool refuses = false;  // EPERM
  int unlisted = 0;      // errno: why the processes cannot be listed
  pid_t tracer = 0;      // the process that traces it (ptrace(2)); 0: none
};
std::optional<Survivor> survivor_below(pid_t root, const std::vector<pid_t>& spared = {});

// Sends SIGKILL to the process group that a child leads; does nothing if the child was reaped.
void kill_group_of(pid_t child);

// Returns whether the child is stopped by a job control signal (SIGSTOP).
bool is_stopped(pid_t child);

// A child that has ended and was reaped without blocking.
struct Reaped {
  pid_t pid = 0;  // 0: none has ended
  ExitStatus status;
  bool none_left = false;  // no child is left, ended or not, and so no descendant
};
Reaped reap_one();
// How many children are reaped before other work gets its turn; takes some milliseconds.
inline constexpr int kMaxReaped = 1000;
Reaped reap(pid_t child);  // only this child

// Returns a descriptor that becomes readable when the process ends; -1 with errno (Linux 5.3).
int open_pidfd(pid_t pid);
bool signal_process(int pidfd, int number);

}  // namespace lookout
