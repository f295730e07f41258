#include "command/process_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <fstream>
#include <memory>
#include <new>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "command/kept_descriptors.h"
#include "support/file_content.h"
#include "support/unique_fd.h"

namespace lookout {
namespace {

template <class Number>
std::optional<Number> to_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Removes the number at the front of `text`, and the space after it, and returns the number.
std::optional<pid_t> take_number(std::string_view& text) {
  const std::string_view digits = text.substr(0, text.find(' '));
  text.remove_prefix(std::min(digits.size() + 1, text.size()));
  return to_number<pid_t>(digits);
}

// A process chooses its name: any bytes, which must not reach a log.
std::string name_of(pid_t pid) {
  std::string name;
  std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/comm"), name);
  for (char& byte : name) {
    if (byte < ' ' || byte > '~') byte = '?';
  }
  return name;
}

pid_t tracer_of(pid_t pid) {
  constexpr std::string_view kTracer = "TracerPid:\t";
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(kTracer)) {
      return to_number<pid_t>(std::string_view(line).substr(kTracer.size())).value_or(0);
    }
  }
  return 0;
}

std::optional<ProcessStat> read_stat(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::array<char, 512> line{};
  const ssize_t size = ::read(file.get(), line.data(), line.size());
  if (size <= 0) return std::nullopt;
  return parse_process_stat({line.data(), static_cast<std::size_t>(size)});
}

struct Process {
  pid_t pid;
  ProcessStat stat;
};

bool is_want(int code) {
  return code == EMFILE || code == ENFILE || code == ENOMEM;
}

struct ProcessList {
  std::vector<Process> processes;
  int obstacle = 0;  // errno: why the list is incomplete
};

ProcessList all_processes() {
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), ::closedir);
  if (!proc) return {{}, errno};
  ProcessList list;
  bool has_this = false;
  // Only one thread reads this directory stream.
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  while (const dirent* entry = ::readdir(proc.get())) {
    const auto pid = to_number<pid_t>(entry->d_name);
    if (!pid) continue;
    has_this = has_this || *pid == ::getpid();
    errno = 0;
    if (const auto stat = read_stat(*pid)) {
      list.processes.push_back({*pid, *stat});
    } else if (is_want(errno)) {
      list.obstacle = errno;
    }
  }
  // /proc may not be mounted as the proc file system of this PID namespace.
  if (!has_this) list.obstacle = ENOENT;
  return list;
}

bool is_among(const std::vector<pid_t>& pids, pid_t pid) {
  return std::find(pids.begin(), pids.end(), pid) != pids.end();
}

// Returns the children of the main thread, ended or not, including adopted orphans. The file is
// short, so a child seldom forks between the read and its kill. It also lists processes that the
// mount option hidepid of /proc hides. Returns nothing if this is not the main thread, or without
// CONFIG_PROC_CHILDREN (Linux 4.2).
std::vector<pid_t> own_children() {
  const std::string text = content_of("/proc/thread-self/children");
  std::vector<pid_t> children;
  for (std::string_view rest = text; !rest.empty();) {
    if (const auto child = take_number(rest)) children.push_back(*child);
  }
  return children;
}

// A snapshot of the processes below `root`.
struct Tree {
  pid_t root;
  std::vector<pid_t> pids;                       // parents before their children
  std::unordered_map<pid_t, ProcessStat> stats;  // by process id
  std::vector<pid_t> hidden;                     // children of this process that /proc hides
  int obstacle = 0;                              // errno: why some may be missing
};

Tree tree_below(pid_t root, const std::vector<pid_t>& spared) {
  std::vector<ParentOf> parents;
  // Read the children before the list. Only this process reaps them, so each of them is in the list
  // unless it is hidden.
  std::vector<pid_t> children = root == ::getpid() ? own_children() : std::vector<pid_t>();
  const ProcessList all = all_processes();
  Tree tree{root, {}, {}, {}, all.obstacle};
  for (const Process& process : all.processes) {
    if (is_among(spared, process.pid)) continue;
    parents.emplace_back(process.pid, process.stat.parent);
    tree.stats.emplace(process.pid, process.stat);
  }
  std::erase_if(children, [&](pid_t child) {
    return is_among(spared, child) || tree.stats.count(child) != 0;
  });
  tree.hidden = std::move(children);
  tree.pids = below(root, parents);
  const std::unordered_set<pid_t> kept(tree.pids.begin(), tree.pids.end());
  std::erase_if(tree.stats, [&kept](const auto& entry) { return kept.count(entry.first) == 0; });
  return tree;
}

// Returns nothing if there is not enough memory.
std::optional<Tree> list_below(pid_t root) {
  try {
    return tree_below(root, {});
  } catch (const std::bad_alloc&) {
    return std::nullopt;
  }
}

// Returns nothing unless the process is known to belong to the tree.
UniqueFd open_checked(pid_t pid, const Tree& tree) {
  UniqueFd process(open_pidfd(pid));
  if (!process) return process;
  // The process id may have been reused before the pidfd was open: check the parent now.
  const auto stat = read_stat(pid);
  const bool known = stat && (stat->parent == tree.root || tree.stats.count(stat->parent) != 0);
  return known ? std::move(process) : UniqueFd();
}

// Like waitid(2), but neither blocks nor reaps. Returns false if `child` is no child of this
// process.
bool inspect(pid_t child, int options, siginfo_t& info) {
  info = {};
  return ::waitid(P_PID, static_cast<id_t>(child), &info, options | WNOHANG | WNOWAIT) == 0;
}

// Opens no descriptor. The process id of a child is not reused before this process reaps it.
bool kill_children(const std::vector<pid_t>& spared) {
  bool any = false;
  siginfo_t info;
  for (const pid_t pid : process_ids()) {
    if (is_among(spared, pid) || !inspect(pid, WEXITED, info)) continue;
    any = ::kill(pid, SIGKILL) == 0 || any;
  }
  return any;
}

}  // namespace

std::optional<ProcessStat> parse_process_stat(std::string_view line) {
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string_view::npos || line.size() < name_end + 5) return std::nullopt;
  const char state = line[name_end + 2];
  std::string_view rest = line.substr(name_end + 4);
  const auto parent = take_number(rest);
  const auto group = take_number(rest);
  if (!parent || !group) return std::nullopt;
  return ProcessStat{*parent, *group, state};
}

std::vector<pid_t> below(pid_t root, const std::vector<ParentOf>& processes) {
  std::unordered_map<pid_t, std::vector<pid_t>> children;
  for (const auto& [pid, parent] : processes) children[parent].push_back(pid);
  std::vector<pid_t> found;
  std::unordered_set<pid_t> seen{root};
  const auto add_children = [&](pid_t parent) {
    for (const pid_t child : children[parent]) {
      if (seen.insert(child).second) found.push_back(child);
    }
  };
  add_children(root);
  for (std::size_t i = 0; i < found.size(); ++i) add_children(found[i]);
  return found;
}

void become_subreaper() {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

void resign_as_subreaper() {
  ::prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}

std::optional<std::vector<pid_t>> children_but(const std::vector<pid_t>& spared) {
  const Tree tree = tree_below(::getpid(), spared);
  if (tree.obstacle != 0) return std::nullopt;
  std::vector<pid_t> children = tree.hidden;
  for (const auto& [pid, stat] : tree.stats) {
    if (stat.parent == ::getpid()) children.push_back(pid);
  }
  return children;
}

std::vector<pid_t> processes_below(pid_t root) {
  return tree_below(root, {}).pids;
}

bool kill_own_children(const std::vector<pid_t>& spared) {
  bool any = false;
  // A child keeps its process id until this process reaps it.
  for (const pid_t child : own_children()) {
    if (!is_among(spared, child)) any = ::kill(child, SIGKILL) == 0 || any;
  }
  return any;
}

bool kill_below(pid_t root, const std::vector<pid_t>& spared) {
  bool any = root == ::getpid() && kill_own_children(spared);
  const Tree tree = tree_below(root, spared);
  for (const pid_t pid : tree.pids) {
    const UniqueFd process = open_checked(pid, tree);
    if (process) any = signal_process(process.get(), SIGKILL) || any;
  }
  if (tree.obstacle != 0 && root == ::getpid()) any = kill_children(spared) || any;
  return any;
}

void ask_below(pid_t root, int stop_signal, pid_t group) {
  // List the tree before the first signal: what a signal handler forks must not get the same
  // signal.
  const std::optional<Tree> tree = list_below(root);
  const bool group_has_it = group != 0 && ::kill(-group, stop_signal) == 0;
  // A stopped process cannot handle the stop signal.
  if (group != 0) ::kill(-group, SIGCONT);
  if (!tree) return;
  for (const pid_t pid : tree->pids) {
    if (group_has_it && tree->stats.at(pid).group == group) continue;
    const UniqueFd process = open_checked(pid, *tree);
    if (!process) continue;
    signal_process(process.get(), stop_signal);
    signal_process(process.get(), SIGCONT);
  }
  for (const pid_t child : tree->hidden) {
    if (group_has_it && ::getpgid(child) == group) continue;
    ::kill(child, stop_signal);
    ::kill(child, SIGCONT);
  }
}

std::optional<Survivor> survivor_below(pid_t root, const std::vector<pid_t>& spared) {
  std::optional<Survivor> found;
  Tree tree = tree_below(root, spared);
  tree.pids.insert(tree.pids.end(), tree.hidden.begin(), tree.hidden.end());
  for (const pid_t pid : tree.pids) {
    const bool refuses = ::kill(pid, 0) != 0 && errno == EPERM;
    if (found && !refuses) continue;
    found = Survivor{pid, name_of(pid), refuses, 0, tracer_of(pid)};
    if (refuses) break;
  }
  if (!found && tree.obstacle != 0) return Survivor{0, "", false, tree.obstacle};
  return found;
}

void kill_group_of(pid_t child) {
  siginfo_t info;
  // The number of the group is not reused while the child is not reaped.
  if (inspect(child, WEXITED, info)) ::kill(-child, SIGKILL);
}

bool is_stopped(pid_t child) {
  siginfo_t info;
  return inspect(child, WSTOPPED, info) && info.si_pid == child;
}

Reaped reap_one() {
  return reap(-1);
}

Reaped reap(pid_t child) {
  int status = 0;
  const pid_t pid = ::waitpid(child, &status, WNOHANG);
  if (pid == 0) return {};
  if (pid < 0) return {0, {}, true};
  if (WIFSIGNALED(status)) return {pid, {0, WTERMSIG(status)}, false};
  return {pid, {WEXITSTATUS(status), 0}, false};
}

int open_pidfd(pid_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

bool signal_process(int pidfd, int number) {
  return ::syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, 0) == 0;
}

}  // namespace lookout
