#include "command/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "support/file_content.h"

namespace lookout {
namespace {

constexpr mode_t kDirectoryMode = 0755;
constexpr int kMaxTries = 10;  // attempts at a removal, 1 ms apart
constexpr std::chrono::milliseconds kLastRemoval{100};

using Clock = std::chrono::steady_clock;

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

// proc_pid_mountinfo(5): the type of the file system follows a field "-", the fourth field is the
// root of the mount within the file system, the fifth the mount point.
std::string_view mount_point(std::string_view mountinfo) {
  for (const std::string_view line : split(mountinfo, '\n')) {
    const auto fields = split(line, ' ');
    for (std::size_t i = 6; i + 1 < fields.size(); ++i) {
      if (fields[i] != "-") continue;
      if (fields[i + 1] == "cgroup2" && fields[3] == "/") return fields[4];
      break;
    }
  }
  return {};
}

// The time since boot. No cgroup survives a reboot, so it makes names unique.
std::string nanoseconds() {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return std::to_string(time.tv_sec * 1'000'000'000LL + time.tv_nsec);
}

std::string own_cgroup() {
  return cgroup_path(content_of("/proc/self/mountinfo"), content_of("/proc/self/cgroup"));
}

// Creates a directory in a cgroup; returns an empty string on failure. The name is unique even if a
// directory was left by an earlier lookout_port with this process id, or by one with this id in
// another PID namespace.
std::string make_directory(const std::string& parent) {
  if (parent.empty()) return {};
  const std::string prefix = parent + "/lookout-" + std::to_string(::getpid()) + "-";
  do {
    std::string path = prefix + nanoseconds();
    if (::mkdir(path.c_str(), kDirectoryMode) == 0) return path;
  } while (errno == EEXIST);
  return {};
}

UniqueFd open_cgroup(int directory, const char* path) {
  return UniqueFd(::openat(directory, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

// Returns the name of a child cgroup; empty if there is none.
std::string cgroup_below(int directory) {
  UniqueFd again = open_cgroup(directory, ".");
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(again.get()), ::closedir);
  if (!listing) return {};
  again.release();
  // Only one thread reads this directory stream.
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  while (const dirent* entry = ::readdir(listing.get())) {
    const std::string_view name = entry->d_name;
    if (entry->d_type == DT_DIR && name != "." && name != "..") return std::string(name);
  }
  return {};
}

// Returns whether systemd has delegated the cgroups below this one to its service (systemd's
// CGROUP_DELEGATION).
bool is_delegated(const std::string& cgroup) {
  char value = 0;
  return (::getxattr(cgroup.c_str(), "user.delegate", &value, 1) == 1 ||
          ::getxattr(cgroup.c_str(), "trusted.delegate", &value, 1) == 1) &&
         value == '1';
}

Error unsupported(const std::string& obstacle) {
  return {"enotsup", "cgroup", "",
          "the limits of :cgroup cannot be set: " + obstacle +
              ". The VM has to run in a cgroup of version 2 whose controllers are delegated to it "
              "(systemd: Delegate=yes and DelegateSubgroup=)"};
}

bool write_file(int directory, const char* name, const std::string& content) {
  const UniqueFd file(::openat(directory, name, O_WRONLY | O_CLOEXEC));
  return file && ::write(file.get(), content.data(), content.size()) ==
                     static_cast<ssize_t>(content.size());
}

// Returns the words of `wanted` that the file does not contain.
std::vector<std::string> missing_in(const std::string& file,
                                    const std::vector<std::string>& wanted) {
  const std::string content = content_of(file);
  const auto words = split(std::string_view(content).substr(0, content.find('\n')), ' ');
  std::vector<std::string> missing;
  for (const std::string& word : wanted) {
    if (std::find(words.begin(), words.end(), word) == words.end()) missing.push_back(word);
  }
  return missing;
}

std::string joined(const std::vector<std::string>& words, const std::string& before) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + before + word;
  return text;
}

}  // namespace

std::vector<std::string> controllers_of(const CgroupLimits& limits) {
  std::vector<std::string> controllers;
  if (limits.memory_max) controllers.emplace_back("memory");
  if (limits.cpu_max) controllers.emplace_back("cpu");
  if (limits.pids_max) controllers.emplace_back("pids");
  return controllers;
}

std::optional<std::string> enable_below(const std::string& cgroup,
                                        const std::vector<std::string>& controllers) {
  const auto wanted = missing_in(cgroup + "/cgroup.subtree_control", controllers);
  if (wanted.empty()) return std::nullopt;
  const auto absent = missing_in(cgroup + "/cgroup.controllers", wanted);
  if (!absent.empty()) {
    return "the cgroup " + cgroup + " does not have the controllers: " + joined(absent, "") +
           " (its cgroup.controllers lists those that it has)";
  }
  const UniqueFd directory(::open(cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory && write_file(directory.get(), "cgroup.subtree_control", joined(wanted, "+"))) {
    return std::nullopt;
  }
  if (errno == EBUSY) {
    return "the cgroup " + cgroup +
           " has processes of its own, and so passes no controllers on to cgroups below it";
  }
  return "the cgroup.subtree_control of " + cgroup + " cannot be written: " + errno_name(errno);
}

Result<std::string> limitable_parent(const std::string& own,
                                     const std::vector<std::string>& controllers) {
  const auto obstacle = enable_below(own, controllers);
  if (!obstacle) return own;
  std::string above = own.substr(0, own.rfind('/'));
  if (is_delegated(above) && !enable_below(above, controllers)) return above;
  return unsupported(*obstacle);
}

bool set_limits(int directory, const CgroupLimits& limits) {
  constexpr const char* kPeriod = " 100000";  // microseconds
  if (limits.memory_max &&
      !write_file(directory, "memory.max", std::to_string(*limits.memory_max))) {
    return false;
  }
  if (limits.cpu_max &&
      !write_file(directory, "cpu.max", std::to_string(*limits.cpu_max) + kPeriod)) {
    return false;
  }
  return !limits.pids_max || set_pids_max(directory, *limits.pids_max + 1);
}

bool set_pids_max(int directory, std::uint64_t processes) {
  return write_file(directory, "pids.max", std::to_string(processes));
}

bool is_in_another_cgroup(pid_t child) {
  const std::string others = content_of("/proc/" + std::to_string(child) + "/cgroup");
  return !others.empty() && others != content_of("/proc/self/cgroup");
}

std::string cgroup_path(std::string_view mountinfo, std::string_view cgroup) {
  const std::string_view mount = mount_point(mountinfo);
  if (mount.empty()) return {};
  for (const std::string_view line : split(cgroup, '\n')) {
    if (!line.starts_with("0::/")) continue;
    const std::string_view below = line.substr(3);
    return std::string(mount) + (below == "/" ? "" : std::string(below));
  }
  return {};
}

std::optional<Cgroup> Cgroup::make() {
  return make_below(own_cgroup());
}

std::optional<Cgroup> Cgroup::make_below(const std::string& parent) {
  const std::string path = make_directory(parent);
  if (path.empty()) return std::nullopt;
  UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) {
    remove_cgroup(path);
    return std::nullopt;
  }
  Cgroup cgroup(path, std::move(directory));
  if (!cgroup.kill_file_) return std::nullopt;
  return cgroup;
}

Cgroup::Cgroup(std::string path, UniqueFd directory)
    : path_(std::move(path)),
      directory_(std::move(directory)),
      kill_file_(open_kill_file(directory_.get())),
      removal_(path_) {}

Result<Cgroup> Cgroup::make(const CgroupLimits& limits) {
  const std::string own = own_cgroup();
  if (own.empty()) return unsupported("no file system of cgroup v2 is mounted with its root");
  Result<std::string> parent = limitable_parent(own, controllers_of(limits));
  if (auto* error = std::get_if<Error>(&parent)) return std::move(*error);
  const auto& path = std::get<std::string>(parent);
  auto cgroup = make_below(path);
  if (!cgroup) {
    return unsupported("no cgroup can be made in " + path + ": " + errno_name(errno) +
                       ", or it has no cgroup.kill (Linux 5.14)");
  }
  if (!set_limits(cgroup->directory(), limits)) {
    return unsupported("the limits of " + cgroup->path() + " cannot be set: " + errno_name(errno));
  }
  return std::move(*cgroup);
}

Cgroup::~Cgroup() {
  if (directory_) remove(Clock::now() + kLastRemoval);
}

void Cgroup::kill() const {
  kill_cgroup(kill_file_.get());
}

UniqueFd open_kill_file(int directory) {
  return UniqueFd(::openat(directory, "cgroup.kill", O_WRONLY | O_CLOEXEC));
}

bool kill_cgroup(int kill_file) {
  // The walk through /proc finds processes that this write does not reach.
  return ::write(kill_file, "1", 1) == 1;
}

UniqueFd open_events_file(int directory) {
  return UniqueFd(::openat(directory, "cgroup.events", O_RDONLY | O_CLOEXEC));
}

bool is_populated(int events_file) {
  std::array<char, 256> text{};
  const ssize_t size = ::pread(events_file, text.data(), text.size(), 0);
  if (size <= 0) return false;
  const std::string_view events(text.data(), static_cast<std::size_t>(size));
  return events.find("populated 1") != std::string_view::npos;
}

std::vector<pid_t> processes_in(int directory) {
  const std::string text = content_of("cgroup.procs", directory);
  std::vector<pid_t> processes;
  for (const std::string_view line : split(text, '\n')) {
    pid_t pid = 0;
    if (std::from_chars(line.data(), line.data() + line.size(), pid).ec == std::errc() && pid > 0) {
      processes.push_back(pid);
    }
  }
  return processes;
}

bool CgroupRemoval::go_on(TimePoint end) {
  do {
    if (directory_) {
      if (!remove_next()) directory_.reset();
      continue;
    }
    if (::rmdir(path_.c_str()) == 0 || errno == ENOENT || tries_ == kMaxTries) return true;
    // A process that has just ended may keep its cgroup busy for a moment.
    if (++tries_ > 1) ::poll(nullptr, 0, 1);
    directory_ = open_cgroup(AT_FDCWD, path_.c_str());
    names_.clear();
  } while (Clock::now() < end);
  return false;
}

// Descends into a child cgroup, or, if there is none, removes the current one and goes up: the
// deepest are removed first. Returns false at the end of a pass: no cgroup is left, or one cannot
// be removed now.
bool CgroupRemoval::remove_next() {
  std::string name = cgroup_below(directory_.get());
  if (!name.empty()) {
    directory_ = open_cgroup(directory_.get(), name.c_str());
    names_.push_back(std::move(name));
    return static_cast<bool>(directory_);
  }
  if (names_.empty()) return false;
  directory_ = open_cgroup(directory_.get(), "..");
  if (::unlinkat(directory_.get(), names_.back().c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
    return false;
  }
  names_.pop_back();
  tries_ = 0;
  return true;
}

void remove_cgroup(const std::string& path) {
  CgroupRemoval(path).go_on(CgroupRemoval::TimePoint::max());
}

}  // namespace lookout
