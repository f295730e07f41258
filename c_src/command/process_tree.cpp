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
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>

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

  bool has_ended() const { return stat.state == 'Z' || stat.state == 'X'; }
};

bool is_want(int code) {
  return code == EMFILE || code == ENFILE || code == ENOMEM;
}

// Not `complete` where for want of descriptors or memory not all could be looked at.
struct ProcessList {
  std::vector<Process> processes;
  bool complete = true;
};

ProcessList all_processes() {
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), ::closedir);
  if (!proc) return {{}, false};
  ProcessList list;
  // One thread reads this directory stream.
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  while (const dirent* entry = ::readdir(proc.get())) {
    const auto pid = to_number<pid_t>(entry->d_name);
    if (!pid) continue;
    errno = 0;
    if (const auto stat = read_stat(*pid)) {
      list.processes.push_back({*pid, *stat});
    } else if (is_want(errno)) {
      list.complete = false;
    }
  }
  return list;
}

bool is_among(const std::vector<pid_t>& pids, pid_t pid) {
  return std::find(pids.begin(), pids.end(), pid) != pids.end();
}

// Those that have ended are left out: they have no children any more.
std::vector<ParentOf> living_processes_but(const std::vector<pid_t>& spared) {
  std::vector<ParentOf> living;
  for (const Process& process : all_processes().processes) {
    if (process.has_ended() || is_among(spared, process.pid)) continue;
    living.emplace_back(process.pid, process.stat.parent);
  }
  return living;
}

void kill_checked(pid_t pid, pid_t root, const std::unordered_set<pid_t>& tree) {
  const UniqueFd process(open_pidfd(pid));
  if (!process) return;
  // The number was free for others until the pidfd was open: whose child is it now?
  const auto stat = read_stat(pid);
  if (!stat || (stat->parent != root && tree.count(stat->parent) == 0)) return;
  ::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
}

}  // namespace

std::optional<ProcessStat> parse_process_stat(std::string_view line) {
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string_view::npos || line.size() < name_end + 5) return std::nullopt;
  const char state = line[name_end + 2];
  const std::string_view rest = line.substr(name_end + 4);
  const auto parent = to_number<pid_t>(rest.substr(0, rest.find(' ')));
  if (!parent) return std::nullopt;
  return ProcessStat{*parent, state};
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

std::optional<std::vector<pid_t>> children_but(const std::vector<pid_t>& spared) {
  const ProcessList all = all_processes();
  if (!all.complete) return std::nullopt;
  std::vector<pid_t> children;
  for (const Process& process : all.processes) {
    if (process.stat.parent != ::getpid() || is_among(spared, process.pid)) continue;
    children.push_back(process.pid);
  }
  return children;
}

void kill_descendants(const std::vector<pid_t>& spared) {
  const pid_t root = ::getpid();
  const std::vector<pid_t> found = below(root, living_processes_but(spared));
  const std::unordered_set<pid_t> tree(found.begin(), found.end());
  for (const pid_t pid : found) kill_checked(pid, root, tree);
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

}  // namespace lookout
