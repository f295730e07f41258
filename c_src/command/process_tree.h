// The processes below one: who they are, and how they are ended.
//
// A process that has set PR_SET_CHILD_SUBREAPER is the parent of every orphan below it, so whatever
// a command does (fork twice, setsid) stays below its guardian and is found here.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "command/launch_spec.h"

namespace lookout {

// What a line of /proc/PID/stat (proc(5)) tells; the name in it may hold anything, also ") R 1".
struct ProcessStat {
  pid_t parent = 0;
  pid_t group = 0;   // process group
  char state = '?';  // 'Z' also for one whose main thread has ended while others of it live
};
std::optional<ProcessStat> parse_process_stat(std::string_view line);

using ParentOf = std::pair<pid_t, pid_t>;  // process, its parent

// All below `root` among the pairs, parents before their children. Pure.
std::vector<pid_t> below(pid_t root, const std::vector<ParentOf>& processes);

// Makes this process the parent of every orphan below it, or lets go of those to come.
void become_subreaper();
void resign_as_subreaper();

// The children of this process, ended or not, that are not among `spared`. What is empty is so for
// certain: a child that only this process reaps is seen in any listing that begins while it lives.
// Nothing where the processes cannot be listed now.
std::optional<std::vector<pid_t>> children_but(const std::vector<pid_t>& spared);

// All processes below `root`, ended or not, as they are listed now.
std::vector<pid_t> processes_below(pid_t root);

// These send a signal to every process below `root`, through a pidfd that was checked to be a
// process of the tree (a number alone may be another's meanwhile).
//
// SIGKILL, but not to `spared` and what is below them. No state of a process excepts it: see
// ProcessStat. The children first where `root` is this process, also those that the option hidepid
// of /proc hides (proc(5)). Where the processes cannot be listed only these are killed: what is
// below them becomes a child of a subreaper, for the next call.
void kill_below(pid_t root, const std::vector<pid_t>& spared = {});
// Of these only the children of this process, which must run in the main thread: at once, however
// many processes there are.
void kill_own_children(const std::vector<pid_t>& spared = {});
// The signal that asks it to end, once, and SIGCONT: to the process group of a child (0: none) at
// once, whose members cannot fork meanwhile, and to each other process. Not to a process that is
// forked after the call began by one outside of the group, or by a handler of the signal. Without
// memory to the group alone.
void ask_below(pid_t root, int stop_signal, pid_t group);

// A process below `root` and outside of `spared`, for an error: one that may not be signalled by
// this one if there is any.
struct Survivor {
  pid_t pid = 0;  // 0: not known, for the reason in `unlisted`
  std::string name;
  bool refuses = false;  // EPERM
  int unlisted = 0;      // errno: why the processes cannot be listed
};
std::optional<Survivor> survivor_below(pid_t root, const std::vector<pid_t>& spared = {});

// Sends SIGKILL to the process group of a child that leads one; nothing where it was reaped.
void kill_group_of(pid_t child);

// Whether a job control signal (SIGSTOP) has stopped the child.
bool is_stopped(pid_t child);

// An ended child, taken off the process table without waiting.
struct Reaped {
  pid_t pid = 0;  // 0: none has ended
  ExitStatus status;
  bool none_left = false;  // there is no child, ended or not, and so no descendant
};
Reaped reap_one();
// How many are reaped before something else has its turn: some milliseconds.
inline constexpr int kMostReaped = 1000;
Reaped reap(pid_t child);  // this one and no other

// A descriptor that becomes readable when the process ends; -1 with errno (Linux 5.3).
int open_pidfd(pid_t pid);
void signal_process(int pidfd, int number);

}  // namespace lookout
